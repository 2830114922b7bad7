"""Clients that prove themselves by signing (RFC 7523 §3, OIDC Core §9): an assertion for us, of their key, once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from broker.domain.errors import InvalidClient
from broker.domain.handles import digest
from broker.domain.ports import Consumptions
from broker.domain.services import RelyingParty
from broker.protocol.oidc.client_keys import ClientKeys
from broker.protocol.oidc.provider import TOKEN_PATH
from broker.wire.jose import (
    FAPI_ALGS,
    SIGNING_ALGS,
    KeySet,
    Refusal,
    SignedClaims,
    TokenRefused,
    verify_client_assertion,
)

KEPT = timedelta(minutes=1)
"""How much longer a `jti` is remembered than its assertion is good: clocks of our own machines differ too."""
_ANOTHER_KEY = frozenset({Refusal.KEY, Refusal.SIGNATURE})


@dataclass(frozen=True, slots=True)
class AssertionDesk:
    """Verifies assertions and claims their `jti`. `keys` knows the public keys of each client."""

    issuer: str
    consumptions: Consumptions
    keys: ClientKeys

    def verify(self, assertion: str, party: RelyingParty, *, now: datetime) -> None:
        """Check that this client made this assertion, for us, and spend it. Raises `InvalidClient`.

        The `jti` is claimed in SQL, never in what may vanish: a replay would be the client.
        """
        try:
            claims = self._verified(assertion, party, now=now)
        except TokenRefused as fault:
            raise InvalidClient(f"client assertion: {fault}") from fault
        once = digest(f"{party.client_id}|{claims['jti']}")
        until = datetime.fromtimestamp(claims["exp"], UTC) + KEPT
        if not self.consumptions.claim_assertion(once, now=now, until=until):
            raise InvalidClient("client assertion: used before")

    def _verified(self, assertion: str, party: RelyingParty, *, now: datetime) -> SignedClaims:
        """Check it; where no key of the client fits, look once whether the client has published another."""
        try:
            return self._check(assertion, self.keys.of(party), party, now=now)
        except TokenRefused as fault:
            newer = self.keys.of_now(party) if fault.reason in _ANOTHER_KEY else None
            if newer is None:
                raise
        return self._check(assertion, newer, party, now=now)

    def _check(self, assertion: str, keys: KeySet, party: RelyingParty, *, now: datetime) -> SignedClaims:
        """By FAPI 2.0 for whoever is declared here: our issuer, no RS256. OpenID Connect Core §9 asks less."""
        audiences: tuple[str, ...] = (self.issuer,)
        algorithms: tuple[str, ...] = FAPI_ALGS
        if party.self_registered:
            audiences = (self.issuer, self.issuer + TOKEN_PATH)
            algorithms = (party.assertion_alg,) if party.assertion_alg else SIGNING_ALGS
        return verify_client_assertion(
            assertion, keys, client_id=party.client_id, audiences=audiences, now=now, algorithms=algorithms
        )
