"""Languages of the pages: French is the source text, the others are catalogues read once at start.

Catalogues are read as `.po` straight into memory: no compiled file can be missing or older than its source.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations


@dataclass(frozen=True, slots=True)
class Language:
    """A language a page can be read in. `name` is in its own script: nobody has to read another to find theirs.

    `locale` is how dates are written in it.
    """

    code: str
    name: str
    direction: str
    locale: str


FRENCH = Language("fr", "Français", "ltr", "fr")
LANGUAGES: tuple[Language, ...] = (
    FRENCH,
    Language("en", "English", "ltr", "en_GB"),
    Language("ar", "العربية", "rtl", "ar"),
)
BY_CODE: Mapping[str, Language] = {language.code: language for language in LANGUAGES}


STAFF_LANGUAGES: tuple[Language, ...] = LANGUAGES[:2]
"""What staff alone read is in French and English (DESIGN §12)."""
_STAFF_PAGES = "/guichet"


def choose_language(*, asked: str, kept: str) -> Language:
    """The language asked for now, else the one chosen before, else French; never guessed from the browser."""
    return BY_CODE.get(asked) or BY_CODE.get(kept) or FRENCH


def offered_at(path: str) -> tuple[Language, ...]:
    """The languages that the page at this path is in."""
    return STAFF_LANGUAGES if path.startswith(_STAFF_PAGES) else LANGUAGES


def load_catalogues(folder: Path) -> dict[str, NullTranslations]:
    """Translations of every language, by locale; French needs none."""
    catalogues: dict[str, NullTranslations] = {FRENCH.locale: NullTranslations()}
    for language in LANGUAGES:
        if language is not FRENCH:
            catalogues[language.locale] = _read(folder / "translations" / f"{language.code}.po", language.code)
    return catalogues


def _read(path: Path, code: str) -> Translations:
    with path.open("rb") as source:
        catalogue = read_po(source, locale=code, abort_invalid=True)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)
