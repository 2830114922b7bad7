"""`Colleagues` in SQL."""

from __future__ import annotations

from sqlalchemy import Engine, String, bindparam, select

from broker.storage.engine import fetch
from broker.storage.schema import accounts

_NAME_OF = select(accounts.c.said_name).where(accounts.c.id == bindparam("account", type_=String))


class SqlColleagues:
    """`Colleagues` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def name_of(self, account_id: str) -> str:
        """See `Colleagues.name_of`."""
        rows = fetch(self._engine, _NAME_OF, {"account": account_id})
        return (rows[0].said_name or "") if rows else ""
