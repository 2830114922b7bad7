"""Values of founding: records that need a person, what stands around them, what becomes of attachments.

They stand between `directory`, which decides, and `storage`, which reads and writes in bulk. Rows made by the hundred
thousand are tuples whose fields follow their table's columns; everything else is a frozen dataclass.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple

from broker.domain.audit import AuditEvent
from broker.domain.imports import CONTACT_HOLD
from broker.domain.names import fold
from broker.domain.people import RecordKind
from broker.domain.school import ine_is_plausible


class Unattached(NamedTuple):
    """A live record that belongs to no person yet. `content` is there where it may be compared."""

    record_id: str
    name_key: str
    given_name: str
    birth_date: date | None
    ine: str
    content: str


@dataclass(frozen=True, slots=True)
class PupilTwin:
    """A pupil record with an INE that an unattached record bears too, and its living person."""

    record_id: str
    ine: str
    given_name: str
    birth_date: date | None
    person_id: str


class Tied(NamedTuple):
    """An unattached record and another one that a directory calls the same human; `person_id` is the other's."""

    record_id: str
    other: str
    nature: str
    kind: str
    name_key: str
    given_name: str
    birth_date: date | None
    ine: str
    person_id: str | None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One adult record standing beside one child *person*. `person_id` is None while the record is unattached."""

    child_person: str
    record_id: str
    feed: str
    name_key: str
    civility: str
    link_code: str
    person_id: str | None


@dataclass(frozen=True, slots=True)
class Likeness:
    """A guardian record of another feed under the same name key, to be compared for a proposal."""

    record_id: str
    feed: str
    name_key: str
    content: str
    person_id: str


class Belonging(NamedTuple):
    """A record of a person, attached or frozen, and what of it the evidence of an attachment may rest on.

    `changed`: the run at work wrote it, or the record of a child beside it. `trusted`: its feed is an académie's.
    """

    id: str
    record_id: str
    person_id: str
    state: str
    evidence_kind: str
    evidence: Mapping[str, str]
    kind: str
    feed: str
    name_key: str
    given_name: str
    civility: str
    birth_date: date | None
    ine: str
    retired: bool = False
    trusted: bool = True
    changed: bool = False

    @property
    def is_pupil(self) -> bool:
        """Whether this is a pupil's record."""
        return self.kind == RecordKind.PUPIL.value

    @property
    def stated(self) -> Stated:
        """What the record states of who this is: a pupil's civility joins nobody."""
        return Stated(self.given_name, "" if self.is_pupil else self.civility, self.birth_date, self.ine)


class Stated(NamedTuple):
    """What a record states of who somebody is."""

    given_name: str
    civility: str
    birth_date: date | None
    ine: str

    def contradicts(self, other: Stated) -> bool:
        """Tell whether these cannot be one person. What one of them leaves out contradicts nothing."""
        return (
            _differ(self.birth_date, other.birth_date)
            or _differ(self.civility, other.civility)
            or (ine_is_plausible(self.ine) and ine_is_plausible(other.ine) and self.ine != other.ine)
            or not given_names_agree(self.given_name, other.given_name)
        )


def given_names_agree(one: str, other: str) -> bool:
    """Tell whether one given name is the other or its beginning ("Léa", "LEA-EVE"), accents and case aside."""
    left, right = fold(one).split(), fold(other).split()
    shorter = min(len(left), len(right))
    return shorter > 0 and left[:shorter] == right[:shorter]


def _differ(one: date | str | None, other: date | str | None) -> bool:
    return bool(one) and bool(other) and one != other


class Beside(NamedTuple):
    """An adult's record beside a child's, now or until the child left, and the child's person and attachment."""

    adult_record: str
    child_record: str
    child_person: str
    child_state: str
    link_code: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What stands around a chunk: of its unattached records, and of those that the run changed.

    `tied` are the records that a directory calls one human with unattached ones, `tied_pairs` those it calls so now
    among `belongings`. These are all the records of the persons whose attachments may rest on a changed record,
    `beside` the children of the adults among them, `ties` the records that each login of theirs named together,
    `purged` the records named by evidence of theirs that the directory holds no more.
    """

    twins: Sequence[PupilTwin] = ()
    neighbours: Sequence[Neighbour] = ()
    likenesses: Sequence[Likeness] = ()
    tied: Sequence[Tied] = ()
    tied_pairs: frozenset[frozenset[str]] = frozenset()
    belongings: Sequence[Belonging] = ()
    beside: Sequence[Beside] = ()
    ties: Sequence[frozenset[str]] = ()
    purged: frozenset[str] = frozenset()


def children_in_common(one: str, other: str, beside: Iterable[Beside]) -> list[Beside]:
    """The relations of two adult records to the children whom both stand beside."""
    of_either = [fact for fact in beside if fact.adult_record in {one, other}]
    mine, theirs = ({fact.child_person for fact in of_either if fact.adult_record == who} for who in (one, other))
    return [fact for fact in of_either if fact.child_person in mine & theirs]


def judged_facts(one: Belonging, other: Belonging, beside: Iterable[Beside]) -> dict[str, str]:
    """What a human looked at who judged that two records are one person's, as digests: a verdict is about that."""
    stated = sorted((row.record_id, *row.stated, "" if row.is_pupil else row.name_key) for row in (one, other))
    children = sorted(
        (fact.adult_record, fact.child_record, fact.link_code)
        for fact in children_in_common(one.record_id, other.record_id, beside)
    )
    return {"judged_on": _digest(stated), "judged_children": _digest(children)}


def _digest(facts: Sequence[object]) -> str:
    """Only to be compared: the facts stand beside it in the same database."""
    return hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()


class AttachmentRow(NamedTuple):
    """A row of `attachments` to be made. `evidence` is JSON."""

    id: str
    record_id: str
    person_id: str
    state: str
    evidence_kind: str
    evidence: str
    score: float | None
    actor: str
    at: datetime


class AttachmentChange(NamedTuple):
    """What an attachment that rests on other records becomes. `was` is its state before; `evidence` is JSON."""

    id: str
    record_id: str
    person_id: str
    was: str
    state: str
    evidence_kind: str
    evidence: str


@dataclass(slots=True)
class FoundingPlan:
    """Persons to be founded, attachments to be made, and those to be frozen or thawed, for one chunk of records."""

    persons: list[str] = field(default_factory=list)
    attachments: list[AttachmentRow] = field(default_factory=list)
    changed: list[AttachmentChange] = field(default_factory=list)
    contact_hold: timedelta = CONTACT_HOLD
    audit: list[AuditEvent] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, what: str, by: int = 1) -> None:
        """Add to a count."""
        self.counts[what] = self.counts.get(what, 0) + by
