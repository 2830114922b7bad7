"""`Purge` in SQL: what is kept no longer goes, in bounded batches, rule by rule of one table.

How long each thing is kept is a number of the policies (`retention.toml`); what a number is about is a rule here.
What is over is first looked for outside any transaction, so that a purge with nothing to do takes no lock at all; what
was found is then judged again under its lock, and what another sweeper holds is left to it.

Never purged: audit events and their seals (ids and codes only, and a chain with a hole proves nothing), accounts and
subjects (an identifier is never given to anybody else), persons (an id without any record), imports (counts).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Date,
    Engine,
    Integer,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    func,
    null,
    or_,
    select,
    tuple_,
    update,
)

from broker.domain.imports import ImportState
from broker.storage.engine import fetch, transact
from broker.storage.schema import (
    Instant,
    access_tokens,
    accounts,
    attachments,
    child_tokens,
    class_codes,
    codes,
    consumptions,
    contact_moves,
    contacts,
    credentials,
    desk_posts,
    desk_requests,
    device_requests,
    enrolments,
    grants,
    guardianships,
    guesses,
    import_faults,
    imports,
    login_faults,
    merges,
    notices,
    outbox,
    quality_findings,
    record_ties,
    records,
    registrations,
    releases,
    restrictions,
    service_tokens,
    sessions,
    staff_posts,
    staged_rows,
    standings,
)
from broker.storage.sql_settle import settling_records, settling_relations
from broker.storage.withdrawals import still_closes

Keys = Sequence[Any]
"""Primary keys of rows: plain values, or tuples where the key has several columns."""
Forget = Callable[[Connection, Keys], None]
Settle = Callable[[Connection, Keys, datetime], AbstractContextManager[None]]

_NOW = bindparam("now", type_=Instant)
_BEFORE = bindparam("before", type_=Instant)
_BEFORE_DAY = bindparam("before_day", type_=Date)
_MOST = bindparam("most", type_=Integer)
_AT_ONCE = timedelta(0)
_HOURLY = timedelta(hours=1)

_CLOSED = (ImportState.DONE.value, ImportState.SUPERSEDED.value)
_WAITING = (ImportState.STAGING.value, ImportState.STAGED.value, ImportState.HELD.value)


def _nothing_rests(_conn: Connection, _keys: Keys, _now: datetime) -> AbstractContextManager[None]:
    return nullcontext()


@dataclass(frozen=True, slots=True)
class PurgeRule:
    """Which rows are over, and how they go. `number` names what the policies say they are kept for.

    `rest`: how long the rule is left alone once it found less than it could have taken; none where an index finds
    what is over, an hour where a table is read.
    """

    number: str
    key: tuple[Column[Any], ...]
    over: ColumnElement[bool]
    forget: Forget
    rest: timedelta = _HOURLY
    settle: Settle = _nothing_rests
    """Keeps what rests on these rows standing while they go."""

    @property
    def found(self) -> Select[Any]:
        """The keys of at most `most` rows that are over."""
        return select(*self.key).where(self.over).limit(_MOST)

    def still(self, keys: Keys) -> Select[Any]:
        """Those of these rows that are over under their lock; two sweepers share the work instead of waiting."""
        return select(*self.key).where(_among(self.key, keys), self.over).with_for_update(skip_locked=True)


def _among(key: tuple[Column[Any], ...], keys: Keys) -> ColumnElement[bool]:
    return key[0].in_(keys) if len(key) == 1 else tuple_(*key).in_(keys)


def _rows(*key: Column[Any]) -> Forget:
    """Forget the rows themselves."""
    table = key[0].table
    if not isinstance(table, Table):
        raise TypeError("a column of a table is wanted")

    def forget(conn: Connection, keys: Keys) -> None:
        conn.execute(delete(table).where(_among(key, keys)))

    return forget


def _dated(table: Table, *, number: str) -> PurgeRule:
    """A closed fact: what stands has no `until`."""
    key = tuple(table.primary_key.columns)
    return PurgeRule(number, key, table.c.until < _BEFORE, _rows(*key))


# ---- rules that are more than rows ---------------------------------------------------------------------------------


def _over_sessions() -> ColumnElement[bool]:
    """A session is kept while a service may still renew what was granted in it."""
    renewing = select(grants.c.id).where(grants.c.sid == sessions.c.sid, grants.c.offline_until >= _BEFORE)
    return and_(sessions.c.ends_at < _BEFORE, ~renewing.exists())


def _spent_merges() -> ColumnElement[bool]:
    """A merge that undo may still have to lift off first (a younger one stands on it) is kept until that one is old."""
    younger = merges.alias("younger")
    on_top = or_(younger.c.survivor == merges.c.survivor, younger.c.account_id == merges.c.account_id)
    needed = select(younger.c.id).where(on_top, younger.c.undone_at.is_(None), younger.c.at >= _BEFORE).exists()
    spent = or_(merges.c.undone_at.is_not(None), ~needed)
    return and_(merges.c.at < _BEFORE, merges.c.pre_image.is_not(None), spent)


def _erase_pre_images(conn: Connection, keys: Keys) -> None:
    conn.execute(update(merges).where(merges.c.id.in_(keys)).values(pre_image=null()))


def _erase_hints(conn: Connection, keys: Keys) -> None:
    """What a source wanted back at the sign-out of a session that ended by itself."""
    conn.execute(update(sessions).where(sessions.c.sid.in_(keys)).values(source_hint=null()))


def _forget_sessions(conn: Connection, keys: Keys) -> None:
    """With what was granted in them: services hold nothing by it any more."""
    granted = select(grants.c.id).where(grants.c.sid.in_(keys))
    for table in (access_tokens, child_tokens):
        conn.execute(delete(table).where(table.c.grant_id.in_(granted)))
    conn.execute(delete(grants).where(grants.c.sid.in_(keys)))
    conn.execute(delete(sessions).where(sessions.c.sid.in_(keys)))


def _abandon_runs(conn: Connection, keys: Keys) -> None:
    """A delivery that nobody confirmed is superseded by time: it can no longer be applied, and its rows go next."""
    superseded = {"state": ImportState.SUPERSEDED.value, "holder": "", "lease_until": None}
    conn.execute(update(imports).where(imports.c.id.in_(keys)).values(superseded))


def _forget_records(conn: Connection, keys: Keys) -> None:
    """A record with all that hangs on it. Should its key come back, it is a new record and founds a new person.

    That nobody inherits by a key given again is why nothing of it may stay.
    """
    related = or_(guardianships.c.adult_record.in_(keys), guardianships.c.child_record.in_(keys))
    conn.execute(delete(guardianships).where(related))
    for table in (enrolments, staff_posts, attachments, record_ties, quality_findings, contact_moves):
        conn.execute(delete(table).where(table.c.record_id.in_(keys)))
    conn.execute(delete(records).where(records.c.id.in_(keys)))


def _idle_names() -> ColumnElement[bool]:
    """What a source of agents called somebody who came no more, and of whom no post at a desk is kept any longer.

    As long as a post is, the journal tells by name who held it.
    """
    held = select(desk_posts.c.id).where(desk_posts.c.account_id == accounts.c.id)
    came = func.coalesce(accounts.c.last_used, accounts.c.linked_at)
    return and_(accounts.c.said_name.is_not(None), came < _BEFORE, ~held.exists())


def _erase_names(conn: Connection, keys: Keys) -> None:
    conn.execute(update(accounts).where(accounts.c.id.in_(keys)).values(said_name=null()))


def _silent_run() -> ColumnElement[bool]:
    return or_(imports.c.lease_until.is_(None), imports.c.lease_until < _NOW)


def _no_longer_staged() -> ColumnElement[bool]:
    """Rows of a run that is closed, or of a rehearsal that was killed: nothing will read them."""
    killed = and_(imports.c.state == ImportState.REHEARSAL.value, _silent_run(), imports.c.started_at < _BEFORE)
    useless = select(imports.c.id).where(or_(imports.c.state.in_(_CLOSED), killed))
    return staged_rows.c.import_id.in_(useless)


def _old_faults() -> ColumnElement[bool]:
    ended = func.coalesce(imports.c.finished_at, imports.c.started_at)
    old = select(imports.c.id).where(imports.c.state.in_(_CLOSED), ended < _BEFORE)
    return import_faults.c.import_id.in_(old)


def _long_retired() -> ColumnElement[bool]:
    """A record that a restriction names stays: by its name and its persons the restriction binds whoever comes back.

    So does one of whom a right was taken back that another feed goes on giving.
    """
    named = (restrictions.c.adult_record == records.c.id) | (restrictions.c.child_record == records.c.id)
    told = (guardianships.c.adult_record == records.c.id) | (guardianships.c.child_record == records.c.id)
    return and_(
        records.c.retired_at < _BEFORE,
        ~select(restrictions.c.id).where(named).exists(),
        ~select(guardianships.c.since).where(told, still_closes(guardianships)).exists(),
    )


_STAGED = (staged_rows.c.import_id, staged_rows.c.phase, staged_rows.c.seq)

RULES: tuple[PurgeRule, ...] = (
    PurgeRule(
        "consumptions", (consumptions.c.digest,), consumptions.c.expires_at < _BEFORE, _rows(consumptions.c.digest),
        _AT_ONCE,
    ),
    PurgeRule(
        "access_tokens", (access_tokens.c.digest,), access_tokens.c.expires_at < _BEFORE,
        _rows(access_tokens.c.digest), _AT_ONCE,
    ),
    PurgeRule(
        "consumptions", (device_requests.c.digest,), device_requests.c.expires_at < _BEFORE,
        _rows(device_requests.c.digest), _AT_ONCE,
    ),
    PurgeRule(
        "access_tokens", (child_tokens.c.digest,), child_tokens.c.expires_at < _BEFORE,
        _rows(child_tokens.c.digest), _AT_ONCE,
    ),
    PurgeRule(
        "access_tokens", (service_tokens.c.digest,), service_tokens.c.expires_at < _BEFORE,
        _rows(service_tokens.c.digest), _AT_ONCE,
    ),
    PurgeRule("outbox", (outbox.c.id,), outbox.c.done_at < _BEFORE, _rows(outbox.c.id), _AT_ONCE),
    PurgeRule("merge_pre_images", (merges.c.id,), _spent_merges(), _erase_pre_images, _AT_ONCE),
    PurgeRule(
        "access_tokens", (sessions.c.sid,), and_(sessions.c.ends_at < _BEFORE, sessions.c.source_hint.is_not(None)),
        _erase_hints, _AT_ONCE,
    ),
    PurgeRule("sessions", (sessions.c.sid,), _over_sessions(), _forget_sessions, _AT_ONCE),
    PurgeRule(
        "releases", tuple(releases.primary_key.columns), releases.c.day < _BEFORE_DAY,
        _rows(*releases.primary_key.columns), _AT_ONCE,
    ),
    PurgeRule(
        "unconfirmed_imports", (imports.c.id,),
        and_(imports.c.state.in_(_WAITING), imports.c.started_at < _BEFORE, _silent_run()), _abandon_runs,
    ),
    PurgeRule("unconfirmed_imports", _STAGED, _no_longer_staged(), _rows(*_STAGED)),
    PurgeRule("import_faults", (import_faults.c.id,), _old_faults(), _rows(import_faults.c.id)),
    PurgeRule(
        "import_faults", (quality_findings.c.id,), quality_findings.c.closed_at < _BEFORE,
        _rows(quality_findings.c.id),
    ),
    PurgeRule("guesses", (guesses.c.key,), guesses.c.ends_at < _BEFORE, _rows(guesses.c.key), rest=_AT_ONCE),
    PurgeRule(
        "past_facts", tuple(guardianships.primary_key.columns),
        and_(guardianships.c.until < _BEFORE, ~still_closes(guardianships)),
        _rows(*guardianships.primary_key.columns), settle=settling_relations,
    ),
    _dated(enrolments, number="past_facts"),
    _dated(staff_posts, number="past_facts"),
    _dated(restrictions, number="lifted_restrictions"),
    PurgeRule("retired_records", (records.c.id,), _long_retired(), _forget_records, settle=settling_records),
    _dated(standings, number="lifted_standings"),
    PurgeRule(
        "registrations", (registrations.c.client_id,), registrations.c.expires_at < _BEFORE,
        _rows(registrations.c.client_id), _AT_ONCE,
    ),
    PurgeRule("codes", (codes.c.id,), codes.c.expires_at < _BEFORE, _rows(codes.c.id), _AT_ONCE),
    PurgeRule(
        "codes", (desk_requests.c.id,), desk_requests.c.expires_at < _BEFORE, _rows(desk_requests.c.id), _AT_ONCE
    ),
    PurgeRule("old_secrets", (credentials.c.id,), credentials.c.until < _BEFORE, _rows(credentials.c.id), _AT_ONCE),
    PurgeRule("contact_moves", (contacts.c.id,), contacts.c.until < _BEFORE, _rows(contacts.c.id), _AT_ONCE),
    PurgeRule(
        "contact_moves", (contact_moves.c.id,), contact_moves.c.at < _BEFORE, _rows(contact_moves.c.id), _AT_ONCE
    ),
    PurgeRule("old_secrets", (class_codes.c.code,), class_codes.c.until < _BEFORE, _rows(class_codes.c.code), _AT_ONCE),
    PurgeRule(
        "login_faults", (login_faults.c.trace,), login_faults.c.at < _BEFORE, _rows(login_faults.c.trace), _AT_ONCE
    ),
    PurgeRule("notices", (notices.c.id,), notices.c.at < _BEFORE, _rows(notices.c.id), _AT_ONCE),
    PurgeRule(
        "past_posts", (desk_posts.c.id,), func.coalesce(desk_posts.c.ended_at, desk_posts.c.until) < _BEFORE,
        _rows(desk_posts.c.id),
    ),
    PurgeRule("agent_names", (accounts.c.id,), _idle_names(), _erase_names),
)  # fmt: skip
"""In this order: what a rule closes is forgotten by the next, and a record goes after what may still name it."""


class SqlPurge:
    """One short transaction for each rule: a purge never makes a login wait.

    `kept` gives, each time, how long everything is kept by its number: the policies may change while this runs.
    """

    def __init__(self, engine: Engine, *, kept: Callable[[], Mapping[str, timedelta]]) -> None:
        self._engine = engine
        self._kept = kept
        self._rests_until: dict[int, datetime] = {}

    def purge(self, *, now: datetime, limit: int) -> int:
        """Forget at most `limit` rows of each rule; returns how many in all."""
        kept = self._kept()
        due = [(place, rule) for place, rule in enumerate(RULES) if not self._rests(place, now)]
        return sum(self._apply(place, rule, now=now, kept=kept[rule.number], most=limit) for place, rule in due)

    def _rests(self, place: int, now: datetime) -> bool:
        return place in self._rests_until and now < self._rests_until[place]

    def _apply(self, place: int, rule: PurgeRule, *, now: datetime, kept: timedelta, most: int) -> int:
        before = now - kept
        binds = {"now": now, "before": before, "before_day": before.date(), "most": most}
        found = _keys(fetch(self._engine, rule.found, binds))
        if len(found) < most:
            self._rests_until[place] = now + rule.rest
        return transact(self._engine, lambda conn: _forget(conn, rule, found, binds)) if found else 0


def _forget(conn: Connection, rule: PurgeRule, found: Keys, binds: Mapping[str, Any]) -> int:
    keys = _keys(conn.execute(rule.still(found), binds).fetchall())
    if keys:
        with rule.settle(conn, keys, binds["now"]):
            rule.forget(conn, keys)
    return len(keys)


def _keys(rows: Sequence[Any]) -> Keys:
    return [row[0] if len(row) == 1 else tuple(row) for row in rows]
