"""What administrators closed or verified."""

from __future__ import annotations

from sqlalchemy import Column, Index, String, Table, Text, text

from broker.storage.schema.columns import Auto, Instant, metadata

standings = Table(
    "standings", metadata,
    Column("id", Auto, primary_key=True, autoincrement=True),
    Column("kind", String(16), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("tenant", String(64), nullable=False),
    Column("since", Instant, nullable=False),
    Column("until", Instant),
    Column("reason", Text, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("until_reason", Text, nullable=False, default=""),
    Column("until_actor", String(128), nullable=False, default=""),
    Index(
        "uq_standings_current", "kind", "subject", "state", "tenant", unique=True,
        postgresql_where=text("until IS NULL"), sqlite_where=text("until IS NULL"),
    ),
)
"""A row stands while `until` is null. The key names the tenant: what two tenants closed is closed until both reopen
it. No foreign key: a service or a source lives in a file."""
