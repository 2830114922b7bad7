"""What is wrong in what schools deliver, from the delivery that brought it to the one that mended it."""

from __future__ import annotations

from sqlalchemy import Column, Index, String, Table, text

from broker.storage.schema.columns import Auto, Instant, metadata

quality_findings = Table(
    "quality_findings", metadata,
    Column("id", Auto, primary_key=True, autoincrement=True),
    Column("uai", String(16), nullable=False),
    Column("feed", String(64), nullable=False),
    Column("record_id", String(160), nullable=False),
    Column("finding", String(32), nullable=False),
    Column("other", String(160), nullable=False, default=""),
    Column("first_seen", Instant, nullable=False),
    Column("first_seen_in", String(64), nullable=False),
    Column("last_seen", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("closed_in", String(64)),
    Index(
        "uq_quality_findings_open", "uai", "record_id", "finding", "other", unique=True,
        postgresql_where=text("closed_at IS NULL"), sqlite_where=text("closed_at IS NULL"),
    ),
    Index("ix_quality_findings_uai", "uai", "closed_at"),
    Index("ix_quality_findings_record_id", "record_id"),
)
"""A row is open while `closed_at` is null; what comes back is a new row. Instants are those of deliveries, `…_in` their
runs. No foreign key: a finding outlives its record until both are purged."""
