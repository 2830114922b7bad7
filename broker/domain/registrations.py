"""Clients that registered themselves (RFC 7591): what is kept of each, and on which terms they are let in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from broker.domain.people import Profil


@dataclass(frozen=True, slots=True)
class Registration:
    """A client that registered itself. `metadata`: what it was granted, by the names of RFC 7591, plain JSON values.

    The secret (empty for a client that shows none) and the registration access token are kept as SHA-256 in hex.
    """

    client_id: str
    tenant: str
    secret_digest: str
    token_digest: str
    metadata: Mapping[str, object]
    registered_at: datetime
    changed_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class RegistrationTerms:
    """What an administrator decides of all clients that register themselves.

    `tenant` answers for them and its policies speak; `profils` may open them; they end `lasts` after they came, and
    `most` of them live at once. `pkce_waiver`: why those that authenticate may go without PKCE; empty: they must not.
    """

    tenant: str
    profils: frozenset[Profil]
    lasts: timedelta
    most: int
    pkce_waiver: str = ""
