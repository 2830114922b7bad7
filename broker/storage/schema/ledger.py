"""What services were told: one row a person, service, set of claims and day."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Date, ForeignKey, Index, String, Table

from broker.storage.schema.columns import Instant, metadata

releases = Table(
    "releases", metadata,
    Column("person_id", String(64), ForeignKey("persons.id"), primary_key=True),
    Column("service_id", String(64), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("claims_digest", String(64), primary_key=True),
    Column("claims", JSON, nullable=False),
    Column("first_at", Instant, nullable=False),
    Index("ix_releases_service_id_day", "service_id", "day"),
    Index("ix_releases_day", "day"),
)
"""Rows stay with the person they were written for; a merge moves none, so that its undo has none to move back. The
index by day is the purge's."""
