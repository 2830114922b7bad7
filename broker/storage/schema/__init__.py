"""The tables, once, for SQLite and PostgreSQL. `storage/migrations` follow this file; a test compares them.

Conventions: times are aware UTC (`Instant`); digests are SHA-256 in hex; JSON columns hold plain values only;
a row of people is never deleted by an act, it gets an end date (retention purges are a job of their own).
"""

from broker.storage.schema.columns import Auto, Instant, metadata
from broker.storage.schema.credentials import (
    class_codes,
    codes,
    contact_moves,
    contacts,
    credentials,
    desk_posts,
    desk_requests,
    notices,
    own_logins,
    sms_counts,
)
from broker.storage.schema.directory import (
    attachments,
    classes,
    enrolments,
    guardianships,
    persons,
    record_ties,
    records,
    restrictions,
    school_keys,
    schools,
    staff_posts,
)
from broker.storage.schema.grants import (
    access_tokens,
    child_tokens,
    consumptions,
    device_requests,
    grants,
    service_tokens,
    signing_keys,
)
from broker.storage.schema.guesses import guesses
from broker.storage.schema.imports import import_faults, imports, staged_rows
from broker.storage.schema.ledger import releases
from broker.storage.schema.login_faults import login_faults
from broker.storage.schema.logins import accounts, merges, sessions, subjects
from broker.storage.schema.quality import quality_findings
from broker.storage.schema.registrations import registrations
from broker.storage.schema.search import search_keys, search_pending
from broker.storage.schema.standings import standings
from broker.storage.schema.trail import audit_events, audit_heads, audit_seals, outbox

__all__ = [
    "Auto",
    "Instant",
    "access_tokens",
    "accounts",
    "attachments",
    "audit_events",
    "audit_heads",
    "audit_seals",
    "child_tokens",
    "class_codes",
    "classes",
    "codes",
    "consumptions",
    "contact_moves",
    "contacts",
    "credentials",
    "desk_posts",
    "desk_requests",
    "device_requests",
    "enrolments",
    "grants",
    "guardianships",
    "guesses",
    "import_faults",
    "imports",
    "login_faults",
    "merges",
    "metadata",
    "notices",
    "outbox",
    "own_logins",
    "persons",
    "quality_findings",
    "record_ties",
    "records",
    "registrations",
    "releases",
    "restrictions",
    "school_keys",
    "schools",
    "search_keys",
    "search_pending",
    "service_tokens",
    "sessions",
    "signing_keys",
    "sms_counts",
    "staff_posts",
    "staged_rows",
    "standings",
    "subjects",
]
