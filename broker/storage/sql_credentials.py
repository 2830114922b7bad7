"""`OwnLogins` and `Credentials` in SQL: a person's own accounts, their secrets, and the one act that sets a secret."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, String, bindparam, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from broker.domain.containment import CONTAINED
from broker.domain.credential_acts import ChangeFactor, NewAccount, SetSecret
from broker.domain.credentials import CodeKind, Credential, CredentialKind, OwnAccount
from broker.domain.errors import CodeRefused
from broker.domain.identity import AccountState, UpstreamProtocol
from broker.domain.standings import StandingKind
from broker.storage.copies import tell_sessions
from broker.storage.engine import Contended, fetch, transact
from broker.storage.entrant import Entrant, check_standings
from broker.storage.hot import HotStatement, hot_of
from broker.storage.lineage import lock_tree
from broker.storage.schema import accounts, codes, contacts, credentials, own_logins, sessions, standings
from broker.storage.sql_codes import end_codes
from broker.storage.sql_sessions import end_sessions
from broker.storage.trail import insert_audit, insert_notices

STILL_TOLD = timedelta(hours=1)
SECRET_SET = "secret_set"  # noqa: S105 - why grants are revoked
_WAYS_IN = (CredentialKind.PASSPHRASE, CredentialKind.PICTURES, CredentialKind.PASSKEY)
"""What opens an account by itself; a TOTP only ever narrows, and losing it is for the desk."""

_LIVE = credentials.c.until.is_(None)
_BY_IDENTIFIER = (
    select(credentials)
    .join(own_logins, own_logins.c.account_id == credentials.c.account_id)
    .where(
        own_logins.c.identifier == bindparam("identifier", type_=String),
        credentials.c.kind == CredentialKind.PASSPHRASE.value,
        _LIVE,
    )
)
_OF_ACCOUNT = (
    select(credentials)
    .where(credentials.c.account_id == bindparam("account", type_=String), _LIVE)
    .order_by(credentials.c.since, credentials.c.id)
)
_BY_PUBLIC_ID = select(credentials).where(credentials.c.public_id == bindparam("public_id", type_=String), _LIVE)


class SqlCredentials:
    """`OwnLogins` and `Credentials` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._hot = hot_of(engine)
        if self._hot is not None:
            self._by_identifier = HotStatement(_BY_IDENTIFIER, engine)

    def by_identifier(self, identifier: str) -> Credential | None:
        """See `OwnLogins.by_identifier`. Hot: a flood of passwords asks this for each."""
        told = {"identifier": identifier}
        if self._hot is not None:
            row = self._hot.read(self._by_identifier, told)
        else:
            row = next(iter(fetch(self._engine, _BY_IDENTIFIER, told)), None)
        return _credential(row) if row else None

    def identifiers(self, accounts: Sequence[str]) -> Mapping[str, str]:
        """See `OwnLogins.identifiers`."""
        if not accounts:
            return {}
        rows = fetch(self._engine, select(own_logins).where(own_logins.c.account_id.in_(accounts)), {})
        return {row.account_id: row.identifier for row in rows}

    def set_secret(self, act: SetSecret) -> OwnAccount:
        """See `OwnLogins.set_secret`."""
        return transact(self._engine, lambda conn: _set_secret(conn, act))

    def rehash(self, credential_id: str, *, was: str, secret: str) -> None:
        """See `OwnLogins.rehash`."""
        same = update(credentials).where(credentials.c.id == credential_id, credentials.c.secret == was, _LIVE)
        transact(self._engine, lambda conn: conn.execute(same.values(secret=secret)))

    def of_account(self, account_id: str, kinds: frozenset[CredentialKind]) -> tuple[Credential, ...]:
        """See `Credentials.of_account`."""
        found = (_credential(row) for row in fetch(self._engine, _OF_ACCOUNT, {"account": account_id}))
        return tuple(each for each in found if each.kind in kinds)

    def by_public_id(self, public_id: str) -> Credential | None:
        """See `Credentials.by_public_id`."""
        rows = fetch(self._engine, _BY_PUBLIC_ID, {"public_id": public_id})
        return _credential(rows[0]) if rows else None

    def change_factor(self, act: ChangeFactor) -> bool:
        """See `Credentials.change_factor`."""
        return transact(self._engine, lambda conn: _change_factor(conn, act))

    def used(self, credential_id: str, *, counter: int, now: datetime) -> bool:
        """See `Credentials.used`."""
        ahead = update(credentials).where(
            credentials.c.id == credential_id, _LIVE, or_(credentials.c.counter < counter, _counts_nothing(counter))
        )
        noted = ahead.values(counter=counter, last_used=now).returning(credentials.c.id)
        return bool(transact(self._engine, lambda conn: conn.execute(noted).fetchall()))


def _counts_nothing(counter: int) -> Any:
    """A passkey that never counts says 0 each time (WebAuthn §6.1.1): then 0 after 0 is no repetition."""
    return (credentials.c.counter == 0) & (counter == 0) & (credentials.c.kind == CredentialKind.PASSKEY.value)


# ---- setting a secret --------------------------------------------------------------------------------------------


def _set_secret(conn: Connection, act: SetSecret) -> OwnAccount:
    """Lock, claim, keep, close the rest. Whoever opens a session holds the same lock: none slips in between."""
    person_id, tree = _lock(conn, act)
    proven_by = _use_code(conn, act, tree)
    if proven_by is CodeKind.LETTER:
        _take_back_containment(conn, act, tree)
    account = _own_account(conn, act.account, tree) or _make_account(conn, act, person_id)
    check_standings(conn, Entrant(person_id, account.account_id, act.account.source_id))
    conn.execute(update(accounts).where(accounts.c.id == account.account_id).values(last_used=act.now))
    end_secrets(conn, tree, now=act.now)
    conn.execute(insert(credentials), [_row(act.credential, account.account_id)])
    ended = end_sessions(conn, sessions.c.person_id.in_(sorted(tree)), now=act.now, why=SECRET_SET)
    tell_sessions(conn, ended, now=act.now)
    end_codes(conn, (person_id,), now=act.now)
    if proven_by is not CodeKind.SESSION:
        _end_contacts(conn, tree, now=act.now)
    insert_audit(conn, act.audit)
    insert_notices(conn, act.notices)
    return account


def _lock(conn: Connection, act: SetSecret) -> tuple[str, frozenset[str]]:
    try:
        return lock_tree(conn, act.person_id)
    except LookupError:
        raise CodeRefused("no such person") from None


def _use_code(conn: Connection, act: SetSecret, tree: frozenset[str]) -> CodeKind:
    """By what kind of code; the condition of the update decides between two uses, also when they arrive together."""
    used = conn.execute(
        update(codes)
        .where(
            codes.c.id == act.code_id,
            codes.c.person_id.in_(sorted(tree)),
            codes.c.used_at.is_(None),
            codes.c.ended_at.is_(None),
            codes.c.expires_at > act.now,
        )
        .values(used_at=act.now)
        .returning(codes.c.kind)
    ).scalar_one_or_none()
    if used is None:
        raise CodeRefused("the code was used, ended or is over")
    return CodeKind(used)


def _take_back_containment(conn: Connection, act: SetSecret, tree: frozenset[str]) -> None:
    """Who has proven anew by a letter of the school has back the logins that only waited for that.

    Not those of a source that is itself in doubt: whoever holds a stolen login there would be let in again.
    """
    logins = select(accounts.c.id).where(accounts.c.person_id.in_(sorted(tree)))
    conn.execute(
        update(standings)
        .where(
            standings.c.kind == StandingKind.LINK.value,
            standings.c.subject.in_(logins),
            standings.c.reason == CONTAINED,
            standings.c.until.is_(None),
        )
        .values(until=act.now, until_reason=SECRET_SET, until_actor=act.person_id)
    )


def _own_account(conn: Connection, wanted: NewAccount, tree: frozenset[str]) -> OwnAccount | None:
    """The own account that the person has; of several, of persons who became one, the one used last."""
    row = conn.execute(
        select(accounts.c.id, own_logins.c.identifier)
        .join(own_logins, own_logins.c.account_id == accounts.c.id)
        .where(
            accounts.c.protocol == UpstreamProtocol.OWN.value,
            accounts.c.issuer == wanted.key.issuer,
            accounts.c.person_id.in_(sorted(tree)),
            accounts.c.state == AccountState.LINKED.value,
        )
        .order_by(accounts.c.last_used.is_(None), accounts.c.last_used.desc(), accounts.c.linked_at, accounts.c.id)
        .limit(1)
    ).one_or_none()
    return OwnAccount(row.id, row.identifier) if row else None


def _make_account(conn: Connection, act: SetSecret, person_id: str) -> OwnAccount:
    wanted = act.account
    taken = set(conn.scalars(select(own_logins.c.identifier).where(own_logins.c.identifier.in_(wanted.identifiers))))
    free = next((name for name in wanted.identifiers if name not in taken), None)
    if free is None:
        raise Contended("every identifier is taken")
    try:
        conn.execute(insert(accounts), [_account_row(wanted, person_id)])
        conn.execute(insert(own_logins), [{"identifier": free, "account_id": wanted.account_id, "since": act.now}])
    except IntegrityError:
        raise Contended("the identifier was taken meanwhile") from None
    return OwnAccount(wanted.account_id, free)


def _account_row(wanted: NewAccount, person_id: str) -> dict[str, object]:
    evidence = wanted.evidence
    return {
        "id": wanted.account_id,
        "protocol": wanted.key.protocol.value,
        "issuer": wanted.key.issuer,
        "subject_format": wanted.key.subject_format,
        "subject": wanted.key.subject,
        "source_id": wanted.source_id,
        "person_id": person_id,
        "state": AccountState.LINKED.value,
        "evidence": {
            "kind": evidence.kind.value,
            "actor": evidence.actor,
            "at": evidence.at.isoformat(),
            "detail": dict(evidence.detail),
        },
        "linked_at": evidence.at,
    }


def end_secrets(conn: Connection, tree: Collection[str], *, now: datetime) -> None:
    """End whatever opens an own account of the person: a passkey that somebody else left there too (LR-04)."""
    own = select(accounts.c.id).where(
        accounts.c.protocol == UpstreamProtocol.OWN.value, accounts.c.person_id.in_(sorted(tree))
    )
    ways = [kind.value for kind in _WAYS_IN]
    conn.execute(
        update(credentials)
        .where(credentials.c.account_id.in_(own), credentials.c.kind.in_(ways), _LIVE)
        .values(until=now)
    )


def drop_held_contacts(conn: Connection, tree: Collection[str], *, now: datetime) -> None:
    """A change of contact that is not in force yet was asked for by whoever was in before."""
    conn.execute(
        update(contacts)
        .where(contacts.c.person_id.in_(sorted(tree)), contacts.c.holds_until > now, contacts.c.until.is_(None))
        .values(until=now)
    )


def _end_contacts(conn: Connection, tree: Collection[str], *, now: datetime) -> None:
    """Only what the school knows is left: a number that somebody else planted leads back to nothing (LR-04).

    Each is still told of this very act, in case it was the person's own and somebody else is acting here.
    """
    conn.execute(
        update(contacts)
        .where(contacts.c.person_id.in_(sorted(tree)), contacts.c.until.is_(None))
        .values(until=now + STILL_TOLD)
    )


# ---- second factors ----------------------------------------------------------------------------------------------


def _change_factor(conn: Connection, act: ChangeFactor) -> bool:
    if act.ended:
        ending = update(credentials).where(
            credentials.c.id == act.ended, credentials.c.account_id == act.account_id, _LIVE
        )
        if conn.execute(ending.values(until=act.now).returning(credentials.c.id)).one_or_none() is None:
            return False
    if act.added is not None:
        try:
            with conn.begin_nested():
                conn.execute(insert(credentials), [_row(act.added, act.account_id)])
        except IntegrityError:
            return False
    insert_audit(conn, (act.audit,))
    insert_notices(conn, (act.notice,))
    return True


def _row(credential: Credential, account_id: str) -> dict[str, object]:
    return {
        "id": credential.credential_id,
        "account_id": account_id,
        "kind": credential.kind.value,
        "secret": credential.secret,
        "label": credential.label,
        "public_id": credential.public_id or None,
        "counter": credential.counter,
        "since": credential.since,
        "last_used": credential.last_used,
    }


def _credential(row: Row[Any]) -> Credential:
    return Credential(
        credential_id=row.id,
        account_id=row.account_id,
        kind=CredentialKind(row.kind),
        secret=row.secret,
        since=row.since,
        label=row.label,
        public_id=row.public_id or "",
        counter=row.counter,
        last_used=row.last_used,
    )
