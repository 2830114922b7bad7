"""What the town is made of: schools, adults, pupils, staff, and the accounts they sign in with.

One human may have a record in each feed, under another key in each; that is the whole difficulty (AAF).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

_L23 = "ABCDEFGHJKLMNPRSTUVWXYZ"
_D10 = "ABCDEFGHJK"


def uai(number: int) -> str:
    """Return the UAI of a seven-digit number, with its check letter."""
    return f"{number:07d}{_L23[number % 23]}"


def ine(number: int) -> str:
    """Return the pupil number (RNIE) of a nine-digit number, with its two check letters."""
    key = 97 - number % 97
    return f"{number:09d}{_D10[key // 10]}{_D10[key % 10]}"


class Degree(StrEnum):
    """The two halves of the school feed: nursery and primary (1D), secondary (2D)."""

    FIRST = "1D"
    SECOND = "2D"


class Site(StrEnum):
    """Where accounts live, by source id."""

    EDUCONNECT = "educonnect"
    PETITS_PRES = "ent-petits-pres"
    GRAND_LARGE = "ent-grand-large"


ENT_OF = {Degree.FIRST: Site.PETITS_PRES, Degree.SECOND: Site.GRAND_LARGE}


@dataclass(frozen=True, slots=True)
class ClassRoom:
    """A class: `code` joins, `label` is read. `level` as MEFSTAT4, `level_label` as schools write it (CE1, 5EME)."""

    code: str
    label: str
    level: str
    level_label: str
    mef: str = ""


@dataclass(frozen=True, slots=True)
class School:
    """A school: `key` is its number in the feed, `kind` ECOLE, COLLEGE or LYCEE, `label` its name as people say it."""

    key: str
    uai: str
    degree: Degree
    name: str
    kind: str
    type_code: str
    town: str
    postcode: str
    street: str
    label: str
    classes: tuple[ClassRoom, ...]

    def classroom(self, code: str) -> ClassRoom:
        """Return a class by its code. Raises `KeyError`."""
        return {room.code: room for room in self.classes}[code]


@dataclass(frozen=True, slots=True)
class Home:
    """A postal address."""

    street: str
    postcode: str
    town: str


@dataclass(frozen=True, slots=True)
class Adult:
    """A guardian as the feeds know them: `keys` and contacts by degree, for the two feeds rarely agree.

    `released` are the keys EduConnect holds for this human (empty: all of `keys`). `stories` is what the demo prints.
    """

    ref: str
    given: str
    family: str
    civility: str
    keys: dict[Degree, str]
    home: Home
    birth_name: str = ""
    mobile: dict[Degree, str] = field(default_factory=dict)
    mail: dict[Degree, str] = field(default_factory=dict)
    spelled: dict[Degree, str] = field(default_factory=dict)
    sms_consent: bool = False
    has_educonnect: bool = True
    has_ent: bool = True
    released: tuple[str, ...] = ()
    origin: str = "ECT"
    story: str = ""


@dataclass(frozen=True, slots=True)
class Tie:
    """An adult beside a child: link code and the four flags of the six-part relation (the 1D feed keeps the code)."""

    adult: str
    link: str
    pays: bool = False
    legal: str = "1"
    contact: bool = False
    receives: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """A pupil's record in one feed: its key, the school and class, and the adults as *that* feed states them."""

    degree: Degree
    key: str
    school: str
    room: str
    ties: tuple[Tie, ...]


@dataclass(frozen=True, slots=True)
class Pupil:
    """A pupil; `ine` and birth date are the same in every feed that holds them."""

    ref: str
    given: str
    family: str
    civility: str
    born: date
    ine: str
    home: Home
    places: tuple[Place, ...]
    birth_name: str = ""
    other_names: tuple[str, ...] = ()
    grown: bool = False
    has_login: bool = True
    story: str = ""


@dataclass(frozen=True, slots=True)
class Post:
    """A function at a school: code and label as in `ENTPersonFonctions`, classes taught by their code."""

    school: str
    code: str
    label: str
    subject_code: str = ""
    subject: str = ""
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Staff:
    """A member of staff in one feed."""

    ref: str
    given: str
    family: str
    civility: str
    born: date
    degree: Degree
    key: str
    posts: tuple[Post, ...]
    birth_name: str = ""
    story: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """A household, or what a court made of it. `number` is that of the twelve families; empty when generated."""

    number: str
    title: str
    adults: tuple[Adult, ...]
    pupils: tuple[Pupil, ...]
    staff: tuple[Staff, ...] = ()

    def stories(self) -> dict[str, str]:
        """Return what the demo tells of each member, by reference."""
        told = {adult.ref: adult.story for adult in self.adults}
        told |= {member.ref: member.story for member in self.staff}
        return told | {pupil.ref: pupil.story for pupil in self.pupils}


@dataclass(frozen=True, slots=True)
class Account:
    """A login at one site. `keys` are the directory keys that site releases for it."""

    site: Site
    login: str
    person: str
    profile: str
    given: str
    family: str
    civility: str
    keys: tuple[str, ...]
    affiliations: tuple[str, ...]
    postcode: str = ""
    origin: str = "ECT"
    pupil: Pupil | None = None


@dataclass(frozen=True, slots=True)
class Population:
    """Everybody, ready to be written and signed in. `year` is the first calendar year of the school year."""

    year: int
    schools: tuple[School, ...]
    families: tuple[Family, ...]
    staff: tuple[Staff, ...]
    strangers: tuple[Account, ...]

    def known_by_name(self) -> frozenset[str]:
        """Return the references of the twelve families' members, whom sign-in pages list as examples."""
        return frozenset(ref for family in self.families if family.number for ref in family.stories())
