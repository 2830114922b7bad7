"""A person's own accounts here: identifiers, secrets, codes that lead to them, contacts, notices; posts at the desk."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    text,
)

from broker.storage.schema.columns import Auto, Instant, metadata

own_logins = Table(
    "own_logins", metadata,
    Column("identifier", String(128), primary_key=True),
    Column("account_id", String(64), ForeignKey("accounts.id"), nullable=False, unique=True),
    Column("since", Instant, nullable=False),
)
"""By which name a person signs in here; never given to anybody else."""

credentials = Table(
    "credentials", metadata,
    Column("id", String(64), primary_key=True),
    Column("account_id", String(64), ForeignKey("accounts.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("secret", Text, nullable=False),
    Column("label", String(64), nullable=False, default=""),
    Column("public_id", String(1400)),
    Column("counter", BigInteger, nullable=False, default=0),
    Column("since", Instant, nullable=False),
    Column("last_used", Instant),
    Column("until", Instant),
    Index("ix_credentials_account_id", "account_id"),
    Index(
        "uq_credentials_one", "account_id", "kind", unique=True,
        postgresql_where=text("until IS NULL AND kind IN ('passphrase', 'pictures')"),
        sqlite_where=text("until IS NULL AND kind IN ('passphrase', 'pictures')"),
    ),
    Index(
        "uq_credentials_public_id", "public_id", unique=True,
        postgresql_where=text("public_id IS NOT NULL"), sqlite_where=text("public_id IS NOT NULL"),
    ),
    Index("ix_credentials_until", "until"),
)
"""Secrets of an account: its own here, or second factors of an agent's at a source. Accounts are never merged, so
nothing here moves when persons are."""

codes = Table(
    "codes", metadata,
    Column("id", String(64), primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("locator", String(8), nullable=False, default=""),
    Column("secret", Text, nullable=False),
    Column("person_id", String(64), ForeignKey("persons.id"), nullable=False),
    Column("uai", String(16), nullable=False, default=""),
    Column("bound", String(64), nullable=False, default=""),
    Column("actor", String(128), nullable=False),
    Column("batch", String(64), nullable=False, default=""),
    Column("issued_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("tries", Integer, nullable=False, default=0),
    Column("most_tries", Integer, nullable=False),
    Column("used_at", Instant),
    Column("ended_at", Instant),
    Index(
        "uq_codes_locator", "locator", unique=True,
        postgresql_where=text("locator <> '' AND used_at IS NULL AND ended_at IS NULL"),
        sqlite_where=text("locator <> '' AND used_at IS NULL AND ended_at IS NULL"),
    ),
    Index(
        "uq_codes_screen", "bound", unique=True,
        postgresql_where=text("kind = 'window' AND bound <> '' AND used_at IS NULL AND ended_at IS NULL"),
        sqlite_where=text("kind = 'window' AND bound <> '' AND used_at IS NULL AND ended_at IS NULL"),
    ),
    Index("ix_codes_locator", "locator", "issued_at"),
    Index("ix_codes_person_id", "person_id"),
    Index(
        "ix_codes_bound", "bound",
        postgresql_where=text("bound <> ''"), sqlite_where=text("bound <> ''"),
    ),
    Index("ix_codes_expires_at", "expires_at"),
)
"""Codes and windows. `tries` is counted before a guess is looked at; `used_at` is written by the act that uses it. One
live window for each screen, whoever it is for."""

contacts = Table(
    "contacts", metadata,
    Column("id", String(64), primary_key=True),
    Column("person_id", String(64), ForeignKey("persons.id"), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("value", Text, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("holds_until", Instant, nullable=False),
    Column("until", Instant),
    Index("ix_contacts_person_id", "person_id"),
    Index("ix_contacts_until", "until"),
)
"""What a person gave beside the school's records; it counts from `holds_until` on, and until then the old one does."""

contact_moves = Table(
    "contact_moves", metadata,
    Column("id", Auto, primary_key=True, autoincrement=True),
    Column("record_id", String(160), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("was", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("holds_until", Instant, nullable=False),
    Index("ix_contact_moves_record_id", "record_id"),
    Index("ix_contact_moves_at", "at"),
)
"""What feeds changed of how people are reached who were before. `value` counts from `holds_until` on; until then
`was` is told what there is to tell, and neither takes a code. Empty `value`: withdrawn, and remembered."""

notices = Table(
    "notices", metadata,
    Column("id", Auto, primary_key=True, autoincrement=True),
    Column("person_id", String(64), ForeignKey("persons.id"), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("at", Instant, nullable=False),
    Column("told", JSON, nullable=False),
    Column("trace", String(32), nullable=False, default=""),
    Index("ix_notices_person_id", "person_id", "at"),
    Index("ix_notices_at", "at"),
)
"""What a person was told happened to their access, as the portal shows it; mail and SMS go by the outbox."""

desk_posts = Table(
    "desk_posts", metadata,
    Column("id", String(64), primary_key=True),
    Column("account_id", String(64), ForeignKey("accounts.id"), nullable=False),
    Column("profile", String(16), nullable=False),
    Column("uai", String(16), nullable=False, default=""),
    Column("academie", String(2), nullable=False, default=""),
    Column("origin", String(16), nullable=False),
    Column("actor", String(128), nullable=False),
    Column("giver", String(64), nullable=False, default="", server_default=""),
    Column("since", Instant, nullable=False),
    Column("until", Instant),
    Column("ended_at", Instant),
    Index("ix_desk_posts_account_id", "account_id"),
    Index("ix_desk_posts_uai", "uai"),
    Index("ix_desk_posts_ended_at", "ended_at"),
)
"""What an agent may do at the desk, where (a school, or an académie's schools) and until when. `origin`: said by the
source at the last login, granted by an administrator, delegated by a head here, whose own account is the `giver`."""

desk_requests = Table(
    "desk_requests", metadata,
    Column("id", String(64), primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("act", String(16), nullable=False),
    Column("person_id", String(64), ForeignKey("persons.id"), nullable=False),
    Column("given", JSON, nullable=False),
    Column("proofs", JSON, nullable=False),
    Column("reason", String(32), nullable=False),
    Column("uai", String(16), nullable=False),
    Column("asked_by", String(64), ForeignKey("persons.id"), nullable=False),
    Column("asked_account", String(64), ForeignKey("accounts.id"), nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("answered_at", Instant),
    Column("answered_by", String(64)),
    Column("answer", String(16)),
    Index("ix_desk_requests_tenant", "tenant", "expires_at"),
    Index("ix_desk_requests_expires_at", "expires_at"),
)
"""Acts that one agent asked for and a second one has to do. `answered_at` is written by the act that answers: the one
use. `given`: what else the first agent's form held, as it came; `uai`: the school that both act for."""

class_codes = Table(
    "class_codes", metadata,
    Column("code", String(16), primary_key=True),
    Column("uai", String(16), ForeignKey("schools.uai"), nullable=False),
    Column("class_code", String(64), nullable=False),
    Column("since", Instant, nullable=False),
    Column("until", Instant),
    Index("ix_class_codes_class", "uai", "class_code"),
    Index("ix_class_codes_until", "until"),
)
"""By which a young class finds its pupils' faces-and-pictures page; it proves nothing by itself."""

sms_counts = Table(
    "sms_counts", metadata,
    Column("uai", String(16), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("segments", Integer, nullable=False),
)
"""What was sent for each school, in segments: they are what is paid for."""
