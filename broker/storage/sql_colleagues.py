"""`Colleagues` in SQL: the staff of schools, and who of them works at a desk."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, Select, String, bindparam, or_, select

from broker.domain.desk import Colleague, Delegation, DeskProfile
from broker.domain.identity import AccountState
from broker.domain.people import PersonName
from broker.storage.delegated import STAFF, counts
from broker.storage.engine import fetch, reading
from broker.storage.schema import Instant, accounts, desk_posts
from broker.storage.sql_desk_posts import held_post
from broker.storage.sql_imports_bulk import among

_UAI, _NOW = bindparam("uai", type_=String), bindparam("now", type_=Instant)
_NAME_OF = select(accounts.c.said_name).where(accounts.c.id == bindparam("account", type_=String))
_WHO = (
    accounts.c.id.label("who"), accounts.c.person_id.label("whose"), accounts.c.said_name, accounts.c.subject,
)  # fmt: skip
_DELEGATIONS = (
    select(desk_posts, *_WHO)
    .join(accounts, accounts.c.id == desk_posts.c.account_id)
    .where(
        desk_posts.c.uai == _UAI,
        desk_posts.c.profile == DeskProfile.ACCUEIL.value,
        desk_posts.c.ended_at.is_(None),
        or_(desk_posts.c.until.is_(None), desk_posts.c.until > _NOW),
    )
    .order_by(accounts.c.said_name, desk_posts.c.id)
)


class SqlColleagues:
    """`Colleagues` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def name_of(self, account_id: str) -> str:
        """See `Colleagues.name_of`."""
        rows = fetch(self._engine, _NAME_OF, {"account": account_id})
        return (rows[0].said_name or "") if rows else ""

    def staff(self, uai: str, *, now: datetime) -> tuple[PersonName, ...]:
        """See `Colleagues.staff`."""
        rows = fetch(self._engine, STAFF, {"uai": uai, "now": now})
        return tuple(PersonName(row.family_name, row.given_name, row.civility) for row in rows)

    def signed_in(self, sources: Collection[str]) -> tuple[Colleague, ...]:
        """See `Colleagues.signed_in`."""
        linked = (accounts.c.state == AccountState.LINKED.value, accounts.c.said_name.is_not(None))
        with reading(self._engine) as conn:
            query: Select[Any] = select(*_WHO).where(among(conn, accounts.c.source_id, sorted(sources)), *linked)
            return tuple(_colleague(row) for row in conn.execute(query.order_by(accounts.c.said_name, accounts.c.id)))

    def delegations(self, uai: str, *, now: datetime) -> tuple[Delegation, ...]:
        """See `Colleagues.delegations`."""
        rows = fetch(self._engine, _DELEGATIONS, {"uai": uai, "now": now})
        every = ((held_post(row), _colleague(row)) for row in rows)
        return tuple(Delegation(held, who, counts=counts(self._engine, held, now=now)) for held, who in every)


def _colleague(row: Row[Any]) -> Colleague:
    return Colleague(row.who, row.whose, row.said_name or "", row.subject)
