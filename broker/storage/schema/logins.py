"""Upstream accounts, merges, subjects, sessions."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Index,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from broker.storage.schema.columns import Auto, Instant, metadata

accounts = Table(
    "accounts", metadata,
    Column("id", String(64), primary_key=True),
    Column("protocol", String(8), nullable=False),
    Column("issuer", String(255), nullable=False),
    Column("subject_format", String(128), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("source_id", String(64), nullable=False),
    Column("person_id", String(64), ForeignKey("persons.id"), nullable=False),
    Column("state", String(16), nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("linked_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("last_used", Instant),
    Column("said_name", String(128)),
    UniqueConstraint("protocol", "issuer", "subject_format", "subject", name="uq_accounts_key"),
    Index("ix_accounts_person_id", "person_id"),
    Index(
        "ix_accounts_said_name", "source_id",
        postgresql_where=text("said_name IS NOT NULL"), sqlite_where=text("said_name IS NOT NULL"),
    ),
)
"""One row per upstream account, for ever: the unique key makes a second owner impossible, also after an undo.
`said_name`: what a source of agents called this one at the last login, until the
purge erases it (`agent_names`); of everybody else nothing is kept."""

merges = Table(
    "merges", metadata,
    Column("id", Auto, primary_key=True, autoincrement=True),
    Column("account_id", String(64), ForeignKey("accounts.id")),
    Column("survivor", String(64), ForeignKey("persons.id"), nullable=False),
    Column("absorbed", String(64), ForeignKey("persons.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("pre_image", JSON(none_as_null=True)),
    Column("undone_at", Instant),
    Index("ix_merges_account_id", "account_id"),
    Index("ix_merges_survivor", "survivor"),
    Index(
        "ix_merges_kept", "at",
        postgresql_where=text("pre_image IS NOT NULL"), sqlite_where=text("pre_image IS NOT NULL"),
    ),
)
"""The merge journal, numbered in the order it happened: undo takes merges back last first.
`pre_image` lists every row moved with its former values: undo writes them back exactly. The purge erases it when the
time to undo is over; such a merge stands for ever."""

subjects = Table(
    "subjects", metadata,
    Column("value", String(64), primary_key=True),
    Column("person_id", String(64), ForeignKey("persons.id"), nullable=False),
    Column("sector", String(255), nullable=False),
    Column("space", String(8), nullable=False),
    Column("issued_at", Instant, nullable=False),
    Column("retired_at", Instant),
    Index(
        "uq_subjects_current", "person_id", "sector", "space", unique=True,
        postgresql_where=text("retired_at IS NULL"), sqlite_where=text("retired_at IS NULL"),
    ),
)

sessions = Table(
    "sessions", metadata,
    Column("sid", String(64), primary_key=True),
    Column("handle_digest", String(64), nullable=False, unique=True),
    Column("person_id", String(64), ForeignKey("persons.id"), nullable=False),
    Column("account_id", String(64), ForeignKey("accounts.id"), nullable=False),
    Column("source_id", String(64), nullable=False),
    Column("acr", String(128), nullable=False),
    Column("amr", JSON, nullable=False),
    Column("auth_time", Instant, nullable=False),
    Column("proven", Boolean, nullable=False),
    Column("device", String(8), nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("idle_until", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Column("continues", String(64)),
    Column("answer", String(64)),
    Column("source_hint", Text),
    Column("browser", String(64), nullable=False, default="", server_default=""),
    Index("ix_sessions_answer", "answer"),
    Index(
        "ix_sessions_hinted", "ends_at",
        postgresql_where=text("source_hint IS NOT NULL"), sqlite_where=text("source_hint IS NOT NULL"),
    ),
    Index("ix_sessions_continues", "continues"),
    Index("ix_sessions_person_id", "person_id"),
    Index("ix_sessions_account_id", "account_id"),
    Index("ix_sessions_ends_at", "ends_at"),
)
"""`answer`: digest of what its source answered, as it was claimed. `source_hint`: what the source wants back when the
visit ends (a name, an ID token), erased when it ends, or an hour after the session was over by itself. `browser`: what
it called itself, in two words ("Firefox, Android"), for "Mes appareils"."""
