"""What attachments rest on, in SQL: read round the records that a run changed; freezing and thawing written."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, or_, select, update
from sqlalchemy.orm import aliased

from broker.domain.connected import Connected
from broker.domain.founding import AttachmentChange, Belonging, Beside
from broker.domain.identity import AccountState, EvidenceKind
from broker.domain.people import AttachmentState, RecordKind
from broker.storage.copies import tell_sessions
from broker.storage.may_see import BINDING
from broker.storage.schema import accounts, attachments, guardianships, merges, records, sessions
from broker.storage.sql_imports_bulk import among
from broker.storage.sql_merge import named
from broker.storage.sql_sessions import end_sessions
from broker.storage.sql_ties import pairs_of

_FROZEN = AttachmentState.FROZEN.value
_TIE = EvidenceKind.DIRECTORY_TIE.value
_SAME_INE, _SHARED_CHILD = EvidenceKind.SAME_INE.value, EvidenceKind.SHARED_CHILD.value


class PersonMoved(Exception):
    """A merge, an undo or the desk changed a person between the look and the write."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """All the records of some persons, the children beside the adults among them, what their logins named."""

    belongings: Sequence[Belonging] = ()
    beside: Sequence[Beside] = ()
    ties: Sequence[frozenset[str]] = ()
    purged: frozenset[str] = frozenset()
    tied_pairs: frozenset[frozenset[str]] = frozenset()


def grounds_of(conn: Connection, kind: RecordKind, changed: Sequence[str]) -> Grounds:
    """Read what the attachments that may rest on these records now rest on.

    Those of a changed pupil, and of the adults beside that pupil, whom a child in common joined.
    """
    own = _SAME_INE if kind is RecordKind.PUPIL else _SHARED_CHILD
    pool, written = list(conn.scalars(_resting(conn, changed, own, _TIE))), set(changed)
    if kind is RecordKind.PUPIL:
        adults = _adults_beside(conn, {*changed, *conn.scalars(_records_of(conn, pool))})
        pool += conn.scalars(_resting(conn, list(adults), _SHARED_CHILD))
        # A pupil's record states the relations: whoever stands beside a changed one may have been changed by it.
        written |= {adult for adult, children in adults.items() if not children.isdisjoint(changed)}
    if not pool:
        return Grounds()
    belongings = belongings_of(conn, pool, changed=written)
    parents = [one.record_id for one in belongings if not one.is_pupil]
    tied = pairs_of(conn, [one.record_id for one in belongings])
    return Grounds(belongings, beside_of(conn, parents), _ties(conn, pool), _purged(conn, belongings), tied)


def _adults_beside(conn: Connection, child_records: Collection[str]) -> dict[str, set[str]]:
    facts = guardianships.c
    found: dict[str, set[str]] = defaultdict(set)
    query = select(facts.adult_record, facts.child_record).where(among(conn, facts.child_record, child_records))
    for adult, child in conn.execute(query):
        found[adult].add(child)
    return found


def _purged(conn: Connection, belongings: Sequence[Belonging]) -> frozenset[str]:
    """Records that the evidence names and the directory holds no more."""
    beside = {one.evidence["other"] for one in belongings if one.evidence.get("other")}
    away = beside - {one.record_id for one in belongings}
    if not away:
        return frozenset()
    return frozenset(away.difference(conn.scalars(select(records.c.id).where(among(conn, records.c.id, away)))))


def _resting(conn: Connection, record_ids: Collection[str], *kinds: str) -> Select[Any]:
    """The persons of these records that hold together by evidence of these kinds."""
    mine, resting = aliased(attachments), aliased(attachments)
    return (
        select(mine.c.person_id)
        .join(resting, resting.c.person_id == mine.c.person_id)
        .where(
            among(conn, mine.c.record_id, record_ids),
            mine.c.state.in_(BINDING),
            resting.c.state.in_(BINDING),
            resting.c.evidence_kind.in_(kinds),
        )
        .distinct()
    )


def _records_of(conn: Connection, person_ids: Collection[str]) -> Select[Any]:
    return select(attachments.c.record_id).where(
        among(conn, attachments.c.person_id, person_ids), attachments.c.state.in_(BINDING)
    )


def belongings_of(conn: Connection, person_ids: Collection[str], *, changed: Collection[str] = ()) -> list[Belonging]:
    """All the records of these persons; those `changed` by the run at work are marked."""
    table, facts = attachments.c, records.c
    query = (
        select(
            *(table.id, table.record_id, table.person_id, table.state, table.evidence_kind, table.evidence),
            *(facts.kind, facts.feed, facts.name_key, facts.given_name, facts.civility, facts.birth_date, facts.ine),
            *(facts.retired_at.is_not(None), facts.academie != ""),
        )
        .join(records, facts.id == table.record_id)
        .where(among(conn, table.person_id, person_ids), table.state.in_(BINDING))
        .order_by(table.person_id, table.record_id)
    )
    return [Belonging._make((*row, row.record_id in changed)) for row in conn.execute(query)]


def beside_of(conn: Connection, adult_records: Sequence[str]) -> list[Beside]:
    """A relation that ended because the child left proves what it proved; one that was withdrawn proves nothing."""
    facts = guardianships.c
    query = (
        select(facts.adult_record, facts.child_record, attachments.c.person_id, attachments.c.state, facts.link_code)
        .join(attachments, attachments.c.record_id == facts.child_record)
        .join(records, records.c.id == facts.child_record)
        .where(
            among(conn, facts.adult_record, adult_records),
            attachments.c.state.in_(BINDING),
            or_(facts.until.is_(None), facts.until == records.c.retired_at),
        )
    )
    return [Beside._make(row) for row in conn.execute(query)]


def _ties(conn: Connection, person_ids: Collection[str]) -> list[frozenset[str]]:
    linked = (among(conn, accounts.c.person_id, person_ids), accounts.c.state == AccountState.LINKED.value)
    joined = (
        select(merges.c.evidence)
        .join(accounts, accounts.c.id == merges.c.account_id)
        .where(*linked, merges.c.undone_at.is_(None))
    )
    proofs = [*conn.scalars(select(accounts.c.evidence).where(*linked)), *conn.scalars(joined)]
    return [frozenset(named(proof)) for proof in proofs]


# ---- writing ------------------------------------------------------------------------------------------------------


def write_changes(conn: Connection, changes: Sequence[AttachmentChange], *, now: datetime) -> None:
    """Write what becomes of attachments. Raises `PersonMoved` when one is no longer what was looked at."""
    for one in changes:
        written = conn.execute(
            update(attachments)
            .where(
                attachments.c.id == one.id,
                attachments.c.person_id == one.person_id,
                attachments.c.state == one.was,
            )
            .values(state=one.state, evidence_kind=one.evidence_kind, evidence=json.loads(one.evidence))
        )
        if written.rowcount != 1:
            raise PersonMoved
    persons = {one.person_id for one in changes if one.state != one.was}
    if persons:
        shut_out(conn, persons, now=now)
        tell_concerned(conn, persons, now=now)


def shut_out(conn: Connection, person_ids: Collection[str], *, now: datetime) -> None:
    """End the sessions of logins that named only records which are frozen now: whose they are is in doubt."""
    frozen = set(
        conn.scalars(
            select(attachments.c.record_id).where(
                among(conn, attachments.c.person_id, person_ids), attachments.c.state == _FROZEN
            )
        )
    )
    query = select(accounts.c.id, accounts.c.evidence).where(among(conn, accounts.c.person_id, person_ids))
    out = [row.id for row in conn.execute(query) if _names_only(row, frozen)]
    if out:
        end_sessions(conn, sessions.c.account_id.in_(out), now=now, why="record_frozen")


def _names_only(account: Any, frozen: set[str]) -> bool:
    wanted = set(named(account.evidence))
    return bool(wanted) and wanted <= frozen


def tell_concerned(conn: Connection, person_ids: Iterable[str], *, now: datetime) -> None:
    """Call back the copies of the sessions of these persons, and of the adults beside the children among them."""
    persons = set(person_ids)
    beside = (
        select(attachments.c.person_id)
        .join(guardianships, guardianships.c.adult_record == attachments.c.record_id)
        .where(
            guardianships.c.child_record.in_(_records_of(conn, persons)),
            guardianships.c.until.is_(None),
            attachments.c.state.in_(BINDING),
        )
    )
    tell_sessions(conn, persons | set(conn.scalars(beside.distinct())), now=now)


def strayed(person_ids: Collection[str]) -> ColumnElement[bool]:
    """Sessions of these persons opened by accounts that have gone to another person since."""
    home = select(accounts.c.person_id).where(accounts.c.id == sessions.c.account_id).scalar_subquery()
    return sessions.c.person_id.in_(person_ids) & (sessions.c.person_id != home)


def freeze_unheld(conn: Connection, person_ids: Collection[str], *, now: datetime) -> list[AttachmentChange]:
    """Freeze what only a login's proof still kept, now that the login is undone; returns what was frozen."""
    belongings = belongings_of(conn, person_ids)
    if not any("unheld" in one.evidence for one in belongings):
        return []
    groups = Connected(one.record_id for one in belongings)
    for tie in _ties(conn, person_ids):
        groups.join(tie)
    for one in belongings:
        if "unheld" not in one.evidence and one.evidence.get("frozen") != one.record_id:
            groups.join((one.record_id, one.evidence.get("other", one.record_id)))
    causes: dict[str, str] = {}
    for one in belongings:
        if "unheld" in one.evidence and not groups.same(one.record_id, one.evidence["other"]):
            causes.setdefault(groups.root(one.record_id), one.record_id)
    changes = [
        _freezing(one, cause)
        for one in belongings
        if one.state != _FROZEN and (cause := causes.get(groups.root(one.record_id)))
    ]
    write_changes(conn, changes, now=now)
    return changes


def _freezing(one: Belonging, cause: str) -> AttachmentChange:
    evidence = {name: text for name, text in one.evidence.items() if name != "unheld"}
    stored = json.dumps({**evidence, "frozen": cause})
    return AttachmentChange(one.id, one.record_id, one.person_id, one.state, _FROZEN, one.evidence_kind, stored)
