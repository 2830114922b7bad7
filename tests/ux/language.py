"""The page in each language: axe at two widths, direction, isolation of names, no sideways scroll at 320 px."""

from __future__ import annotations

from dataclasses import replace

from tests.ux.lens import DESK, PHONE, SMALL_PHONE, Lens, Target, in_language, probe
from tests.ux.lines import Budget, Line

AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RIGHT_TO_LEFT = ("ar", "fa", "he", "ps", "ur")


def look(lens: Lens, target: Target, budget: Budget, *, code: str) -> list[Line]:
    """Look at the page in one language."""
    there = replace(target, url=in_language(target.url, code))
    return [*_at_large(lens, there, budget, code=code), *_at_320(lens, there, code=code)]


def _at_large(lens: Lens, target: Target, budget: Budget, *, code: str) -> list[Line]:
    violations: list[str] = []
    ratios: list[float] = []
    with lens.open(target, locale=code) as page:
        title, lang, direction = page.title(), page.get_attribute("html", "lang"), page.get_attribute("html", "dir")
        loose = page.evaluate(probe("unisolated"))
        for width, height in (DESK, SMALL_PHONE):
            page.set_viewport_size({"width": width, "height": height})
            found = lens.run_axe(page, "axe", AXE_TAGS)
            violations += [f"{width}: {each}" for each in found["violations"]]
            ratios += [found["lowest"]] if found["lowest"] else []
        page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        lens.picture(page, target, f"{code}-390")
    wanted = "rtl" if code in RIGHT_TO_LEFT else "ltr"
    lowest = min(ratios, default=0.0)
    return [
        Line(f"{code} axe", violations, not violations),
        Line(f"{code} language and direction", f"{lang} {direction}", (lang, direction) == (code, wanted)),
        Line(f"{code} contrast ≥ {budget.contrast}", lowest, lowest >= budget.contrast),
        Line(f"{code} title", title, bool(title.strip())),
        Line(f"{code} names isolated", loose, not loose),
    ]


def _at_320(lens: Lens, target: Target, *, code: str) -> list[Line]:
    with lens.open(target, size=SMALL_PHONE, locale=code) as page:
        seen = page.evaluate(probe("overflow"))
        lens.picture(page, target, f"{code}-320")
    return [Line(f"{code} 320 px", seen["over"], not seen["wide"])]
