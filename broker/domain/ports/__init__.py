"""The seams: what the inner rooms need from the outer ones, written for their consumer, at most six methods each.

Every adapter of a port passes the port's one contract suite in `tests/contract`; a new adapter is a new line there.
"""

from broker.domain.ports.ephemeral import Admission, EphemeralStore, Limit
from broker.domain.ports.feeds import DirectoryStore, IdentityFeed, ImportRuns, Matcher, MatchSubject, ScoredPair
from broker.domain.ports.sources import (
    Departure,
    LogoutConnector,
    LogoutNotifier,
    PasswordConnector,
    RedirectConnector,
    Return,
)
from broker.domain.ports.storage import (
    Attachments,
    Audit,
    Grants,
    Guardianships,
    Keys,
    Links,
    Outbox,
    People,
    Purge,
    Services,
    Sessions,
    StoredKey,
)

__all__ = [
    "Admission",
    "Attachments",
    "Audit",
    "Departure",
    "DirectoryStore",
    "EphemeralStore",
    "Grants",
    "Guardianships",
    "IdentityFeed",
    "ImportRuns",
    "Keys",
    "Limit",
    "Links",
    "LogoutConnector",
    "LogoutNotifier",
    "MatchSubject",
    "Matcher",
    "Outbox",
    "PasswordConnector",
    "People",
    "Purge",
    "RedirectConnector",
    "Return",
    "ScoredPair",
    "Services",
    "Sessions",
    "StoredKey",
]
