"""One later day's delta of the 2D feed: a changed mail, a withdrawn relation, a pupil who came and one who left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from broker.demo.aaf import Category, Entry, Request
from broker.demo.book import Book, at, mother
from broker.demo.people import Degree, Family, Place, Population, Pupil
from broker.demo.records import entries_of

NEW_MAIL = ("1-pere", "goulven.nouveau@example.org")
WITHDRAWN = ("3-tiago", "3-pere")
"""The pupil, and the adult who no longer stands beside him in the 2D feed."""
LEAVER = "11-taras"
NEWCOMER = ("2-yanis", "299001")
"""The pupil who arrived in family 2, and the new key."""
_NEWCOMER_INE = 990_009_001


def changes_of(population: Population) -> list[Entry]:
    """Return the delta, each modification with the full set of attributes, as real ones have."""
    changed = replace(population, families=tuple(_changed(family, population.year) for family in population.families))
    before, after = _by_name(population), _by_name(changed)
    found = [entry for name, entry in after.items() if name not in before]
    found += [
        replace(entry, request=Request.MODIFY) for name, entry in after.items() if before.get(name, entry) != entry
    ]
    return [*found, *(Entry(category, key, request=Request.DELETE) for category, key in before.keys() - after.keys())]


def _by_name(population: Population) -> dict[tuple[Category, str], Entry]:
    return {(entry.category, entry.key): entry for entry in entries_of(population, Degree.SECOND)}


def _changed(family: Family, year: int) -> Family:
    change = _CHANGES.get(family.number)
    return family if change is None else change(family, year)


def _new_mail(family: Family, _year: int) -> Family:
    ref, mail = NEW_MAIL
    return replace(
        family,
        adults=tuple(
            replace(adult, mail=adult.mail | {Degree.SECOND: mail}) if adult.ref == ref else adult
            for adult in family.adults
        ),
    )


def _newcomer(family: Family, year: int) -> Family:
    ref, key = NEWCOMER
    book = Book(year, first_ine=_NEWCOMER_INE)
    place = at("9002", "6B", key, mother("2-mere"))
    yanis = book.pupil(ref, "M. Yanis BEN SALAH", "10/10", family.adults[0].home, place)
    return replace(family, pupils=(*family.pupils, yanis))


def _withdrawn(family: Family, _year: int) -> Family:
    child, adult = WITHDRAWN
    return replace(
        family, pupils=tuple(_without(pupil, adult) if pupil.ref == child else pupil for pupil in family.pupils)
    )


def _without(pupil: Pupil, adult: str) -> Pupil:
    return replace(pupil, places=tuple(_untied(place, adult) for place in pupil.places))


def _untied(place: Place, adult: str) -> Place:
    return replace(place, ties=tuple(tie for tie in place.ties if tie.adult != adult))


def _leaver(family: Family, _year: int) -> Family:
    return replace(family, pupils=tuple(pupil for pupil in family.pupils if pupil.ref != LEAVER))


_CHANGES: dict[str, Callable[[Family, int], Family]] = {
    "1": _new_mail,
    "2": _newcomer,
    "3": _withdrawn,
    "11": _leaver,
}
