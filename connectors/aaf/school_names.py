"""School names of AAF made readable: `CLG$DES TILLEULS$PORT-FICTIF` is "Collège des Tilleuls", at Port-Fictif."""

from __future__ import annotations

import re
from dataclasses import dataclass

from broker.domain.school import Level


@dataclass(frozen=True, slots=True)
class ReadableName:
    """A school's name as people say it, its town when the name told it, and what its first word says of its level."""

    name: str
    commune: str
    level: Level | None


_TYPES: dict[str, tuple[str, Level | None]] = {
    "CLG": ("Collège", Level.COLLEGE),
    "COLLEGE": ("Collège", Level.COLLEGE),
    "LYC": ("Lycée", Level.LYCEE),
    "LYCEE": ("Lycée", Level.LYCEE),
    "LGT": ("Lycée", Level.LYCEE),
    "LG": ("Lycée", Level.LYCEE),
    "LT": ("Lycée technologique", Level.LYCEE),
    "LPO": ("Lycée polyvalent", Level.LYCEE),
    "LP": ("Lycée professionnel", Level.LYCEE),
    "ECOLE": ("École", Level.ECOLE),
    "E.M.PU": ("École maternelle publique", Level.ECOLE),
    "E.E.PU": ("École élémentaire publique", Level.ECOLE),
    "E.P.PU": ("École primaire publique", Level.ECOLE),
    "E.M.PR": ("École maternelle privée", Level.ECOLE),
    "E.E.PR": ("École élémentaire privée", Level.ECOLE),
    "E.P.PR": ("École primaire privée", Level.ECOLE),
}
"""First word of a school's short name, what people say for it, its level."""

_SMALL = frozenset(["de", "du", "des", "la", "le", "les", "et", "en", "sur", "sous", "à", "au", "aux", "lès", "d", "l"])
_SORTS = frozenset(
    ["maternelle", "elementaire", "primaire", "publique", "privee", "polyvalent", "professionnel", "lycee"]
)
_INNER = _SMALL | _SORTS
"""Words that take no capital inside a name."""

_FIRST = re.compile(r"[ '’]")
_OLD_TAIL = re.compile(r"-ac-.*", re.IGNORECASE)
_ROMAN = re.compile(r"(?=[ivx])x{0,3}(?:ix|iv|v?i{0,3})")
_WORDS = re.compile(r"[^\W\d_]+|\W+|[\d_]+")
_ACCENTS = {"ecole": "école", "elementaire": "élémentaire", "privee": "privée", "lycee": "lycée", "college": "collège"}


def readable_name(delivered: str) -> ReadableName:
    """Make a delivered name readable. `CLG$NOM$VILLE` is the newer form, `CLG-NOM-ac-ACADEMIE` the older one."""
    kind, own, commune = _split(delivered.strip())
    word, _, rest = kind.partition(" ")
    said, level = _TYPES.get(_plain(kind)) or _TYPES.get(_plain(word), (capitals(kind), None))
    if level is not None and rest and _plain(kind) not in _TYPES:
        said = f"{said} {capitals(rest)}"
    own = capitals(own)
    if own and level is not None and _FIRST.split(own, maxsplit=1)[0].casefold() in _INNER:
        own = own[0].lower() + own[1:]
    return ReadableName(name=" ".join(part for part in (said, own) if part), commune=capitals(commune), level=level)


def _split(delivered: str) -> tuple[str, str, str]:
    if "$" in delivered:
        kind, _, rest = delivered.partition("$")
        own, _, commune = rest.partition("$")
        return kind.strip(), own.strip(), commune.strip()
    older, count = _OLD_TAIL.subn("", delivered)
    separator = "-" if count else " "
    kind, _, own = older.partition(separator)
    if _plain(kind) in _TYPES:
        return kind, own.strip(), ""
    return "", older, ""


def _plain(word: str) -> str:
    return word.upper().replace("É", "E").replace("È", "E")


def capitals(text: str) -> str:
    """Give a text written all in capitals the capitals that people write; any other text stays as it is.

    Accents that the file lost are not guessed, save those of the words for school types.
    """
    if text != text.upper():
        return text
    words = _WORDS.findall(text.lower())
    return "".join(_capital(word, first=at == 0, elided=words[at + 1 : at + 2]) for at, word in enumerate(words))


def _capital(word: str, *, first: bool, elided: list[str]) -> str:
    if word in _SORTS and not first:
        return _ACCENTS.get(word, word)
    word = _ACCENTS.get(word, word)
    if _ROMAN.fullmatch(word) and not first:
        return word.upper()
    if word in _SMALL and not first:
        return word
    if first and word in {"d", "l"} and elided[:1] in (["'"], ["’"]):
        return word.upper()
    return word[:1].upper() + word[1:]
