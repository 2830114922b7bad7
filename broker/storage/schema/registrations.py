"""Clients that registered themselves."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, String, Table

from broker.storage.schema.columns import Instant, metadata

registrations = Table(
    "registrations", metadata,
    Column("client_id", String(64), primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("secret_digest", String(64), nullable=False, default=""),
    Column("token_digest", String(64), nullable=False),
    Column("metadata", JSON, nullable=False),
    Column("registered_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Index("ix_registrations_expires_at", "expires_at"),
)  # fmt: skip
"""Few rows: every process keeps them all. The secret and the registration access token stand here as SHA-256."""
