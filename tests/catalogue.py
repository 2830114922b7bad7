"""Every text a person can read on a page, collected from where it stands.

That is: the templates, `_()` and `N_()` in the Python of `ROOMS`, the error classes, the rules' reasons.
`python -m tests.catalogue` says what each language lacks.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import policies
from broker.domain import errors
from broker.domain.errors import every_fault
from broker.web.assets import templates_folder
from broker.web.languages import FRENCH, LANGUAGES
from policies.explain import NO_RULE

ROOT = Path(__file__).resolve().parent.parent
ROOMS = tuple(
    ROOT / room
    for room in ("broker/accounts", "broker/web", "broker/services", "broker/helpdesk", "broker/notify", "policies")
)
"""Where Python holds texts that people read."""
STAFF = ("broker/helpdesk/", "broker/web/desk", "templates/desk")
"""Where texts stand that staff alone read: in French and English (DESIGN §12)."""
STAFF_LANGUAGES = frozenset({"en"})
_KEYWORDS = {"_": None, "gettext": None, "N_": None}
_SHOWN = ("title", "sentence", "next_step", "who")


def msgids(code: str = "") -> frozenset[str]:
    """Every French source text; with a language, those that it needs."""
    every = frozenset([*_places(), *_from_faults(), *_from_rules(), NO_RULE])
    if not code or code in STAFF_LANGUAGES:
        return every
    return every - {text for text, places in _places().items() if all(place.startswith(STAFF) for place in places)}


def read_catalogue(code: str) -> Catalog:
    """The catalogue of a language as it lies in the tree."""
    with (templates_folder() / "translations" / f"{code}.po").open("rb") as source:
        return read_po(source, locale=code, abort_invalid=True)


def missing(code: str) -> tuple[str, ...]:
    """Texts that a language has no finished translation of."""
    catalogue = read_catalogue(code)
    done = {message.id for message in catalogue if message.id and message.string and not message.fuzzy}
    return tuple(sorted(msgids(code) - done))


def obsolete(code: str) -> tuple[str, ...]:
    """Translations of texts that no longer stand anywhere."""
    return tuple(sorted({str(message.id) for message in read_catalogue(code) if message.id} - msgids()))


@cache
def _places() -> Mapping[str, frozenset[str]]:
    """Every text of a template or a room, and the files that it stands in, from the root of the tree."""
    found: dict[str, set[str]] = {}
    for where, text in (*_from_templates(), *_from_python()):
        found.setdefault(text, set()).add(where)
    return {text: frozenset(places) for text, places in found.items()}


def _from_templates() -> Iterator[tuple[str, str]]:
    found = extract_from_dir(
        templates_folder(),
        method_map=[("**.html", "jinja2")],
        options_map={"**.html": {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}},
        keywords=_KEYWORDS,
    )
    yield from ((f"templates/{name}", str(message)) for name, _, message, _, _ in found)


def _from_python() -> Iterator[tuple[str, str]]:
    for room in ROOMS:
        found = extract_from_dir(room, method_map=[("**.py", "python")], keywords=_KEYWORDS)
        yield from ((f"{room.relative_to(ROOT)}/{name}", str(message)) for name, _, message, _, _ in found)


def _from_faults() -> Iterator[str]:
    for kind in every_fault(errors.PreauError).values():
        yield from (getattr(kind, name) for name in _SHOWN)


def _from_rules() -> Iterator[str]:
    yield from (rule.reason for rule in policies.load().rules())


def main() -> int:
    """Print what each language lacks and what it no longer needs."""
    faults = 0
    for language in LANGUAGES:
        if language is FRENCH:
            continue
        for label, texts in (("missing", missing(language.code)), ("obsolete", obsolete(language.code))):
            faults += len(texts)
            sys.stdout.writelines(f"{language.code} {label}: {text}\n" for text in texts)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
