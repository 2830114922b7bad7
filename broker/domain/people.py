"""Persons, the records that feeds deliver of them, and the attachments between the two.

A person is one human: a *set of attached records*. Roles are facts about a person, never account types:
a teacher who is a parent is one person.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from broker.domain.school import Level


class Profil(StrEnum):
    """SDET profiles, by their national short code (`National_ELV` …)."""

    ELEVE = "ELV"
    TUTEUR = "TUT"
    ENSEIGNANT = "ENS"
    DIRECTION = "DIR"
    VIE_SCOLAIRE = "EVS"
    ETABLISSEMENT = "ETA"
    ACADEMIE = "ACA"
    DOCUMENTALISTE = "DOC"
    COLLECTIVITE = "COL"


class Space(StrEnum):
    """The two spaces of a person's life with schools; a service sees another subject in each."""

    FAMILY = "family"
    STAFF = "staff"


class RecordKind(StrEnum):
    """What a record describes. A pupil and an adult are never the same record, nor joined: one view would show both."""

    PUPIL = "pupil"
    GUARDIAN = "guardian"
    STAFF = "staff"


class AttachmentState(StrEnum):
    """`proposed` shows nothing to anybody; only `attached` opens a view; the two others are kept for the record."""

    PROPOSED = "proposed"
    ATTACHED = "attached"
    FROZEN = "frozen"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class Reference:
    """An authoritative directory key: who numbers (`academie`, two digits) and the number (`ENTPersonJointure`)."""

    academie: str
    key: str

    def __str__(self) -> str:
        return f"{self.academie}${self.key}"


@dataclass(frozen=True, slots=True)
class PersonName:
    """A name as recorded by the school. `civility` is `M.` or `Mme`; empty when unknown."""

    family: str
    given: str
    civility: str = ""


@dataclass(frozen=True, slots=True)
class RecordView:
    """A live record and the person it is attached to, as linking decisions read it."""

    record_id: str
    feed: str
    kind: RecordKind
    person_id: str
    reference: Reference
    name: PersonName
    person_since: datetime | None = None
    """When the person behind the record was founded: who survives a join is decided by age."""
    subject_since: datetime | None = None
    """When the person's oldest current subject was issued; None when no service knows the person yet."""
    state: AttachmentState = AttachmentState.ATTACHED
    """`frozen`: what joined the record to this person was corrected since, and it opens nothing."""


@dataclass(frozen=True, slots=True)
class ChildCard:
    """One enrolment of one child that an adult may see now: exactly what the portal prints, and nothing more."""

    child_id: str
    given: str
    family: str
    uai: str
    school: str
    level: Level | None
    class_label: str
    starts: date | None
    """First day of the enrolment when it lies ahead (the card is greyed until then); None once it has begun."""
    class_code: str = ""
    """What the feed names the class by: descriptors list classes by it. Never printed: people read the label."""
    by_mandate: bool = False
    """The adult is a third one, who acts for the child by a mandate."""
    may_act: bool = False
    """The adult may also act for the child: said to services, never printed."""


@dataclass(frozen=True, slots=True)
class Post:
    """A staff member's function at a school."""

    uai: str
    school: str
    level: Level | None
    profil: Profil
    function: str


@dataclass(frozen=True, slots=True)
class PersonView:
    """A person as pages and decisions read them: preferred name, and the live roles behind every profile."""

    person_id: str
    name: PersonName
    kinds: frozenset[RecordKind]
    posts: tuple[Post, ...] = ()
    pupil_at: tuple[ChildCard, ...] = ()


@dataclass(frozen=True, slots=True)
class CardReason:
    """Why an adult sees a child: the records and the dated fact that led to the card (page "Pourquoi cette page ?")."""

    child_id: str
    adult_feed: str
    adult_reference: Reference
    attached_by: str
    attached_at: datetime
    quality: str
    since: datetime
    uai: str
    """School of the enrolment that this reason explains."""
