"""Logins at each site, and what that site releases for them: each ENT its own key, EduConnect all it knows."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import count

from broker.demo.people import ENT_OF, Account, Adult, Degree, Family, Population, Pupil, Site, Staff

PASSWORD = "preau-demo"  # noqa: S105 - printed on every sign-in page of the demo
"""The one password of every demo account."""

_LEGAL_BY_LINK = frozenset({"10", "20", "50"})
"""Link codes that stand for parental authority in the 1D feed, which has no legal level (AAF)."""


def accounts_of(population: Population) -> tuple[Account, ...]:
    """Return every account of the town. A login is the same at all sites that know the person."""
    names = Logins()
    found: list[Account] = []
    for family in population.families:
        found += _of_family(family, names)
    for member in population.staff:
        found += _of_staff(member, names.draw(member.given, member.family))
    return (*found, *population.strangers)


def affiliations_of(keys: Iterable[Degree], kind: str) -> tuple[str, ...]:
    """Return EduConnect's affiliations (`resp1d`, `eleve2d`) for the degrees a person is known in."""
    return tuple(f"{kind}{degree.lower()}" for degree in sorted(set(keys)))


class Logins:
    """Draws logins: `given.family`, numbered when taken."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def draw(self, given: str, family: str, *, suffix: str = "") -> str:
        """Return a login nobody has yet."""
        stem = f"{plain(given)}.{plain(family)}{suffix}"
        tries = (stem if number == 1 else f"{stem}{number}" for number in count(1))
        login = next(name for name in tries if name not in self._taken)
        self._taken.add(login)
        return login


def plain(text: str) -> str:
    """Return a name in lower-case ASCII letters and hyphens, as logins are made."""
    bare = unicodedata.normalize("NFKD", text.replace("Đ", "D").replace("đ", "d").lower())
    return "-".join(
        "".join(c if c.isascii() and c.isalpha() else " " for c in bare if not unicodedata.combining(c)).split()
    )


def _of_family(family: Family, names: Logins) -> Iterator[Account]:
    for adult in family.adults:
        yield from _of_adult(adult, names.draw(adult.given, adult.family), family=family)
    for pupil in family.pupils:
        if pupil.has_login:
            yield from _of_pupil(pupil, names.draw(pupil.given, pupil.family, suffix=".eleve"))
    for member in family.staff:
        yield from _of_staff(member, names.draw(member.given, member.family, suffix=".prof"))


def _of_adult(adult: Adult, login: str, *, family: Family) -> Iterator[Account]:
    legal = [degree for degree in sorted(adult.keys) if _is_legal(adult, degree, family)]
    account = Account(
        Site.EDUCONNECT, login, adult.ref, "responsable", adult.given, adult.family, adult.civility, (),
        ("National_TUT",), adult.home.postcode,
    )  # fmt: skip
    if legal and adult.has_educonnect:
        keys = adult.released or tuple(adult.keys[degree] for degree in sorted(adult.keys))
        yield replace(account, keys=keys, affiliations=affiliations_of(legal, "resp"), origin=adult.origin)
    for degree, key in adult.keys.items():
        if adult.has_ent and _has_child(adult, degree, family):
            yield replace(account, site=ENT_OF[degree], keys=(key,))


def _of_pupil(pupil: Pupil, login: str) -> Iterator[Account]:
    keys = tuple(place.key for place in pupil.places)
    now = pupil.places[0]
    account = Account(
        Site.EDUCONNECT, login, pupil.ref, "eleve", pupil.given, pupil.family, pupil.civility, keys,
        affiliations_of([now.degree], "eleve"), pupil.home.postcode, pupil=pupil,
    )  # fmt: skip
    yield account
    yield replace(account, site=ENT_OF[now.degree], keys=(now.key,), affiliations=("National_ELV",))


def _of_staff(member: Staff, login: str) -> Iterator[Account]:
    profil = {"ENS": "National_ENS", "DIR": "National_DIR", "EDU": "National_EVS", "DOC": "National_DOC"}
    yield Account(ENT_OF[member.degree], login, member.ref, "personnel", member.given, member.family, member.civility,
                  (member.key,), (profil[member.posts[0].code],))  # fmt: skip


def _ties(adult: Adult, degree: Degree, family: Family) -> Iterator[tuple[str, str]]:
    for place in (place for pupil in family.pupils for place in pupil.places if place.degree is degree):
        yield from ((tie.link, tie.legal) for tie in place.ties if tie.adult == adult.ref)


def _has_child(adult: Adult, degree: Degree, family: Family) -> bool:
    return any(True for _ in _ties(adult, degree, family))


def _is_legal(adult: Adult, degree: Degree, family: Family) -> bool:
    if degree is Degree.FIRST:
        return any(link in _LEGAL_BY_LINK for link, _ in _ties(adult, degree, family))
    return any(legal == "1" for _, legal in _ties(adult, degree, family))
