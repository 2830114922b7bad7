"""Check pages that are already served: `python -m tests.ux.check URL… [--out FOLDER] [--langs fr,en,ar]`.

Prints a line for each thing looked at; the last line is `N passed, N failed`, the exit code 1 on any failure.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Error, sync_playwright

from tests.ux import forms, keyboard, language, layout, markup, weight
from tests.ux.lens import CHROMIUM, FLAGS, HERE, Lens, Target
from tests.ux.lines import Budget, Line

LOOPBACK = re.compile(r"127(\.\d{1,3}){3}|localhost|\[?::1\]?")
LANGUAGES = ("fr", "en", "ar")


def budget_of(kind: str) -> Budget:
    """Limits of a kind of page, from `budgets.json`."""
    budgets = json.loads((HERE / "budgets.json").read_text(encoding="utf-8"))
    return Budget(**{**budgets["any"], **budgets.get(kind, {})})


def check_page(lens: Lens, target: Target, languages: Sequence[str]) -> list[Line]:
    """Everything there is to see of one page. Refuses addresses that are not on the loopback."""
    if not LOOPBACK.fullmatch(urlsplit(target.url).hostname or ""):
        raise ValueError(f"not on the loopback: {target.url}")
    budget = budget_of(target.kind)
    return [
        *weight.look(lens, target, budget),
        *(line for code in languages for line in language.look(lens, target, budget, code=code)),
        *forms.look(lens, target),
        *keyboard.look(lens, target),
        *layout.look(lens, target, budget),
        *markup.look(lens, target),
    ]


def report(title: str, lines: Iterable[Line]) -> tuple[int, int]:
    """Print the lines of a page; returns how many passed and failed."""
    shown = list(lines)
    failed = sum(not line.good for line in shown)
    sys.stdout.write(f"\n## {title}: {len(shown) - failed} of {len(shown)}\n")
    for line in shown:
        sys.stdout.write(f"{'ok  ' if line.good else 'FAIL'} {line.name}: {line.seen}\n")
    return len(shown) - failed, failed


def check_pages(lens: Lens, targets: Iterable[Target], languages: Sequence[str] = LANGUAGES) -> tuple[int, int]:
    """Check every page; a page that cannot be looked at is one failure."""
    passed = failed = 0
    for target in targets:
        try:
            good, bad = report(
                f"{target.slug} {target.url}",
                check_page(lens, target, [each for each in languages if each in target.languages]),
            )
        except Error as fault:
            good, bad = report(target.url, [Line("can be looked at", str(fault)[:300], good=False)])
        passed, failed = passed + good, failed + bad
    return passed, failed


def main() -> int:
    """Check the addresses of the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.ux.check", description=__doc__)
    parser.add_argument("urls", nargs="+")
    parser.add_argument("--langs", default=",".join(LANGUAGES))
    parser.add_argument("--out", type=Path, default=HERE / "out")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    targets = [Target(url, "any", re.sub(r"\W+", "-", urlsplit(url).path).strip("-") or "root") for url in options.urls]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        passed, failed = check_pages(Lens(browser, options.out), targets, options.langs.split(","))
        browser.close()
    sys.stdout.write(f"\n{passed} passed, {failed} failed\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
