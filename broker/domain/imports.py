"""Values of an import: the run, what is staged, what is known, what a chunk shall write (persons: `founding`).

They stand between `directory`, which decides, and `storage`, which reads and writes in bulk. Rows made by the hundred
thousand are tuples whose fields follow their table's columns; everything else is a frozen dataclass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from broker.domain.audit import AuditEvent
from broker.domain.contacts import ContactMove
from broker.domain.feed import FeedFault


class ImportState(StrEnum):
    """How far a run got. `rehearsal` is a dry run; `superseded` was left for a newer delivery before it was applied."""

    REHEARSAL = "rehearsal"
    STAGING = "staging"
    STAGED = "staged"
    HELD = "held"
    APPLYING = "applying"
    DONE = "done"
    SUPERSEDED = "superseded"


FOUNDING = 10
"""Added to a phase once everything is applied and the same rows are walked again to found persons."""


@dataclass(frozen=True, slots=True)
class ImportRun:
    """One delivery of one feed. `applied_at` is the instant all its facts are dated with, the same after a resume.

    `phase` and `cursor` are the last staged row applied, then, counted from `FOUNDING` on, the last one whose record
    got its person; `staged` counts the delivered items staged so far.
    `covers` names the kinds a complete set holds files for: only those can retire somebody.
    """

    import_id: str
    feed: str
    tenant: str
    academie: str
    complete: bool
    checksum: str
    made_on: date | None
    state: ImportState
    started_at: datetime
    covers: frozenset[str] = frozenset()
    applied_at: datetime | None = None
    phase: int = 0
    cursor: int = 0
    staged: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lease:
    """Who works on a run, and until when nobody else may: renewed with every chunk, checked in every transaction."""

    holder: str
    now: datetime
    until: datetime


class Op(StrEnum):
    """What a staged row asks for. `keep` only says that the feed still knows the record (it was malformed)."""

    ADD = "add"
    MODIFY = "modify"
    DELETE = "delete"
    KEEP = "keep"


class StagedRow(NamedTuple):
    """A delivered record at rest. `payload` is JSON; `relations` counts the adults it names beside a pupil."""

    phase: int
    seq: int
    key: str
    kind: str
    op: str
    content_hash: str
    relations: int
    payload: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows and faults of one staging step; `staged` is the count of delivered items up to and with this step."""

    rows: Sequence[StagedRow]
    faults: Sequence[FeedFault]
    staged: int


CONTACT_HOLD = timedelta(hours=72)
"""So long at least a number or address that a feed changed counts for nothing (LR-13)."""


# ---- rows as their tables hold them -------------------------------------------------------------------------------


class RecordRow(NamedTuple):
    """A row of `records`."""

    id: str
    feed: str
    key: str
    kind: str
    academie: str
    family_name: str
    given_name: str
    civility: str
    name_key: str
    birth_date: date | None
    ine: str
    content: str
    content_hash: str
    seen_in: str
    first_seen_at: datetime
    retired_at: datetime | None


class GuardianshipRow(NamedTuple):
    """A row of `guardianships`; the first three fields are its key."""

    adult_record: str
    child_record: str
    since: datetime
    until: datetime | None
    feed: str
    link_code: str
    quality: str
    may_see: bool
    may_act: bool
    pays: bool
    contact_first: bool
    given: datetime | None = None
    """From when the feed gives the right: the day of the delivery that first did, over every change of the row."""
    withdrawn: datetime | None = None
    """The day of the delivery that no longer gave a right which the feed had given."""


class EnrolmentRow(NamedTuple):
    """A row of `enrolments`; the first four fields are its key."""

    record_id: str
    uai: str
    class_code: str
    since: datetime
    until: datetime | None
    class_label: str
    mef: str
    level_code: str
    starts_on: date | None
    ends_on: date | None


class PostFactRow(NamedTuple):
    """A row of `staff_posts`; the first four fields are its key."""

    record_id: str
    uai: str
    function: str
    since: datetime
    until: datetime | None
    profil: str


class SchoolRow(NamedTuple):
    """A school as a feed delivers it, with its key there and its classes (code, label)."""

    uai: str
    name: str
    level: str | None
    kind: str
    academie: str
    commune: str
    contract: str
    key: str
    content_hash: str
    classes: tuple[tuple[str, str], ...]


# ---- one chunk ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KnownRecord:
    """A record as it stands before the chunk."""

    record_id: str
    key: str
    kind: str
    content: str
    first_seen_at: datetime
    retired: bool


@dataclass(frozen=True, slots=True)
class Chunk:
    """Staged rows, and everything that stands of the records they speak of.

    Facts are the open ones and those dated with this very run, so that a fact changed twice in one run stays one row;
    guardianships also those that ended when a pupil left.
    """

    rows: Sequence[StagedRow]
    known: Mapping[str, KnownRecord]
    guardianships: Sequence[GuardianshipRow] = ()
    enrolments: Sequence[EnrolmentRow] = ()
    posts: Sequence[PostFactRow] = ()
    schools: Mapping[str, str] = field(default_factory=dict)
    """School key of the feed to UAI, live ones only."""


@dataclass(slots=True)
class ChunkPlan:
    """What a chunk shall write: filled by the planner, written by the storage in one transaction."""

    schools: dict[str, SchoolRow] = field(default_factory=dict)
    schools_retired: list[str] = field(default_factory=list)
    records_added: dict[str, RecordRow] = field(default_factory=dict)
    records_changed: dict[str, RecordRow] = field(default_factory=dict)
    records_retired: list[str] = field(default_factory=list)
    guardianships_added: list[GuardianshipRow] = field(default_factory=list)
    guardianships_changed: list[GuardianshipRow] = field(default_factory=list)
    enrolments_added: list[EnrolmentRow] = field(default_factory=list)
    enrolments_changed: list[EnrolmentRow] = field(default_factory=list)
    posts_added: list[PostFactRow] = field(default_factory=list)
    posts_changed: list[PostFactRow] = field(default_factory=list)
    ties: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    """What records state of who is one human with them: (other record or reference, nature), whatever stood before."""
    contact_moves: list[ContactMove] = field(default_factory=list)
    contact_hold: timedelta = CONTACT_HOLD
    touched: set[str] = field(default_factory=set)
    """Records whose persons' sessions must not rest on copies: what these persons may see changed."""
    audit: list[AuditEvent] = field(default_factory=list)
    faults: list[FeedFault] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, what: str, by: int = 1) -> None:
        """Add to a count."""
        if by:
            self.counts[what] = self.counts.get(what, 0) + by


@dataclass(frozen=True, slots=True)
class KindDifference:
    """What applying a delivery would do to the records of one kind."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    live_before: int = 0


@dataclass(frozen=True, slots=True)
class ImportDifference:
    """What applying would change: the guard and `--dry-run` read it.

    Guardianships of pupils unknown before are `added`, and among them `joined` those whose pupil bears the INE of a
    live record or is tied to a record by a directory, so that they open a child who is known; `widened` are new ones
    beside pupils already known, `altered` ones change in quality or code, `ended` ones fall. `joined_corrected` records
    come to contradict the one that joined them to a person; `joined_before` records of the feed share their person with
    another one. `contacts_changed` records say another number or address than they did.
    """

    kinds: Mapping[str, KindDifference]
    guardianships_before: int = 0
    guardianships_added: int = 0
    guardianships_widened: int = 0
    guardianships_altered: int = 0
    guardianships_ended: int = 0
    guardianships_joined: int = 0
    joined_corrected: int = 0
    joined_before: int = 0
    contacts_changed: int = 0

    @property
    def live_before(self) -> int:
        """Live records of the feed before the run: none means a first import."""
        return sum(kind.live_before for kind in self.kinds.values())
