"""What is wrong in what a school delivers, as values: the picture of one school, its findings, and their story.

A finding names a record and what is wrong with it, never a value: no number to call, no address, no INE.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from broker.domain.people import PersonName


class FindingKind(StrEnum):
    """What can be wrong. The value is stored: never rename one."""

    NO_GUARDIAN = "pupil_without_guardian"
    NO_LEGAL_GUARDIAN = "pupil_without_legal_guardian"
    ADULT_TWICE = "adult_twice_beside_pupil"
    BIRTH_DATE_MISSING = "birth_date_missing"
    BIRTH_DATE_IMPOSSIBLE = "birth_date_impossible"
    INE_TWICE = "ine_of_two_pupils"
    INE_WRONG_KEY = "ine_wrong_key"
    CLASS_MISSING = "class_missing"
    NO_LEGAL_CHILD = "guardian_without_legal_child"
    MOBILE_NONE = "mobile_is_no_mobile"
    MOBILE_SHARED = "mobile_of_many_adults"
    NO_CONTACT = "guardian_without_contact"


class Origin(StrEnum):
    """Where what a feed delivers is written down, so where it is mended. AAF is made from ONDE (1D) and SIECLE (2D)."""

    ONDE = "onde"
    SIECLE = "siecle"
    AAF_1D = "aaf_1d"
    AAF_2D = "aaf_2d"
    LDAP = "ldap"


MOBILE = re.compile(r"\+33[67]\d{8}|\+(?!33)\d{8,15}")
"""Numbers that take a text message, as feeds are read. Of other countries' nobody here can tell mobile from fixed."""


# ---- the picture of one school ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SchoolPupil:
    """A live record of a pupil who has a place at the school. `name_key` as `names.name_key`."""

    record_id: str
    feed: str
    name_key: str
    birth_date: date | None
    ine: str
    in_class: bool


@dataclass(frozen=True, slots=True)
class SchoolAdult:
    """A live record of an adult beside a pupil of the school. `legal`: a legal guardian of some child, here or not."""

    record_id: str
    feed: str
    name_key: str
    mobile: str
    mail: str
    legal: bool


@dataclass(frozen=True, slots=True)
class Beside:
    """A standing relation of a pupil of the school; its adult may be gone. `legal`: as legal guardian."""

    adult_record: str
    child_record: str
    link_code: str
    legal: bool


@dataclass(frozen=True, slots=True)
class IneBearer:
    """A live record, of whichever school, that bears the INE of a pupil of this one. Compared, never shown."""

    record_id: str
    name_key: str
    birth_date: date | None


@dataclass(frozen=True, slots=True)
class SchoolPicture:
    """What some feeds say of one school. `bearers`: for each INE that other records bear too, all who bear it."""

    uai: str
    pupils: tuple[SchoolPupil, ...] = ()
    adults: tuple[SchoolAdult, ...] = ()
    beside: tuple[Beside, ...] = ()
    bearers: Mapping[str, tuple[IneBearer, ...]] = field(default_factory=dict)


# ---- findings -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Something wrong with one record. `other`: a second record of the same school, where one is meant beside it."""

    kind: FindingKind
    feed: str
    record_id: str
    other: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """The last delivery of a feed that was applied whole: what findings are dated with."""

    import_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Deliveries:
    """The last delivery of each feed that made one; `at_work` tells that another is being applied right now."""

    last: Mapping[str, Delivery]
    at_work: bool = False


@dataclass(frozen=True, slots=True)
class QualityCheck:
    """The whole act: everything found wrong in a school's deliveries; what stood open and is not among it closes."""

    uai: str
    found: frozenset[Finding]
    deliveries: Deliveries


@dataclass(frozen=True, slots=True)
class TrackedFinding:
    """A finding and its story, as those who mend it read it. Instants are those of the deliveries.

    `ine_end`: at most the last three characters; `other_name`: whom `other` names, of the same school.
    """

    finding: Finding
    name: PersonName
    class_label: str
    ine_end: str
    other_name: PersonName | None
    first_seen: datetime
    last_seen: datetime
    closed_at: datetime | None = None
    closed_in: str = ""


# ---- children whom no account reaches --------------------------------------------------------------------------------


class NextAction(StrEnum):
    """The cheapest thing that may bring a child's guardian in, cheap to dear in this order."""

    CONFIRM = "confirm"
    """A guardian's record is proposed to a person who already signs in, for another child."""
    MAIL = "mail"
    TEXT = "text"
    POST = "post"
    HAND = "hand"
    MEND = "mend"
    """Nobody may see the child: no invitation helps until the school's file does."""


@dataclass(frozen=True, slots=True)
class EnrolledChild:
    """A live record of a pupil with a place at a school. `child_id`: its person, else the record itself."""

    child_id: str
    record_id: str
    name: PersonName
    class_label: str


@dataclass(frozen=True, slots=True)
class Seer:
    """An adult who may see a child now, by one record. `may_be_known`: it is proposed to somebody who signs in."""

    child_id: str
    signs_in: bool
    may_be_known: bool
    mail: str
    mobile: str
    address: str


@dataclass(frozen=True, slots=True)
class SchoolFamilies:
    """The children of one school and everybody who may see them."""

    uai: str
    school: str
    children: tuple[EnrolledChild, ...]
    seers: tuple[Seer, ...]


@dataclass(frozen=True, slots=True)
class UnreachedChild:
    """A child whom nobody who signs in may see, and what to do first."""

    child: EnrolledChild
    action: NextAction


@dataclass(frozen=True, slots=True)
class SchoolReach:
    """How many children a school has, and which are not reached. A child told by several feeds counts once."""

    uai: str
    school: str
    children: int
    unreached: tuple[UnreachedChild, ...]
