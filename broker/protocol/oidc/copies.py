"""Short copies of access tokens outside the database: they save a query, and never outlive a revocation for long.

A copy lives at most as long as `policies` says (30 s), and a revocation drops it sooner through the outbox. A copy
that cannot be read, or answers for another token than the one asked for, counts as absent.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from broker.domain.errors import UnavailableError
from broker.domain.ports import EphemeralStore
from broker.domain.sessions import AccessToken, Audience, Grant

KIND = "access-token/3"


class TokenCopies:
    """Copies over the ephemeral store. The door reads them together with its volume limits, in one round trip."""

    def __init__(self, store: EphemeralStore, *, lifetime: Callable[[], timedelta]) -> None:
        self._store = store
        self._lifetime = lifetime

    def keep(self, token_digest: str, token: AccessToken) -> None:
        """Keep a copy of a token just read as live. A store that is away costs a query next time, nothing more."""
        seconds = int(self._lifetime().total_seconds())
        with suppress(UnavailableError):
            self._store.put(copy_key(token_digest), encode(token, token_digest=token_digest), ttl=seconds)


def copy_key(token_digest: str) -> str:
    """Where the copy of a token is kept; a revocation drops it through the outbox."""
    return f"token:{token_digest}"


def encode(token: AccessToken, *, token_digest: str) -> bytes:
    """Write a copy."""
    grant = token.grant
    return json.dumps(
        {
            "kind": KIND,
            "token": token_digest,
            "grant": [grant.grant_id, grant.person_id, grant.client_id, grant.sid, list(grant.scope), grant.jkt],
            "audience": [grant.audience.uri, grant.audience.subject] if grant.audience else None,
            "subject": token.subject,
            "claims": list(token.claims),
            "expires": token.expires_at.isoformat(),
        }
    ).encode()


def decode(copy: bytes, *, token_digest: str) -> AccessToken | None:
    """Read a copy, or None when it is not the copy of this token."""
    try:
        fields = json.loads(copy)
        if fields["kind"] != KIND or fields["token"] != token_digest:
            return None
        grant_id, person_id, client_id, sid, scope, jkt = fields["grant"]
        audience = Audience(*fields["audience"]) if fields["audience"] else None
        grant = Grant(str(grant_id), str(person_id), str(client_id), str(sid), tuple(scope), str(jkt), audience)
        return AccessToken(grant, fields["subject"], tuple(fields["claims"]), datetime.fromisoformat(fields["expires"]))
    except (ValueError, KeyError, TypeError):
        return None
