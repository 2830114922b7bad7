"""DPoP at our endpoints (RFC 9449): which key the caller proved to hold, each proof once.

A `jti` store that has just started, or was emptied, cannot know what was used before: it refuses proofs that were good
already then, for the quarter of a minute that clocks may differ by.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from broker.domain.errors import InvalidDpopProof
from broker.domain.handles import digest
from broker.domain.ports import EphemeralStore
from broker.protocol.endpoint import Call
from broker.wire.jose import BEHIND, CLOCKS_APART, Proof, TokenRefused, verify_proof

KEPT_SECONDS = BEHIND + CLOCKS_APART + 5
"""How long a `jti` is remembered: longer than its proof is good from its first possible use."""


@dataclass(frozen=True, slots=True)
class ProofDesk:
    """Reads the DPoP header of a request."""

    issuer: str
    store: EphemeralStore

    def jkt(self, call: Call, *, access_token: str = "") -> str:
        """Thumbprint of the key that the caller proved; empty when no proof was shown.

        Two headers arrive joined by a comma and are no proof (RFC 9449 §4.3 number 1). Raises `InvalidDpopProof`, and
        `EphemeralUnavailable` while nobody can tell a replay.
        """
        shown = call.request.headers.get("dpop")
        if shown is None:
            return ""
        url = self.issuer + call.request.path
        try:
            proof = verify_proof(shown, method=call.request.method, url=url, now=call.now, access_token=access_token)
        except TokenRefused as fault:
            raise InvalidDpopProof(str(fault)) from fault
        if not self._claim(proof):
            raise InvalidDpopProof("used before, or made before the store of proofs began")
        return proof.jkt

    def _claim(self, proof: Proof) -> bool:
        usable_since = datetime.fromtimestamp(proof.made_at, UTC) - timedelta(seconds=CLOCKS_APART)
        key = f"dpop:{digest(f'{proof.jkt}|{proof.jti}')}"
        return self.store.claim_once(key, ttl=KEPT_SECONDS, usable_since=usable_since)
