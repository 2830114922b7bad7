"""The page under strain: text at 200 %, zoom at 200 %, text spacing, targets, paper, dark and forced colours."""

from __future__ import annotations

import re
import subprocess

from playwright.sync_api import Page

from tests.ux.lens import PHONE, Lens, Target, probe
from tests.ux.lines import Budget, Line

A4 = (794, 1123)
_DOUBLE = (
    "() => { const h = document.documentElement;"
    "h.style.setProperty('font-size', 2 * parseFloat(getComputedStyle(h).fontSize) + 'px', 'important') }"
)
_SPACING = (
    "() => { const s = new CSSStyleSheet(); s.replaceSync('* { line-height: 1.5 !important;"
    " letter-spacing: .12em !important; word-spacing: .16em !important } p { margin-bottom: 2em !important }');"
    "document.adoptedStyleSheets = [...document.adoptedStyleSheets, s] }"
)
_NO_PINCH = re.compile(r"user-scalable\s*=\s*(no|0)|maximum-scale\s*=\s*[12](\.0)?\b")


def look(lens: Lens, target: Target, budget: Budget) -> list[Line]:
    """Look at the page under every strain."""
    return [
        *_text_doubled(lens, target),
        *_zoomed(lens, target),
        *_targets(lens, target, budget),
        *_printed(lens, target),
        *_colours(lens, target),
    ]


def _fits(page: Page) -> bool:
    return not page.evaluate(probe("overflow"))["wide"]


def _text_doubled(lens: Lens, target: Target) -> list[Line]:
    with lens.open(target) as page:
        before = page.evaluate(probe("font_sizes"))
        page.evaluate(_DOUBLE)
        page.wait_for_timeout(100)
        after = page.evaluate(probe("font_sizes"))
        clipped, fits = page.evaluate(probe("clipped")), _fits(page)
        lens.picture(page, target, "text-200")
    scaled = sum(two >= 1.9 * one for one, two in zip(before, after, strict=True))
    return [Line("text at 200 %", f"{scaled}/{len(before)} {clipped}", scaled == len(before) and not clipped and fits)]


def _zoomed(lens: Lens, target: Target) -> list[Line]:
    with lens.open(target, size=(640, 450), device_scale_factor=2) as page:
        zoom = _fits(page)
        page.evaluate(_SPACING)
        spacing = _fits(page) and not page.evaluate(probe("clipped"))
        viewport = page.evaluate("(document.querySelector('meta[name=viewport]') || {}).content || ''")
    return [
        Line("zoom at 200 %", zoom, zoom),
        Line("text spacing", spacing, spacing),
        Line("pinch zoom allowed", viewport, bool(viewport) and not _NO_PINCH.search(viewport)),
    ]


def _targets(lens: Lens, target: Target, budget: Budget) -> list[Line]:
    with lens.open(target, size=PHONE) as page:
        found = [e for e in page.evaluate(probe("interactive")) if min(e["w"], e["h"]) > 1 and not e["inline"]]
    small = [f"{e['name'] or e['tag']} {e['w']}x{e['h']}" for e in found if min(e["w"], e["h"]) < budget.target]
    return [Line(f"targets ≥ {budget.target} px", small, bool(found) and not small)]


def _printed(lens: Lens, target: Target) -> list[Line]:
    paper = lens.pictures / f"{target.slug}.pdf"
    with lens.open(target, size=A4) as page:
        page.emulate_media(media="print")
        left = page.evaluate(probe("chrome_shown"))
        page.pdf(path=str(paper), format="A4", print_background=False)
    text = subprocess.run(["pdftotext", str(paper), "-"], capture_output=True, text=True, check=True).stdout
    return [Line("print", f"{left} useless parts, {len(text.strip())} letters", left == 0 and bool(text.strip()))]


def _colours(lens: Lens, target: Target) -> list[Line]:
    lines = []
    for name, option in (("dark", {"color_scheme": "dark"}), ("forced colours", {"forced_colors": "active"})):
        with lens.open(target, **option) as page:
            faults = lens.run_axe(page, "contrast_faults")
            lens.picture(page, target, name.replace(" ", "-"))
        lines.append(Line(f"contrast in {name}", faults, faults == 0))
    return lines
