"""What a file says of itself before its first record: header comments, which are not elements (AAF annexe 4bis)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

_COMMENT = re.compile(rb"<!--(.*?)-->", re.DOTALL)
_PAIR = re.compile(rb'(\w+)\s*=\s*"([^"]{0,200})"')
_DAYS = (
    re.compile(r"(?P<y>\d{4})-?(?P<m>\d{2})-?(?P<d>\d{2})(?:\D.*)?"),
    re.compile(r"(?P<d>\d{2})/(?P<m>\d{2})/(?P<y>\d{4})(?:\D.*)?"),
)


@dataclass(frozen=True, slots=True)
class FileHeader:
    """The header comments that matter here; empty when the file does not have them (older exports)."""

    academie: str = ""
    degree: str = ""
    made_on: date | None = None


def read_header(head: bytes) -> FileHeader:
    """Read the comments in the first bytes of a file (ASCII in every encoding an export has)."""
    pairs: dict[str, str] = {}
    for comment in _COMMENT.finditer(head):
        for name, value in _PAIR.findall(comment[1]):
            pairs.setdefault(name.decode("ascii", "replace"), value.decode("latin-1").strip())
    degree = pairs.get("degre", "").upper()
    return FileHeader(
        academie=two_digits(pairs.get("codeAcademieExport", "")),
        degree=degree if degree in {"1D", "2D"} else "",
        made_on=_day(pairs.get("dateGenerationExport", "")),
    )


def two_digits(academie: str) -> str:
    """An académie's number as two digits (files have one, two or three: `1`, `01`, `013`)."""
    number = academie.lstrip("0") or "0"
    return number.zfill(2) if academie.isdecimal() and academie.isascii() and len(number) <= 2 else ""  # noqa: PLR2004


def _day(text: str) -> date | None:
    for pattern in _DAYS:
        found = pattern.fullmatch(text)
        if found:
            try:
                return date(int(found["y"]), int(found["m"]), int(found["d"]))
            except ValueError:
                return None
    return None
