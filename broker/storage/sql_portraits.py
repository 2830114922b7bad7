"""Portraits in SQL: the person behind a session or token, drawn within the hot statement that needs them.

On PostgreSQL the rows come as JSON texts beside the act's own columns. A text that this process has met before is not
read again: what it was read into is remembered under it, for a quarter of an hour of the clock at most, because the
days of schools begin and end on one. SQLite asks for each part in turn.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from threading import Lock
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, String, bindparam, select

from broker.domain.acts import Redeem
from broker.domain.details import PersonDetails
from broker.domain.people import ChildCard, PersonView, RecordKind, Space
from broker.domain.portraits import DetailClaims, Portrait, Renewal, TokenPortrait
from broker.storage import sql_portrait_rows as rows
from broker.storage.hot import HotStatement
from broker.storage.school_days import days
from broker.storage.sql_details import SqlDetails
from broker.storage.sql_grant_rows import access_token_of, payload_of, redeem_told
from broker.storage.sql_grants import CLAIMED, FOUND, REDEEM_AT_ONCE, REDEEM_BOUND_AT_ONCE, SqlGrants
from broker.storage.sql_people import SqlPeople

T = TypeVar("T")

MOST_REMEMBERED = 1024
"""Portraits that one process remembers, some 5 kB each."""
_QUARTER = 900

_PERSON = bindparam("person", type_=String)
_READ: Select[*tuple[Any, ...]] = select(*rows.portrait_columns(_PERSON, rows.seen_by(_PERSON)))

_renewing = select(CLAIMED.c.person_id).correlate(None).scalar_subquery()
_renewed = rows.portrait_columns(_renewing, rows.seen_by(_renewing))

_holding = select(FOUND.c.person_id).correlate(None).scalar_subquery()
_held = rows.seen_by(_holding)
_OF_TOKEN: Select[*tuple[Any, ...]] = select(
    FOUND,
    *rows.portrait_columns(_holding, _held),
    *rows.detail_columns(
        _holding, _held, subject=select(FOUND.c.subject).correlate(None).scalar_subquery(), claims=FOUND.c.claims
    ),
)


class SqlPortraits:
    """`Portraits` on SQLite or PostgreSQL, over the adapters that read each part."""

    def __init__(self, grants: SqlGrants, people: SqlPeople, details: SqlDetails) -> None:
        self._grants, self._people, self._details = grants, people, details
        self._portraits: Remembered[Portrait] = Remembered()
        self._told: Remembered[PersonDetails] = Remembered()
        if grants.hot is not None:
            engine = grants.engine
            self._read = HotStatement(_READ, engine)
            self._of_token = HotStatement(_OF_TOKEN, engine)
            self._renew = HotStatement(REDEEM_AT_ONCE.add_columns(*_renewed), engine)
            self._renew_bound = HotStatement(REDEEM_BOUND_AT_ONCE.add_columns(*_renewed), engine)

    def remembered(self, person_id: str, *, now: datetime) -> Portrait | None:
        """See `Portraits.remembered`; None on SQLite, where no act is compared with a portrait."""
        return self._portraits.last(person_id, now=now)

    def read(self, person_id: str, *, now: datetime) -> Portrait:
        """See `Portraits.read`."""
        if self._grants.hot is None:
            return self.in_steps(person_id, now=now)
        row = self._grants.hot.read(self._read, {"person": person_id, "now": now, **days(now)})
        return self.drawn(person_id, row, now=now)

    def renew(self, act: Redeem) -> Renewal | None:
        """See `Portraits.renew`."""
        if self._grants.hot is None:
            payload = self._grants.redeem(act)
            return Renewal(payload, self.in_steps(payload.grant.person_id, now=act.now)) if payload else None
        statement = self._renew_bound if act.jkt else self._renew
        row = self._grants.hot.first(statement, {**redeem_told(act), **days(act.now)})
        return Renewal(payload_of(row), self.drawn(row.person_id, row, now=act.now)) if row else None

    def of_token(self, token_digest: str, *, claims: DetailClaims, now: datetime) -> TokenPortrait | None:
        """See `Portraits.of_token`."""
        if self._grants.hot is None:
            return self._of_token_in_steps(token_digest, claims, now=now)
        asked = rows.claim_binds(records=claims.records, places=claims.children, logins=claims.logins)
        told = {"token": token_digest, "now": now, **days(now), **asked}
        row = self._grants.hot.read(self._of_token, told)
        if row is None:
            return None
        return TokenPortrait(
            access_token_of(row),
            self.drawn(row.person_id, row, now=now),
            self.detailed(row, now=now),
            {child.person_id: child.value for child in rows.CHILD_SUBJECTS.rows(row.child_subjects)},
        )

    def drawn(self, person_id: str, row: Any, *, now: datetime) -> Portrait:
        """The portrait that stands in the columns of a row."""
        mark = rows.mark_of(row)

        def draw() -> Portrait:
            person = self._people.view(person_id, rows.SELF.rows(row.itself), now=now)
            cards = self._people.cards(rows.CARDS.rows(row.cards), now=now)
            own = {(one.sector, Space(one.space)): one.value for one in rows.OWN_SUBJECTS.rows(row.own_subjects)}
            return Portrait(person, _if_guardian(person, cards), own, mark)

        return self._portraits.get(person_id, mark, draw, now=now)

    def detailed(self, row: Any, *, now: datetime) -> PersonDetails:
        """The details that stand in the columns of a row."""

        def draw() -> PersonDetails:
            return PersonDetails(
                self._details.records(rows.RECORDS.rows(row.records), now=now),
                self._details.places(rows.PLACES.rows(row.places), now=now),
                self._details.logins(rows.LOGINS.rows(row.logins)),
            )

        return self._told.get(row.person_id, f"{row.records}\n{row.places}\n{row.logins}", draw, now=now)

    def in_steps(self, person_id: str, *, now: datetime) -> Portrait:
        """The portrait, each part asked for in turn."""
        person = self._people.person(person_id, now=now)
        is_guardian = person is not None and RecordKind.GUARDIAN in person.kinds
        return Portrait(person, self._people.children_of(person_id, now=now) if is_guardian else ())

    def _of_token_in_steps(self, token_digest: str, claims: DetailClaims, *, now: datetime) -> TokenPortrait | None:
        token = self._grants.token(token_digest, now=now)
        if token is None:
            return None
        portrait = self.in_steps(token.grant.person_id, now=now)
        details = self.details_in_steps(token.grant.person_id, portrait, claims, asked=frozenset(token.claims), now=now)
        return TokenPortrait(token, portrait, details)

    def details_in_steps(
        self, person_id: str, portrait: Portrait, claims: DetailClaims, *, asked: frozenset[str], now: datetime
    ) -> PersonDetails:
        """The details that these claims need, asked for one after the other."""
        is_guardian = portrait.person is not None and RecordKind.GUARDIAN in portrait.person.kinds
        return PersonDetails(
            self._details.records_of(person_id, now=now) if asked & claims.records else (),
            self._details.child_places(person_id, now=now) if asked & claims.children and is_guardian else (),
            self._details.logins_of(person_id) if asked & claims.logins else (),
        )


class Remembered(Generic[T]):
    """What texts were read into, one a person, the newest kept."""

    def __init__(self, *, most: int = MOST_REMEMBERED) -> None:
        self._kept: OrderedDict[str, tuple[int, str, T]] = OrderedDict()
        self._most = most
        self._lock = Lock()

    def get(self, person_id: str, text: str, draw: Callable[[], T], *, now: datetime) -> T:
        """What this very text of this quarter of an hour was read into; drawn when it was not yet."""
        quarter, known = _quarter(now), self._kept.get(person_id)
        if known is not None and known[0] == quarter and known[1] == text:
            return known[2]
        drawn = draw()
        with self._lock:
            self._kept[person_id] = quarter, text, drawn
            self._kept.move_to_end(person_id)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return drawn

    def last(self, person_id: str, *, now: datetime) -> T | None:
        """What was drawn last of this person, in this quarter of an hour."""
        known = self._kept.get(person_id)
        return known[2] if known is not None and known[0] == _quarter(now) else None


def _quarter(now: datetime) -> int:
    return int(now.timestamp()) // _QUARTER


def _if_guardian(person: PersonView | None, cards: tuple[ChildCard, ...]) -> tuple[ChildCard, ...]:
    """Whoever is no guardian any more meets no service through a child."""
    return cards if person is not None and RecordKind.GUARDIAN in person.kinds else ()
