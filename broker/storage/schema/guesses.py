"""Guesses at passwords, counted before they are tried."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, String, Table

from broker.storage.schema.columns import Instant, metadata

guesses = Table(
    "guesses", metadata,
    Column("key", String(64), primary_key=True),
    Column("tries", Integer, nullable=False),
    Column("began_at", Instant, nullable=False),
    Column("open_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Index("ix_guesses_ends_at", "ends_at"),
)  # fmt: skip
"""One row a key (a keyed digest of a login, an account or a network) while its window lasts."""
