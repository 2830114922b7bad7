"""The tables, once, for SQLite and PostgreSQL. Migrations in `storage/migrations` follow this file; a test compares them.

Conventions: times are aware UTC (`Instant`); digests are SHA-256 in hex; JSON columns hold plain values only;
a row of people is never deleted by an act, it gets an end date (retention purges are a job of their own).
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant: `timestamptz` on PostgreSQL, ISO text without zone on SQLite, aware UTC in Python on both."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive instants: a silent hour is a lost right."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive instant reached the database")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Auto = BigInteger().with_variant(Integer(), "sqlite")
"""An auto-numbered key (SQLite numbers only INTEGER keys)."""

# ---- schools and feeds -------------------------------------------------------------------------------------------

schools = Table(
    "schools", metadata,
    Column("uai", String(16), primary_key=True),
    Column("name", Text, nullable=False),
    Column("level", String(16)),
    Column("kind", String(32), nullable=False, default=""),
    Column("academie", String(2), nullable=False, default=""),
    Column("commune", Text, nullable=False, default=""),
    Column("contract", String(8), nullable=False, default=""),
    Column("zone", String(2), nullable=False, default=""),
    Column("retired_at", Instant),
)

school_keys = Table(
    "school_keys", metadata,
    Column("feed", String(64), primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("uai", String(16), ForeignKey("schools.uai"), nullable=False),
    Column("content_hash", String(64), nullable=False),
    Column("retired_at", Instant),
    Column("seen_in", String(64)),
)

classes = Table(
    "classes", metadata,
    Column("uai", String(16), ForeignKey("schools.uai"), primary_key=True),
    Column("code", String(64), primary_key=True),
    Column("label", Text, nullable=False),
)

# ---- persons and records -----------------------------------------------------------------------------------------

persons = Table(
    "persons", metadata,
    Column("id", String(64), primary_key=True),
    Column("created_at", Instant, nullable=False),
    Column("merged_into", String(64), ForeignKey("persons.id")),
    Column("quarantined_at", Instant),
)

records = Table(
    "records", metadata,
    Column("id", String(160), primary_key=True),
    Column("feed", String(64), nullable=False),
    Column("key", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("academie", String(2), nullable=False),
    Column("family_name", Text, nullable=False),
    Column("given_name", Text, nullable=False),
    Column("civility", String(8), nullable=False, default=""),
    Column("name_key", Text, nullable=False),
    Column("birth_date", Date),
    Column("ine", String(16), nullable=False, default=""),
    Column("content", Text, nullable=False),
    Column("content_hash", String(64), nullable=False),
    Column("seen_in", String(64), nullable=False),
    Column("first_seen_at", Instant, nullable=False),
    Column("retired_at", Instant),
    UniqueConstraint("feed", "key"),
    Index("ix_records_reference", "academie", "key"),
    Index("ix_records_ine", "ine", postgresql_where=text("ine <> ''"), sqlite_where=text("ine <> ''")),
    Index("ix_records_name_key", "name_key", postgresql_where=text("kind = 'guardian'"), sqlite_where=text("kind = 'guardian'")),
)
"""`id` is `feed:key`: known without a look-up, so that relations can be written before the other side has arrived.
`name_key` blocks candidates for *proposals* only."""

attachments = Table(
    "attachments", metadata,
    Column("id", String(64), primary_key=True),
    Column("record_id", String(160), ForeignKey("records.id"), nullable=False),
    Column("person_id", String(64), ForeignKey("persons.id"), nullable=False),
    Column("state", String(16), nullable=False),
    Column("evidence_kind", String(32), nullable=False),
    Column("evidence", JSON, nullable=False, default=dict),
    Column("score", Float),
    Column("actor", String(128), nullable=False),
    Column("at", Instant, nullable=False),
    Column("ended_at", Instant),
    Index(
        "uq_attachments_record_attached", "record_id", unique=True,
        postgresql_where=text("state = 'attached'"), sqlite_where=text("state = 'attached'"),
    ),
    Index("ix_attachments_person_state", "person_id", "state"),
    Index("ix_attachments_record_state", "record_id", "state"),
)
"""A record is attached to at most one person; proposals are rows in state `proposed` and open nothing."""

guardianships = Table(
    "guardianships", metadata,
    Column("adult_record", String(160), primary_key=True),
    Column("child_record", String(160), primary_key=True),
    Column("since", Instant, primary_key=True),
    Column("until", Instant),
    Column("feed", String(64), nullable=False),
    Column("link_code", String(8), nullable=False),
    Column("quality", String(32), nullable=False),
    Column("may_see", Boolean, nullable=False),
    Column("may_act", Boolean, nullable=False),
    Column("pays", Boolean, nullable=False),
    Column("contact_first", Boolean, nullable=False),
    Index("ix_guardianships_child_record", "child_record"),
    Index(
        "uq_guardianships_open", "adult_record", "child_record", unique=True,
        postgresql_where=text("until IS NULL"), sqlite_where=text("until IS NULL"),
    ),
)
"""Dated facts between records; persons stand behind them through attachments, so that a merge moves nothing here."""

restrictions = Table(
    "restrictions", metadata,
    Column("id", String(64), primary_key=True),
    Column("adult_record", String(160), ForeignKey("records.id"), nullable=False),
    Column("child_record", String(160), ForeignKey("records.id"), nullable=False),
    Column("since", Instant, nullable=False),
    Column("until", Instant),
    Column("actor", String(128), nullable=False),
    Index("ix_restrictions_adult_record", "adult_record"),
    Index("ix_restrictions_child_record", "child_record"),
)
"""Court restrictions, one row for each pair of attached records; they hold for the *persons* behind those records."""

enrolments = Table(
    "enrolments", metadata,
    Column("record_id", String(160), primary_key=True),
    Column("uai", String(16), ForeignKey("schools.uai"), primary_key=True),
    Column("class_code", String(64), primary_key=True),
    Column("since", Instant, primary_key=True),
    Column("until", Instant),
    Column("class_label", Text, nullable=False),
    Column("mef", String(16), nullable=False, default=""),
    Column("level_code", String(16), nullable=False, default=""),
    Column("starts_on", Date),
    Column("ends_on", Date),
)

staff_posts = Table(
    "staff_posts", metadata,
    Column("record_id", String(160), primary_key=True),
    Column("uai", String(16), ForeignKey("schools.uai"), primary_key=True),
    Column("function", String(32), primary_key=True),
    Column("since", Instant, primary_key=True),
    Column("until", Instant),
    Column("profil", String(8), nullable=False),
)

# ---- imports -----------------------------------------------------------------------------------------------------

imports = Table(
    "imports", metadata,
    Column("id", String(64), primary_key=True),
    Column("feed", String(64), nullable=False),
    Column("tenant", String(64), nullable=False),
    Column("academie", String(2), nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("checksum", String(64), nullable=False),
    Column("made_on", Date),
    Column("state", String(16), nullable=False),
    Column("cursor", BigInteger, nullable=False, default=0),
    Column("staged", BigInteger, nullable=False, default=0),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("lease_until", Instant),
    Column("counts", JSON, nullable=False, default=dict),
    Index("ix_imports_feed", "feed", "started_at"),
)
"""state: staging, staged, held, applying, done, refused. `lease_until` keeps two processes from applying one run."""

staged_rows = Table(
    "staged_rows", metadata,
    Column("import_id", String(64), ForeignKey("imports.id"), primary_key=True),
    Column("phase", Integer, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("key", String(64), nullable=False),
    Column("op", String(8), nullable=False),
    Column("content_hash", String(64), nullable=False),
    Column("payload", Text, nullable=False),
    Index("ix_staged_rows_key", "import_id", "key"),
)

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

# ---- logins, links, merges ---------------------------------------------------------------------------------------

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
    UniqueConstraint("protocol", "issuer", "subject_format", "subject", name="uq_accounts_key"),
    Index("ix_accounts_person_id", "person_id"),
)
"""One row per upstream account, for ever (LR-05, LR-06): the unique key is what makes a second owner impossible."""

merges = Table(
    "merges", metadata,
    Column("id", String(64), primary_key=True),
    Column("account_id", String(64), ForeignKey("accounts.id")),
    Column("survivor", String(64), ForeignKey("persons.id"), nullable=False),
    Column("absorbed", String(64), ForeignKey("persons.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("pre_image", JSON, nullable=False),
    Column("undone_at", Instant),
    Index("ix_merges_account_id", "account_id"),
)
"""The merge journal. `pre_image` lists every row moved with its former values: undo writes them back exactly."""

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
    Column("device", String(8), nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("idle_until", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Index("ix_sessions_person_id", "person_id"),
    Index("ix_sessions_account_id", "account_id"),
)

# ---- grants, codes, tokens ---------------------------------------------------------------------------------------

grants = Table(
    "grants", metadata,
    Column("id", String(64), primary_key=True),
    Column("person_id", String(64), ForeignKey("persons.id"), nullable=False),
    Column("client_id", String(128), nullable=False),
    Column("sid", String(64), nullable=False),
    Column("scope", JSON, nullable=False),
    Column("subject", String(64), nullable=False),
    Column("claims", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Column("revoked_why", String(32)),
    Index("ix_grants_person_id", "person_id"),
    Index("ix_grants_sid", "sid"),
)

consumptions = Table(
    "consumptions", metadata,
    Column("digest", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("grant_id", String(64)),
    Column("payload", JSON, nullable=False, default=dict),
    Column("issued_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    Index("ix_consumptions_expires_at", "expires_at"),
)
"""One row per thing used once: codes (claimed by an UPDATE), upstream answers (claimed by their INSERT)."""

access_tokens = Table(
    "access_tokens", metadata,
    Column("digest", String(64), primary_key=True),
    Column("grant_id", String(64), ForeignKey("grants.id"), nullable=False),
    Column("issued_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Index("ix_access_tokens_grant_id", "grant_id"),
    Index("ix_access_tokens_expires_at", "expires_at"),
)

signing_keys = Table(
    "signing_keys", metadata,
    Column("kid", String(64), primary_key=True),
    Column("purpose", String(32), nullable=False),
    Column("alg", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("public_jwk", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
    Index(
        "uq_signing_keys_active", "purpose", "alg", unique=True,
        postgresql_where=text("state = 'active'"), sqlite_where=text("state = 'active'"),
    ),
)

# ---- audit and outbox --------------------------------------------------------------------------------------------

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
    Index("ix_outbox_due", "due_at", postgresql_where=text("done_at IS NULL"), sqlite_where=text("done_at IS NULL")),
)
