"""What a client registered of how it is told: ID tokens encrypted to it, userinfo signed, encrypted or both.

Keys of clients are imported once for each text of a JWK set, never once a request.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from broker.domain.services import Encryption, RelyingParty
from broker.protocol.answers import NO_STORE, private_json
from broker.protocol.oidc.provider import ProviderSettings
from broker.protocol.oidc.signing import Signer
from broker.wire.http import PlainResponse
from broker.wire.jose import EncryptionKey, encrypt, sign

USERINFO_TYP = "userinfo+jwt"
"""A type of its own: signed by us, for this client, with a subject, it would pass for an ID token (RFC 8725 §3.11)."""


@dataclass(frozen=True, slots=True)
class Envelopes:
    """The wrapping of answers. `keys` finds a client's encryption key in its JWK set, by algorithm."""

    settings: ProviderSettings
    signer: Signer
    keys: Callable[[str, str], EncryptionKey]

    def id_token(self, token: str, party: RelyingParty) -> str:
        """A signed ID token as this client takes it (OIDC Core §10.2: signed, then encrypted)."""
        wanted = party.id_token_encryption
        return self._sealed(token, party, wanted, nested=True) if wanted else token

    def userinfo(self, claims: Mapping[str, object], party: RelyingParty) -> PlainResponse:
        """The claims as this client takes them: JSON, or a JWT that says for whom it is (OIDC Core §5.3.2)."""
        signed, wanted = party.userinfo_alg, party.userinfo_encryption
        if not (signed or wanted):
            return private_json(claims)
        told = {**claims, "iss": self.settings.issuer, "aud": party.client_id}
        content = sign(told, self.signer.ring().key(signed), typ=USERINFO_TYP) if signed else _written(told)
        body = self._sealed(content, party, wanted, nested=bool(signed)) if wanted else content
        return PlainResponse(200, (("Content-Type", "application/jwt"), *NO_STORE), body.encode())

    def _sealed(self, content: str, party: RelyingParty, wanted: Encryption, *, nested: bool) -> str:
        return encrypt(content, self.keys(party.jwks, wanted.alg), enc=wanted.enc, nested=nested)


def _written(claims: Mapping[str, object]) -> str:
    return json.dumps(claims, separators=(",", ":"), ensure_ascii=False)
