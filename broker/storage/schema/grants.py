"""Grants, things used once, access tokens, signing keys."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    text,
)

from broker.storage.schema.columns import Instant, metadata

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
    Column("offline_until", Instant),
    Column("offline_idle", Integer),
    Column("jkt", String(64)),
    Column("resource", String(255)),
    Column("resource_subject", String(64)),
    Column("peer", JSON(none_as_null=True)),
    Index("ix_grants_person_id", "person_id"),
    Index("ix_grants_sid", "sid"),
    Index(
        "ix_grants_name_at_provider", "client_id", "subject",
        postgresql_where=text("client_id LIKE 'saml:%'"), sqlite_where=text("client_id LIKE 'saml:%'"),
    ),
)
"""`offline_until`: a refresh family, good until then though its session ended by itself; `offline_idle` in seconds.
`jkt`: the key that all its tokens are bound to. `resource`: the API they are for, and `resource_subject` the person's
identifier there. `peer`: by what a CAS or SAML service knows its own session (`index`), and where it is told of a
logout (`url`); NULL: it was told of nobody yet."""

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
"""One row per thing used once: codes and refresh tokens (claimed by an UPDATE), upstream answers, client assertions and
answered pushed requests (by their INSERT)."""

access_tokens = Table(
    "access_tokens", metadata,
    Column("digest", String(64), primary_key=True),
    Column("grant_id", String(64), ForeignKey("grants.id"), nullable=False),
    Column("issued_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Index("ix_access_tokens_grant_id", "grant_id"),
    Index("ix_access_tokens_expires_at", "expires_at"),
)

child_tokens = Table(
    "child_tokens", metadata,
    Column("digest", String(64), primary_key=True),
    Column("grant_id", String(64), ForeignKey("grants.id"), nullable=False),
    Column("client_id", String(128), nullable=False),
    Column("child", String(64), ForeignKey("subjects.value"), nullable=False),
    Column("scope", JSON, nullable=False),
    Column("jkt", String(64)),
    Column("issued_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Index("ix_child_tokens_grant_id", "grant_id"),
    Index("ix_child_tokens_expires_at", "expires_at"),
)
"""For one child in a guardian's place: `grant_id` is the guardian's grant, `child` the child's subject at the service,
which leads to the child whatever was merged."""

device_requests = Table(
    "device_requests", metadata,
    Column("digest", String(64), primary_key=True),
    Column("user_code", String(64), nullable=False, unique=True),
    Column("client_id", String(128), nullable=False),
    Column("scope", JSON, nullable=False),
    Column("resource", String(255)),
    Column("issued_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("waits", Integer, nullable=False),
    Column("polled_at", Instant),
    Column("decision", String(16)),
    Column("decided_at", Instant),
    Index("ix_device_requests_expires_at", "expires_at"),
)
"""Screens that wait for somebody's yes. `waits`: seconds between two questions of the device. A yes makes the device's
code one of `consumptions`, redeemed as any other."""

service_tokens = Table(
    "service_tokens", metadata,
    Column("digest", String(64), primary_key=True),
    Column("client_id", String(128), nullable=False),
    Column("scope", JSON, nullable=False),
    Column("jkt", String(64)),
    Column("resource", String(255)),
    Column("issued_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Index("ix_service_tokens_expires_at", "expires_at"),
)
"""What clients do in their own name: no person, so nothing that a session, a merge or a right could end."""

signing_keys = Table(
    "signing_keys", metadata,
    Column("kid", String(64), primary_key=True),
    Column("purpose", String(32), nullable=False),
    Column("alg", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("public_jwk", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("since", Instant),
    Index(
        "uq_signing_keys_next", "purpose", "alg", unique=True,
        postgresql_where=text("state = 'next'"), sqlite_where=text("state = 'next'"),
    ),
    Index(
        "uq_signing_keys_active", "purpose", "alg", unique=True,
        postgresql_where=text("state = 'active'"), sqlite_where=text("state = 'active'"),
    ),
)
"""One next and one active key for each purpose and algorithm. `since`: when it came into its state. `sealed` is empty
once it is retired."""
