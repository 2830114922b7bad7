"""Logins that did not work, by trace number."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, String, Table, Text

from broker.storage.schema.columns import Instant, metadata

login_faults = Table(
    "login_faults", metadata,
    Column("trace", String(16), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("code", String(16), nullable=False),
    Column("cause", Text, nullable=False),
    Column("path", String(128), nullable=False),
    Column("person_id", String(64), nullable=False),
    Column("source_id", String(64), nullable=False),
    Column("service_id", String(128), nullable=False),
    Column("hops", JSON, nullable=False),
    Index("ix_login_faults_at", "at"),
    Index("ix_login_faults_person_id", "person_id"),
)  # fmt: skip
"""Bounded where they are written: whoever sends nonsense by thousands fills nothing."""
