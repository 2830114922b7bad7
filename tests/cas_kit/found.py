"""What the kit found at a server: every section gone through, also past what fails, and a table of it by clause."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable
from itertools import groupby

import httpx

from tests.cas_kit import logins, validations
from tests.cas_kit.server import Assertion, Section, Server

SECTIONS: tuple[Callable[[Server], Section], ...] = (*logins.SECTIONS, *validations.SECTIONS)
_UNREADABLE = (ET.ParseError, LookupError, ValueError, httpx.HTTPError)
"""What an answer that is none makes of a section."""


def found_at(server: Server) -> list[Assertion]:
    """Every assertion at a server. A section that cannot go on is a failure more."""
    found: list[Assertion] = []
    for section in SECTIONS:
        try:
            found.extend(section(server))
        except _UNREADABLE as fault:
            asks = f"{section.__name__}: can be gone through to its end ({type(fault).__name__})"
            found.append(Assertion("kit", asks, held=False))
    return found


def table_of(found: Iterable[Assertion]) -> str:
    """What held, by clause, then what did not, as Markdown."""
    ordered = sorted(found, key=lambda each: each.clause)
    lines = ["| clause | asked | held |", "| --- | --- | --- |"]
    for clause, group in groupby(ordered, key=lambda each: each.clause):
        each = list(group)
        lines.append(f"| {clause} | {len(each)} | {sum(one.held for one in each)} |")
    lines += [f"| all | {len(ordered)} | {sum(each.held for each in ordered)} |", "", "Not held:", ""]
    lines += [f"- {each.clause}: {each.asks}" for each in ordered if not each.held]
    return "\n".join(lines)
