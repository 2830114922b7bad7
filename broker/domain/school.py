"""Levels, classes, and the national numbers' check characters.

Formulas: UAI checked against the ministry's open register of schools, INE as its key is publicly described (AAF gives
none); a wrong key warns and never rejects, because real files hold dummies and anonymised numbers.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

_L23 = "ABCDEFGHJKLMNPRSTUVWXYZ"
_D10 = "ABCDEFGHJK"
_UAI = re.compile(r"[0-9]{7}[A-Z]")
_RNIE = re.compile(r"\d{9}[A-HJK]{2}")
_BEA = re.compile(r"\d{10}[A-Z]")
_INE_LENGTH = 11
_MAY_BE_INE = re.compile(rf"(?=({_RNIE.pattern}|{_BEA.pattern}))")
_SEPARATORS = re.compile(r"[^0-9A-Z|]+")
"""All that stands between letters and digits, save `|`: it parts the fields of the vectors (`FrEduVecteur`)."""


class Level(StrEnum):
    """The three levels of a French school; each is run by another authority (commune, département, région)."""

    ECOLE = "ecole"
    COLLEGE = "college"
    LYCEE = "lycee"


@dataclass(frozen=True, slots=True)
class SchoolClass:
    """A class (division) of a school: `code` is what the feed joins on, `label` is what people read."""

    code: str
    label: str


def uai_is_plausible(uai: str) -> bool:
    """Tell whether the check letter of a UAI holds."""
    return bool(_UAI.fullmatch(uai)) and _L23[int(uai[:7]) % 23] == uai[7]


def ine_is_plausible(ine: str) -> bool:
    """Tell whether a pupil number has a key that holds (RNIE: 9 digits + 2 letters; older BEA: 10 digits + letter)."""
    if _RNIE.fullmatch(ine):
        key = 97 - int(ine[:9]) % 97
        return ine[9:] == _D10[key // 10] + _D10[key % 10]
    if _BEA.fullmatch(ine):
        return _L23[int(ine[:10]) % 23] == ine[10]
    return False


def holds_ine(text: str, *, known: Iterable[str] = ()) -> bool:
    """Tell whether a text holds a pupil number, whatever its case, its blanks and what stands around it.

    ENTs make logins of it, feeds make keys of it. `known`: numbers on record, that are INEs even if their key is wrong.
    """
    compact = _compact(text)
    if any(ine_is_plausible(found[1]) for found in _MAY_BE_INE.finditer(compact)):
        return True
    numbers = (_compact(number) for number in known)
    return any(n == compact or (len(n) >= _INE_LENGTH and n in compact) for n in numbers if n)


def _compact(text: str) -> str:
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", text).upper())


def level_of_mefstat(code: str) -> Level | None:
    """Level from the first digits of a MEFSTAT code (11xx-14xx école; 211x, 243x collège; 22xx, 23xx lycée)."""
    if code[:2] in {"11", "12", "13", "14"}:
        return Level.ECOLE
    if code[:3] in {"211", "243"}:
        return Level.COLLEGE
    if code[:2] in {"22", "23", "31", "32"}:
        return Level.LYCEE
    return None
