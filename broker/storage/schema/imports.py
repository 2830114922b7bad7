"""Imports at work: runs, staged rows, faults."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
)

from broker.storage.schema.columns import Auto, Instant, metadata

imports = Table(
    "imports", metadata,
    Column("id", String(64), primary_key=True),
    Column("feed", String(64), nullable=False),
    Column("tenant", String(64), nullable=False),
    Column("academie", String(2), nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("checksum", String(64), nullable=False),
    Column("made_on", Date),
    Column("covers", JSON, nullable=False, default=list),
    Column("state", String(16), nullable=False),
    Column("phase", Integer, nullable=False, default=0),
    Column("cursor", BigInteger, nullable=False, default=0),
    Column("staged", BigInteger, nullable=False, default=0),
    Column("started_at", Instant, nullable=False),
    Column("applied_at", Instant),
    Column("finished_at", Instant),
    Column("holder", String(255), nullable=False, default=""),
    Column("lease_until", Instant),
    Column("counts", JSON, nullable=False, default=dict),
    Index("ix_imports_feed", "feed", "started_at"),
)
"""`phase` and `cursor` are the last staged row looked at; `applied_at` dates every fact of the run, after a resume too.
`holder` and `lease_until` keep two processes from working on one feed."""

staged_rows = Table(
    "staged_rows", metadata,
    Column("import_id", String(64), primary_key=True),
    Column("phase", Integer, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("key", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("op", String(8), nullable=False),
    Column("content_hash", String(64), nullable=False),
    Column("relations", Integer, nullable=False),
    Column("payload", Text, nullable=False),
    Index("ix_staged_rows_key", "import_id", "key"),
)
"""No foreign key: rows come by the hundred thousand and go with their run."""

import_faults = Table(
    "import_faults", metadata,
    Column("id", Auto, primary_key=True, autoincrement=True),
    Column("import_id", String(64), ForeignKey("imports.id"), nullable=False),
    Column("file", Text, nullable=False),
    Column("line", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("warning", Boolean, nullable=False),
    Index("ix_import_faults_import_id", "import_id"),
)
