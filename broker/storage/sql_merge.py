"""Merges of persons and their exact undo.

A merge moves rows from the absorbed person to the survivor and writes down which, with their former values. Undo is
last in, first out: every later merge of the same persons is taken back before the one in question, and what other
logins proved since is then replayed on its own proof, because it may have rested on rows that have gone back.
Callers hold the locks of `lineage` on every person concerned.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Row, Select, String, Table, Update, bindparam, insert, select, update

from broker.domain.errors import LinkAmbiguous, UndoTooLate
from broker.domain.identity import AccountState, LinkProof
from broker.domain.people import RecordKind
from broker.storage.lineage import owner
from broker.storage.may_see import BINDING
from broker.storage.schema import Instant, accounts, attachments, grants, merges, persons, records, sessions, subjects

_MOVED: Mapping[str, tuple[Table, Column[str]]] = {
    "attachments": (attachments, attachments.c.id),
    "accounts": (accounts, accounts.c.id),
    "sessions": (sessions, sessions.c.sid),
    "grants": (grants, grants.c.id),
}
"""What follows a person, and the key by which each row is written down. Subjects follow by their own rule."""

_KEPT = bindparam("kept", type_=String)
_GONE = bindparam("gone", type_=String)


def _move(table: Table, key: Column[str]) -> Update:
    statement = update(table).where(table.c.person_id == _GONE).values(person_id=_KEPT).returning(key)
    return statement.where(attachments.c.state.in_(BINDING)) if table is attachments else statement


def _put_back(table: Table, key: Column[str]) -> Update:
    still_there = (key == bindparam("key", type_=String), table.c.person_id == _KEPT)
    return update(table).where(*still_there).values(person_id=_GONE)


_MOVES = {name: _move(table, key) for name, (table, key) in _MOVED.items()}
_PUT_BACKS = {name: _put_back(table, key) for name, (table, key) in _MOVED.items()}
_PUT_BACK_SUBJECT = _put_back(subjects, subjects.c.value).values(retired_at=bindparam("retired", type_=Instant))
_HELD = select(subjects.c.sector, subjects.c.space).where(
    subjects.c.person_id == _KEPT, subjects.c.retired_at.is_(None)
)
_COMING = select(subjects).where(subjects.c.person_id == _GONE).order_by(subjects.c.value)
_MOVE_SUBJECT = (
    update(subjects)
    .where(subjects.c.value == bindparam("key", type_=String))
    .values(person_id=_KEPT, retired_at=bindparam("retired", type_=Instant))
)
_KINDS = (
    select(records.c.kind)
    .distinct()
    .select_from(attachments.join(records, records.c.id == attachments.c.record_id))
    .where(
        attachments.c.person_id.in_(bindparam("persons", type_=String, expanding=True)),
        attachments.c.state.in_(BINDING),
    )
)


@dataclass(frozen=True, slots=True)
class Cause:
    """Why persons are joined: the account whose login proved it, the proof as stored, and when."""

    account_id: str
    evidence: Mapping[str, Any]
    at: datetime


def stored_evidence(proof: LinkProof) -> dict[str, Any]:
    """The proof as `accounts` and `merges` keep it: plain values, ids and codes only."""
    return {
        "kind": proof.evidence.kind.value,
        "actor": proof.evidence.actor,
        "at": proof.evidence.at.isoformat(),
        "detail": dict(proof.evidence.detail),
    }


# ---- joining -----------------------------------------------------------------------------------------------------


def join_persons(conn: Connection, *, survivor: str, absorbed: Iterable[str], cause: Cause) -> None:
    """Merge each absorbed person into the survivor, in id order, each merge with its own line in the journal.

    Raises `LinkAmbiguous` when a pupil and an adult would become one: no proof makes them so.
    """
    joining = sorted(set(absorbed) - {survivor})
    if not joining:
        return
    kinds = frozenset(conn.execute(_KINDS, {"persons": [survivor, *joining]}).scalars())
    if RecordKind.PUPIL.value in kinds and len(kinds) > 1:
        raise LinkAmbiguous("a pupil and an adult would become one person")
    for person_id in joining:
        _merge(conn, survivor=survivor, absorbed=person_id, cause=cause)


def _merge(conn: Connection, *, survivor: str, absorbed: str, cause: Cause) -> None:
    binds = {"kept": survivor, "gone": absorbed}
    pre_image: dict[str, Any] = {name: sorted(conn.execute(move, binds).scalars()) for name, move in _MOVES.items()}
    pre_image["subjects"] = _move_subjects(conn, binds, at=cause.at)
    conn.execute(update(persons).where(persons.c.id == absorbed).values(merged_into=survivor))
    conn.execute(
        insert(merges).values(
            account_id=cause.account_id,
            survivor=survivor,
            absorbed=absorbed,
            at=cause.at,
            evidence=dict(cause.evidence),
            pre_image=pre_image,
        )
    )


def _move_subjects(conn: Connection, binds: Mapping[str, str], *, at: datetime) -> list[dict[str, str | None]]:
    """A service that knows both keeps the survivor's subject; the other is retired and never given to anybody."""
    held = {(row.sector, row.space) for row in conn.execute(_HELD, {"kept": binds["kept"]})}
    moved: list[dict[str, str | None]] = []
    for row in conn.execute(_COMING, {"gone": binds["gone"]}).fetchall():
        retired = row.retired_at or (at if (row.sector, row.space) in held else None)
        conn.execute(_MOVE_SUBJECT, {"key": row.value, "kept": binds["kept"], "retired": retired})
        moved.append({"value": row.value, "retired_at": row.retired_at.isoformat() if row.retired_at else None})
    return moved


# ---- taking back -------------------------------------------------------------------------------------------------


def take_back(conn: Connection, account_id: str, *, tree: frozenset[str], at: datetime) -> None:
    """Undo every merge that this account caused among the persons of `tree`, exactly; replay what others proved.

    Raises `UndoTooLate`, before anything is written, when the purge has erased what one of them moved.
    """
    standing = conn.execute(
        select(merges).where(merges.c.survivor.in_(tree), merges.c.undone_at.is_(None)).order_by(merges.c.id.desc())
    ).fetchall()
    caused = [row for row in standing if row.account_id == account_id]
    if not caused:
        return
    first = caused[-1]
    unwound = [row for row in standing if row.id >= first.id]
    if any(row.pre_image is None for row in unwound):
        raise UndoTooLate("what undo would write back was erased")
    for row in unwound:
        _unwind(conn, row, at=at)
    _follow_beside(conn, tree)
    for row in reversed(unwound):
        if row.account_id != account_id:
            _replay(conn, row, tree)
    for row in _linked(conn, tree, but=account_id):
        _keep_proven(conn, row, tree)


def part_ways(conn: Connection, tree: frozenset[str], *, at: datetime) -> bool:
    """Find anew who is one person among these, a record having left one of them: as if its merges were done again.

    False, and nothing done, where the time to undo one of the merges is over: it stands for ever.
    """
    standing = conn.execute(
        select(merges).where(merges.c.survivor.in_(tree), merges.c.undone_at.is_(None)).order_by(merges.c.id.desc())
    ).fetchall()
    if any(row.pre_image is None for row in standing):
        return False
    for row in standing:
        _unwind(conn, row, at=at)
    _follow_beside(conn, tree)
    for row in reversed(standing):
        _replay(conn, row, tree)
    for row in _linked(conn, tree, but=""):
        _keep_proven(conn, row, tree)
    return True


def follow_records(conn: Connection, tree: frozenset[str]) -> None:
    """Let records go where the one beside them is, and logins where all the records are that they named."""
    _follow_beside(conn, tree)
    for account in _linked(conn, tree, but=""):
        behind = _persons_behind(conn, named(account.evidence), tree)
        if len(behind) == 1:
            conn.execute(_PUT_BACKS["accounts"], {"key": account.id, "kept": account.person_id, "gone": behind.pop()})


def _unwind(conn: Connection, merge: Row[Any], *, at: datetime) -> None:
    binds = {"kept": merge.survivor, "gone": merge.absorbed}
    for name, statement in _PUT_BACKS.items():
        for key in merge.pre_image[name]:
            conn.execute(statement, {"key": key, **binds})
    for subject in merge.pre_image["subjects"]:
        retired = datetime.fromisoformat(subject["retired_at"]) if subject["retired_at"] else None
        conn.execute(_PUT_BACK_SUBJECT, {"key": subject["value"], "retired": retired, **binds})
    conn.execute(update(persons).where(persons.c.id == merge.absorbed).values(merged_into=None))
    conn.execute(update(merges).where(merges.c.id == merge.id).values(undone_at=at))


def _replay(conn: Connection, merge: Row[Any], tree: frozenset[str]) -> None:
    """Join again what this merge's own proof joins now: the persons behind the records that its login named."""
    joined = _persons_behind(conn, named(merge.evidence), tree) or {
        owner(conn, merge.survivor),
        owner(conn, merge.absorbed),
    }
    survivor = merge.survivor if merge.survivor in joined else _oldest(conn, joined)
    cause = Cause(account_id=merge.account_id, evidence=merge.evidence, at=merge.at)
    join_persons(conn, survivor=survivor, absorbed=joined, cause=cause)


def _keep_proven(conn: Connection, account: Any, tree: frozenset[str]) -> None:
    """Put an account with the person behind the records it named; where they are several, its proof makes them one."""
    behind = _persons_behind(conn, named(account.evidence), tree)
    if not behind:
        return
    home = account.person_id if account.person_id in behind else _oldest(conn, behind)
    conn.execute(_PUT_BACKS["accounts"], {"key": account.id, "kept": account.person_id, "gone": home})
    cause = Cause(account_id=account.id, evidence=account.evidence, at=account.linked_at)
    join_persons(conn, survivor=home, absorbed=behind, cause=cause)


def _linked(conn: Connection, tree: frozenset[str], *, but: str) -> Sequence[Any]:
    """Every other account of these persons: one that found them already one moved nothing by its own proof.

    When each was linked tells nothing: a login notes its instant when it begins, and may commit after a merge that
    began later. One that is where its proof puts it stays.
    """
    linked = accounts.c.state == AccountState.LINKED.value
    return conn.execute(
        select(accounts)
        .where(accounts.c.person_id.in_(tree), linked, accounts.c.id != but)
        .order_by(accounts.c.linked_at, accounts.c.id)
    ).fetchall()


def _follow_beside(conn: Connection, tree: frozenset[str]) -> None:
    """Attached records go where the record beside them now is, or they would show a stranger's children.

    All of them, whenever attached: an import stamps its rows with the instant it began, which may precede the merge.
    """
    acquired: Select[Any] = (
        select(attachments.c.id, attachments.c.person_id, attachments.c.evidence)
        .where(attachments.c.person_id.in_(tree), attachments.c.state.in_(BINDING))
        .order_by(attachments.c.at, attachments.c.id)
    )
    rows = conn.execute(acquired).fetchall()
    for _ in rows:  # a chain of n attachments, each beside the one before, settles in at most n rounds
        moved = [_follow(conn, row, tree) for row in rows]
        if not any(moved):
            return
        rows = conn.execute(acquired).fetchall()


def _follow(conn: Connection, attachment: Any, tree: frozenset[str]) -> bool:
    """Move an attachment beside the record that proves it; tells whether it moved."""
    behind = _persons_behind(conn, (attachment.evidence.get("other", ""),), tree)
    if len(behind) != 1 or attachment.person_id in behind:
        return False
    conn.execute(_PUT_BACKS["attachments"], {"key": attachment.id, "kept": attachment.person_id, "gone": behind.pop()})
    return True


def named(evidence: Mapping[str, Any]) -> tuple[str, ...]:
    """The records that a stored proof named."""
    return tuple(filter(None, evidence.get("detail", {}).get("records", "").split(",")))


def _persons_behind(conn: Connection, record_ids: Sequence[str], tree: frozenset[str]) -> set[str]:
    """Persons of these records among those locked here: a record that left the family since is nobody's proof in it."""
    found = select(attachments.c.person_id).where(
        attachments.c.record_id.in_(record_ids), attachments.c.state.in_(BINDING), attachments.c.person_id.in_(tree)
    )
    return set(conn.execute(found).scalars())


def _oldest(conn: Connection, person_ids: set[str]) -> str:
    oldest = select(persons.c.id).where(persons.c.id.in_(person_ids)).order_by(persons.c.created_at, persons.c.id)
    return str(conn.execute(oldest.limit(1)).scalar_one())
