"""What feeds change of how somebody is reached: noted, held and told in the transaction of the import (LR-13).

Whoever may write in a school's software could otherwise put in a number of theirs, and ask for a code. A first number
of somebody who had none is no change; neither is one that counts for the person already.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, bindparam, false, func, insert, literal, or_, select, update

from broker.domain.access_notices import AccessNotice, NoticeKind
from broker.domain.audit import Action, AuditEvent
from broker.domain.contacts import ContactMove, contacts_in
from broker.domain.founding import AttachmentRow
from broker.domain.imports import ImportRun, ImportState
from broker.domain.people import RecordKind
from broker.storage.lineage import downwards
from broker.storage.may_see import ATTACHED, BINDING
from broker.storage.schema import Instant, attachments, contact_moves, contacts, imports, persons, records
from broker.storage.sql_imports_bulk import among
from broker.storage.trail import insert_audit, insert_notices

DOUBTED = timedelta(days=30)


def contact_changed() -> Select[Any]:
    """A row where a number or address of the `person` changed after `since`, whoever changed it.

    What was called back while it was held is no change: it never counted, and a thief who asked for it would otherwise
    keep every desk from helping the person for three days.
    """
    tree, since = downwards(), bindparam("since", type_=Instant)
    called_back = contacts.c.until < contacts.c.holds_until
    given = select(contacts.c.id).where(
        contacts.c.person_id.in_(tree), contacts.c.asked_at > since, func.coalesce(called_back, false()).is_(false())
    )
    moved = (
        select(contact_moves.c.id)
        .join(attachments, attachments.c.record_id == contact_moves.c.record_id)
        .where(attachments.c.person_id.in_(tree), attachments.c.state.in_(BINDING), contact_moves.c.at > since)
    )
    return select(literal(1)).where(or_(given.exists(), moved.exists()))


def doubt_moves(conn: Connection, tree: Collection[str], *, now: datetime) -> None:
    """Keep holding what a feed brought for whoever says « Ce n'est pas moi »: the school has a month to correct it."""
    theirs = select(attachments.c.record_id).where(
        attachments.c.person_id.in_(sorted(tree)), attachments.c.state.in_(BINDING)
    )
    still = (contact_moves.c.record_id.in_(theirs), contact_moves.c.holds_until > now)
    conn.execute(update(contact_moves).where(*still).values(holds_until=now + DOUBTED))


def note_moves(
    conn: Connection, run: ImportRun, told: Sequence[ContactMove], *, now: datetime, hold: timedelta
) -> None:
    """Note what a feed is about to change. Called before the records are written: what stands is what there was."""
    if told:
        owners = _owners(conn, {move.record_id for move in told})
        _note(conn, run, [move for move in told if move.record_id in owners], owners, now=now, hold=hold)


def note_joined(
    conn: Connection, run: ImportRun, joined: Iterable[AttachmentRow], *, now: datetime, hold: timedelta
) -> None:
    """Note what a new record would add to somebody who was there before. Called before it is attached to them.

    Not at a feed's first delivery: with it half a town gets a second number, and an administrator set it up.
    """
    owners = {row.record_id: row.person_id for row in joined if row.state == ATTACHED}
    if not owners or not _delivered_before(conn, run):
        return
    found = conn.execute(
        select(records.c.id, records.c.kind, records.c.content).where(among(conn, records.c.id, owners))
    )
    added = [
        ContactMove(row.id, kind.value, "", value)
        for row in found
        for kind, value in contacts_in(row.content, kind=RecordKind(row.kind)).items()
        if value
    ]
    _note(conn, run, added, owners, now=now, hold=hold)


@dataclass(frozen=True, slots=True)
class _Before:
    """What persons had, by person and kind: values that `count`, all that they ever `had`.

    By record and kind: what it `lost`, and what a hold `keeps` in place of whatever the record says meanwhile.
    """

    counting: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    had: set[tuple[str, str]] = field(default_factory=set)
    lost: dict[tuple[str, str], str] = field(default_factory=dict)
    keeps: dict[tuple[str, str], str] = field(default_factory=dict)

    def judged(self, move: ContactMove, person_id: str) -> ContactMove | None:
        """The move with the value before it, also one that was withdrawn first; None where it is no change.

        While the record has one held, that one never counted: the value before it is what the hold keeps. Else a number
        that a school corrects in time would count once its own hold is over, and the right one wait in its place.
        """
        place, record = (person_id, move.kind), (move.record_id, move.kind)
        said = move.was or self.lost.get(record, "")
        if move.value in {*self.counting.get(place, ()), said}:
            return None
        return move._replace(was=self.keeps.get(record, said)) if said or place in self.had else None


def _note(
    conn: Connection,
    run: ImportRun,
    told: Sequence[ContactMove],
    owners: Mapping[str, str],
    *,
    now: datetime,
    hold: timedelta,
) -> None:
    if not told:
        return
    before = _before(conn, told, owners, now)
    moves = [move for each in told if (move := before.judged(each, owners[each.record_id])) is not None]
    if not moves:
        return
    conn.execute(insert(contact_moves), [{**move._asdict(), "at": now, "holds_until": now + hold} for move in moves])
    kinds: dict[str, set[str]] = defaultdict(set)
    for move in moves:
        kinds[owners[move.record_id]].update([move.kind] if move.value else [])
    insert_audit(conn, [_event(run, person_id, kinds[person_id], now) for person_id in sorted(kinds)])
    insert_notices(conn, [_notice(person_id, kinds[person_id], now) for person_id in sorted(kinds) if kinds[person_id]])


def _event(run: ImportRun, person_id: str, kinds: Collection[str], now: datetime) -> AuditEvent:
    detail = {"kind": " ".join(sorted(kinds)) or "withdrawn"}
    return AuditEvent(
        run.tenant, now, Action.CONTACT_CHANGED, f"feed:{run.feed}", subject=person_id, trace=run.import_id,
        detail=detail,
    )  # fmt: skip


def _notice(person_id: str, kinds: Collection[str], now: datetime) -> AccessNotice:
    return AccessNotice(person_id, NoticeKind.CONTACT_CHANGED, now, {"kind": " ".join(sorted(kinds))})


def _before(conn: Connection, told: Sequence[ContactMove], owners: Mapping[str, str], now: datetime) -> _Before:
    before, people = _Before(), sorted(set(owners.values()))
    moving = {(move.record_id, move.kind) for move in told}
    found = conn.execute(_records_of(conn, people)).fetchall()
    past = conn.execute(_moves_of(conn, sorted({*owners, *(row.id for row in found)}))).fetchall()
    held = {(row.record_id, row.kind, row.value) for row in past if row.holds_until > now}
    for row in past:
        before.lost[row.record_id, row.kind] = row.was if not row.value else ""
        if row.holds_until > now:
            before.keeps.setdefault((row.record_id, row.kind), row.was)
    for row in found:
        for kind, value in contacts_in(row.content, kind=RecordKind(row.kind)).items():
            if value and (row.id, kind.value) not in moving:
                before.had.add((row.person_id, kind.value))
                if row.state == ATTACHED and (row.id, kind.value, value) not in held:
                    before.counting[row.person_id, kind.value].add(value)
    for row in conn.execute(_given_by(conn, people)):
        before.had.add((row.root, row.kind))
        if row.holds_until <= now:
            before.counting[row.root, row.kind].add(row.value)
    return before


def _owners(conn: Connection, record_ids: Collection[str]) -> dict[str, str]:
    """Frozen and contested records too: what a feed corrects back stands again, with what it brought meanwhile."""
    query = select(attachments.c.record_id, attachments.c.person_id).where(
        among(conn, attachments.c.record_id, record_ids), attachments.c.state.in_(BINDING)
    )
    return {row.record_id: row.person_id for row in conn.execute(query)}


def _records_of(conn: Connection, people: Collection[str]) -> Select[Any]:
    """Retired and frozen ones too: a number that left with its school is one that there was."""
    return (
        select(attachments.c.person_id, attachments.c.state, records.c.id, records.c.kind, records.c.content)
        .join(records, records.c.id == attachments.c.record_id)
        .where(among(conn, attachments.c.person_id, people), attachments.c.state.in_(BINDING))
    )


def _moves_of(conn: Connection, record_ids: Collection[str]) -> Select[Any]:
    return (
        select(contact_moves)
        .where(among(conn, contact_moves.c.record_id, record_ids))
        .order_by(contact_moves.c.at, contact_moves.c.id)
    )


def _given_by(conn: Connection, people: Collection[str]) -> Select[Any]:
    """What these persons gave themselves, also under ids that were merged into theirs."""
    tree = select(persons.c.id.label("root"), persons.c.id).where(among(conn, persons.c.id, people))
    line = tree.cte("given_tree", recursive=True)
    line = line.union(select(line.c.root, persons.c.id).where(persons.c.merged_into == line.c.id))
    return (
        select(line.c.root, contacts.c.kind, contacts.c.value, contacts.c.holds_until)
        .join(contacts, contacts.c.person_id == line.c.id)
        .where(contacts.c.until.is_(None))
    )


def _delivered_before(conn: Connection, run: ImportRun) -> bool:
    done = select(imports.c.id).where(
        imports.c.feed == run.feed, imports.c.id != run.import_id, imports.c.state == ImportState.DONE.value
    )
    return conn.execute(done.limit(1)).first() is not None
