"""What a directory feed delivers, whatever its format: the words between `connectors` and `directory`.

A reader (AAF, ONDE, SIECLE, LDAP) turns its file into these values; the directory stages, guards and applies them.
What comes by the million is a tuple: made four times faster than a frozen dataclass.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from broker.domain.guardianship import Quality
from broker.domain.people import PersonName, Profil, RecordKind
from broker.domain.school import Level, SchoolClass


class Relation(NamedTuple):
    """One adult beside a child, as a pupil's record states it. `adult_key` is the adult's key in the same feed."""

    adult_key: str
    link_code: str
    quality: Quality
    pays: bool = False
    contact_first: bool = False


class ClassMembership(NamedTuple):
    """A pupil's place: the school's key in the feed, the class, and its dates when the feed gives them."""

    school_key: str
    class_code: str
    class_label: str
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class PostRow:
    """A staff member's function at a school, by the school's key in the feed."""

    school_key: str
    function: str
    profil: Profil


@dataclass(frozen=True, slots=True)
class Tie:
    """The feed itself calls two records one human. `other`: a key of the feed, or a `Reference` as text (with a `$`).

    `nature` is a word of the feed's reader: how it says so.
    """

    nature: str
    other: str


@dataclass(frozen=True, slots=True)
class SchoolRecord:
    """A school as delivered."""

    key: str
    uai: str
    name: str
    level: Level | None
    kind: str = ""
    academie: str = ""
    commune: str = ""
    contract: str = ""
    classes: tuple[SchoolClass, ...] = ()


PERSON_FIELDS = frozenset(
    {
        "family",
        "given",
        "civility",
        "birth_name",
        "birth_date",
        "ine",
        "mef",
        "level_code",
        "school_key",
        "mobile",
        "mail",
        "address",
        "postal_code",
        "siecle_id",
        "teachings",
        "classes",
        "relations",
        "posts",
        "ties",
    }
)
"""Every field of a person that a delivery can speak of (`PersonRecord.stated`)."""


class PersonRecord(NamedTuple):
    """A pupil, guardian or member of staff as delivered.

    `stated` names the fields this delivery speaks of: all of them for an addition, some for a modification, so that
    a partial change never empties the rest. `siecle_id` numbers a pupil in the base of the school (FrEduVecteur);
    `teachings` are the codes of what a pupil is taught, as delivered.
    """

    kind: RecordKind
    key: str
    name: PersonName
    birth_name: str = ""
    birth_date: date | None = None
    ine: str = ""
    mef: str = ""
    level_code: str = ""
    school_key: str = ""
    mobile: str = ""
    mail: str = ""
    address: str = ""
    postal_code: str = ""
    siecle_id: str = ""
    teachings: tuple[str, ...] = ()
    classes: tuple[ClassMembership, ...] = ()
    relations: tuple[Relation, ...] = ()
    posts: tuple[PostRow, ...] = ()
    ties: tuple[Tie, ...] = ()
    stated: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Removal:
    """The feed says that this record is gone; `kind` is None for a school."""

    kind: RecordKind | None
    key: str


DirectoryRecord = SchoolRecord | PersonRecord | Removal


@dataclass(frozen=True, slots=True)
class FeedFault:
    """Something the reader could not take, or takes with a warning: reported with file, line, reason; never fatal.

    `key` is the record's key when it could be read: a malformed record still says that its person is not gone.
    `breaks` tells that something unknown was lost (the end of a file, a record without key): the set is not complete.
    """

    file: str
    line: int
    reason: str
    warning: bool = False
    kind: str = ""
    key: str = ""
    breaks: bool = False


class FeedRow(NamedTuple):
    """One delivered record and where it stood. `addition` is False for a partial or full modification."""

    file: str
    line: int
    record: DirectoryRecord
    addition: bool


@dataclass(frozen=True, slots=True)
class FeedHeader:
    """What a set of files says of itself: académie, degree (`1D`, `2D`), complete or delta, day it was made.

    `covers` names the kinds of records (`school`, `pupil`, `guardian`, `staff`) that the set holds files for; `school`
    is the UAI of the one school it speaks of, empty for many. `live` tells that it was asked for just now: saying again
    what was said once, it has come back to it, and is no older delivery handed over anew.
    """

    academie: str
    degree: str
    complete: bool
    made_on: date | None
    covers: frozenset[str] = frozenset()
    school: str = ""
    live: bool = False


@dataclass(frozen=True, slots=True)
class FeedPortion:
    """A file of a set that can be read by itself, and its size in bytes."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed as the installation knows it: its id prefixes every record id; `academie` and `degree` must match.

    `school` is the UAI of the one school that it delivers, empty for many. `academie` is empty where the keys are no
    national ones.
    """

    id: str
    tenant: str
    academie: str
    degree: str = ""
    school: str = ""
