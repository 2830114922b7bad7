"""File names of an AAF set: `<ENT id>[_<UAI>]_<Complet|Delta>_<yyyymmdd>_<Category>_<NNNN>.xml`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from broker.domain.errors import FeedRefused

_NAME = re.compile(
    r"(?P<prefix>.+?)_(?P<mode>Complet|Delta)_(?P<day>\d{8})_(?P<category>[A-Za-z]+)_(?P<part>\d{4})\.xml"
)
_DEGREE = re.compile(r"(?<![0-9A-Za-z])ENT([12]D)|([12]D)(?![0-9A-Za-z])")
_UAI = re.compile(r"(?:^|_)([0-9]{7}[A-Z])(?:_|$)")

KIND_OF_CATEGORY = {
    "EtabEducNat": "school",
    "Eleve": "pupil",
    "PersRelEleve": "guardian",
    "PersEducNat": "staff",
}
"""Categories that hold records, and the kind they hold."""

MEF = "MefEducNat"
KNOWN = frozenset({*KIND_OF_CATEGORY, MEF, "MatEducNat"})
"""Categories of the national feed (AAF annexe 4bis); `MatEducNat` (school subjects) tells nothing about people."""

ORDER = ("MefEducNat", "EtabEducNat", "Eleve", "PersRelEleve", "PersEducNat", "MatEducNat")


@dataclass(frozen=True, slots=True)
class FileName:
    """What a file's name says. `degree` and `uai` are empty when it says nothing of them."""

    name: str
    series: str
    complete: bool
    day: date
    category: str
    part: int
    degree: str
    uai: str


def parse_name(name: str) -> FileName | None:
    """Read a file's name; None when it is not one of an AAF export."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    try:
        day = date(int(found["day"][:4]), int(found["day"][4:6]), int(found["day"][6:]))
    except ValueError:
        return None
    prefix = found["prefix"]
    degree = _DEGREE.search(prefix)
    uai = _UAI.search(prefix)
    return FileName(
        name=name,
        series=prefix,
        complete=found["mode"] == "Complet",
        day=day,
        category=found["category"],
        part=int(found["part"]),
        degree=(degree[1] or degree[2]) if degree else "",
        uai=uai[1] if uai else "",
    )


def check_one_set(names: Iterable[FileName]) -> None:
    """Refuse a set that mixes deliveries or lacks a part: what is missing would look like people who left.

    Raises `FeedRefused`.
    """
    names = tuple(names)
    if not names:
        raise FeedRefused("no file of an AAF export was found")
    for what, values in (
        ("complete and delta", {name.complete for name in names}),
        ("1D and 2D", {name.degree for name in names} - {""}),
        ("several days", {name.day for name in names}),
    ):
        if len(values) > 1:
            raise FeedRefused(f"the set mixes {what} files")
    parts: dict[tuple[str, str], list[int]] = defaultdict(list)
    for name in names:
        parts[name.series, name.category].append(name.part)
    for (series, category), numbers in parts.items():
        check_parts(series, category, numbers)


def check_parts(series: str, category: str, numbers: list[int]) -> None:
    """Refuse a repeated part or a gap in the numbering (it begins at 0000 or 0001). Raises `FeedRefused`."""
    if len(set(numbers)) != len(numbers):
        raise FeedRefused(f"{series}: a part of {category} is there twice")
    first = min(numbers)
    if first > 1 or max(numbers) - first + 1 != len(numbers):
        raise FeedRefused(f"{series}: a part of {category} is missing")
