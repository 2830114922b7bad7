"""Forms, and the page without JavaScript: same content, labelled fields, an error summary where one writes."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page

from tests.ux.lens import Lens, Target, probe
from tests.ux.lines import Line

_ASKS_FOR_SCRIPT = re.compile(r"(activ\w+|enable|turn on)\s+javascript", re.IGNORECASE)
_SUBMIT = "form button:not([type=button]), form input[type=submit]"
_OF_OTHERS = frozenset({"q", "prenom", "nom", "numero"})
"""What an agent writes of somebody else: a desk's browser must not offer it to the next one."""
_LINES_BETWEEN = 2
_ZOOMED_BELOW_PX = 16
"""iOS zooms into a field with smaller text."""


def look(lens: Lens, target: Target) -> list[Line]:
    """Look at the page's fields and at what is left of it without JavaScript."""
    with lens.open(target) as page:
        fields = page.evaluate(probe("fields"))
        with_script = _content(page)
    with lens.open(target, java_script_enabled=False) as page:
        without = _content(page)
        begs = bool(_ASKS_FOR_SCRIPT.search(page.content()))
        empty_links = page.locator('a[href="#"], a[href^="javascript:"], [onclick]').count()
    written = [field for field in fields if field["written"]]
    unlabelled = [field["name"] for field in fields if not field["labelled"]]
    awkward = [f["name"] for f in written if f["noPaste"] or not _is_helped(f)]
    small = [field["name"] for field in written if field["size"] < _ZOOMED_BELOW_PX]
    same = bool(without[0]) and all(here >= there for here, there in zip(without, with_script, strict=True))
    return [
        Line("works without JavaScript", f"{without} {begs} {empty_links}", same and not begs and not empty_links),
        Line("fields are labelled", unlabelled, not unlabelled),
        Line("fields help (paste, autocomplete, size)", awkward + small, not awkward and not small),
        *(_error_summary(lens, target) if written else []),
    ]


def _is_helped(field: dict[str, Any]) -> bool:
    return field["autocomplete"] not in {"", "off"} or field["name"] in _OF_OTHERS


def _content(page: Page) -> tuple[int, int, int, int]:
    """Letters, links, fields and buttons; of a passkey's form none, which is script by nature beside ways without."""
    text = sum(len(each.strip()) for each in page.locator("body").all_inner_texts())
    text -= sum(len(each.strip()) + _LINES_BETWEEN for each in page.locator("#passkey:visible").all_inner_texts())
    counts = [page.locator(what).count() for what in ("a[href]", "input:not([type=hidden]),select,textarea", _SUBMIT)]
    return (text, counts[0], counts[1], counts[2])


def _error_summary(lens: Lens, target: Target) -> list[Line]:
    """Submit the form empty: the answer names each fault, leads to its field and keeps no password."""
    with lens.open(target) as page:
        if not page.locator(_SUBMIT).count():
            return [Line("error summary", "fields but no way to send them", good=False)]
        for field in page.locator("form input[type=search]").all():
            field.fill("")
        page.locator(_SUBMIT).first.click()
        page.wait_for_load_state("load")
        summary = page.locator(".error-summary, [role=alert]")
        links = summary.locator("a[href^='#']").count()
        invalid = page.locator("[aria-invalid=true][aria-describedby]").count()
        lens.picture(page, target, "error")
    return [Line("error summary", f"{links} links, {invalid} fields", links > 0 and invalid > 0)]
