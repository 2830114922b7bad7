"""Clients that prove themselves by signing (RFC 7523 §3, OIDC Core §9): an assertion for us, of their key, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from broker.domain.errors import InvalidClient
from broker.domain.handles import digest
from broker.domain.ports import Consumptions
from broker.domain.services import RelyingParty
from broker.wire.jose import KeySet, TokenRefused, verify_client_assertion

KEPT = timedelta(minutes=1)
"""How much longer a `jti` is remembered than its assertion is good: clocks of our own machines differ too."""


@dataclass(frozen=True, slots=True)
class AssertionDesk:
    """Verifies assertions and claims their `jti`. `keys` reads a client's JWK set, once for each text."""

    issuer: str
    consumptions: Consumptions
    keys: Callable[[str], KeySet]

    def verify(self, assertion: str, party: RelyingParty, *, now: datetime) -> None:
        """Check that this client made this assertion, for us, and spend it. Raises `InvalidClient`.

        The `jti` is claimed in SQL, never in what may vanish: a replay would be the client.
        """
        try:
            claims = verify_client_assertion(
                assertion, self.keys(party.jwks), client_id=party.client_id, issuer=self.issuer, now=now
            )
        except TokenRefused as fault:
            raise InvalidClient(f"client assertion: {fault}") from fault
        once = digest(f"{party.client_id}|{claims['jti']}")
        until = datetime.fromtimestamp(claims["exp"], UTC) + KEPT
        if not self.consumptions.claim_assertion(once, now=now, until=until):
            raise InvalidClient("client assertion: used before")
