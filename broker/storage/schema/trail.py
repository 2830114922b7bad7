"""Audit events with their seals, and the outbox."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Index,
    Integer,
    String,
    Table,
    Text,
    text,
)

from broker.storage.schema.columns import Auto, Instant, metadata

SIGN_INS = text("action IN ('sign_in', 'sign_in_refused', 'link_created')")
NOT_HOT = text(
    "subject <> '' AND action NOT IN ('code_issued', 'code_redeemed', 'token_refreshed', 'ticket_issued',"
    " 'ticket_validated', 'assertion_issued', 'service_token_issued', 'child_token_issued')"
)
"""Of which events the trail is read by person: what happens at every request to a service is not among them, so that
it pays for no index."""

OF_DESK = text(
    "action IN ('agent_searched', 'agent_viewed', 'agent_refused', 'agent_alarm', 'journal_read', 'window_opened',"
    " 'letter_issued', 'wait_lifted', 'access_closed', 'access_reopened', 'agent_asked', 'agent_declined',"
    " 'post_given', 'post_ended', 'short_code_sent', 'short_code_unsent')"
)
"""What the journal of the desk is read from: what agents do, and what is done to their posts."""

audit_events = Table(
    "audit_events", metadata,
    Column("id", Auto, primary_key=True, autoincrement=True),
    Column("tenant", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    Column("action", String(32), nullable=False),
    Column("actor", String(128), nullable=False),
    Column("subject", String(160), nullable=False),
    Column("outcome", String(32), nullable=False),
    Column("trace", String(64), nullable=False),
    Column("detail", JSON, nullable=False),
    Index("ix_audit_events_tenant", "tenant", "id"),
    Index("ix_audit_events_trace", "trace", postgresql_where=SIGN_INS, sqlite_where=SIGN_INS),
    Index("ix_audit_events_subject", "subject", "id", postgresql_where=NOT_HOT, sqlite_where=NOT_HOT),
    Index("ix_audit_events_desk", "tenant", "id", postgresql_where=OF_DESK, sqlite_where=OF_DESK),
)

audit_seals = Table(
    "audit_seals", metadata,
    Column("tenant", String(64), primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("event_id", BigInteger, nullable=False, unique=True),
    Column("digest", String(64), nullable=False),
    Column("sealed_at", Instant, nullable=False),
)
"""The chain: each digest covers the event's content and the digest before it, in the order the sealer saw commits."""

audit_heads = Table(
    "audit_heads", metadata,
    Column("tenant", String(64), primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("signature", Text, nullable=False),
    Column("signed_at", Instant, nullable=False),
)
"""The signed head of each chain: a truncated tail no longer matches it."""

outbox = Table(
    "outbox", metadata,
    Column("id", Auto, primary_key=True, autoincrement=True),
    Column("topic", String(32), nullable=False),
    Column("key", String(160), nullable=False),
    Column("payload", JSON, nullable=False),
    Column("at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("done_at", Instant),
    Column("cause", Text),
    Column("lane", String(128)),
    Index("ix_outbox_due", "due_at", postgresql_where=text("done_at IS NULL"), sqlite_where=text("done_at IS NULL")),
    Index(
        "ix_outbox_lane", "lane", "id",
        postgresql_where=text("done_at IS NULL AND lane IS NOT NULL"),
        sqlite_where=text("done_at IS NULL AND lane IS NOT NULL"),
    ),
    Index("ix_outbox_visit", "key", postgresql_where=text("topic = 'logout'"), sqlite_where=text("topic = 'logout'")),
)
"""`lane`: who is told its rows one after the other. `cause`: why a row waits, or why it was closed untold."""
