"""What a live token is good for, and which clients are told (RFC 7662 §2.2). Each kind of token has its own shape.

Told are the client that holds the token and, of a token for an API, the client of that API: each by its own identifier
of the person. Everybody else is told what is said of a token that never was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from broker.domain.handles import Handle, digest, is_handle
from broker.domain.ports import ChildTokens, Current, Grants, Services, ServiceTokens
from broker.domain.sessions import AccessToken, ChildToken, ServiceToken
from broker.protocol.oidc.provider import ProviderSettings
from broker.protocol.oidc.signing import Signer
from broker.protocol.oidc.targets import find_target
from broker.wire import oauth
from broker.wire.jose import TokenRefused, verify_own_access_token

Said = Mapping[str, Mapping[str, object]]
"""What each client is told, by its `client_id`."""
NOTHING: Said = {}


@dataclass(frozen=True, slots=True)
class TokenReader:
    """Finds a token by the shape of what is shown."""

    settings: ProviderSettings
    services: Current[Services]
    grants: Grants
    service_tokens: ServiceTokens
    child_tokens: ChildTokens
    signer: Signer

    def said(self, token: str, *, now: datetime) -> Said:
        """What is said of a token while it is good; nothing of one that is unknown, over or a closed client's."""
        if is_handle(Handle.ACCESS_TOKEN, token):
            return self._of_person(digest(token), now=now)
        if is_handle(Handle.SERVICE_TOKEN, token):
            return self._of_service(digest(token), now=now)
        if is_handle(Handle.CHILD_TOKEN, token):
            return self._of_child(digest(token), now=now)
        return self._of_signed(token, now=now) if token.count(".") == 2 else NOTHING  # noqa: PLR2004 (a JWS)

    def _of_signed(self, token: str, *, now: datetime) -> Said:
        """A signed token by the row that its `jti` names: taken back is taken back."""
        try:
            claims = verify_own_access_token(token, self.signer.ring().verifying, issuer=self.settings.issuer)
        except TokenRefused:
            return NOTHING
        row = str(claims.get("jti", ""))
        of_service = claims["sub"] == claims.get("client_id")
        return self._of_service(row, now=now) if of_service else self._of_person(row, now=now)

    def _of_person(self, row: str, *, now: datetime) -> Said:
        token = self.grants.token(row, now=now)
        if token is None or not self._is_open(token.grant.client_id):
            return NOTHING
        grant = token.grant
        if grant.audience is None:
            return {grant.client_id: {**self._told(grant.client_id, token), "sub": token.subject}}
        told = self._told(grant.audience.uri, token)
        asker = self._asker(grant.audience.uri)
        return {asker: {**told, "sub": grant.audience.subject}, grant.client_id: {**told, "sub": token.subject}}

    def _of_service(self, row: str, *, now: datetime) -> Said:
        token = self.service_tokens.find(row, now=now)
        if token is None or not self._is_open(token.client_id):
            return NOTHING
        told = {**self._told(token.resource or token.client_id, token), "sub": token.client_id}
        return {token.client_id: told, **({self._asker(token.resource): told} if token.resource else {})}

    def _of_child(self, row: str, *, now: datetime) -> Said:
        """Who acts is always said (RFC 8693 §4.1): a guardian is never taken for the child."""
        token = self.child_tokens.find(row, now=now)
        if token is None or not self._is_open(token.client_id):
            return NOTHING
        told = self._told(token.client_id, token)
        return {token.client_id: {**told, "sub": token.child, "act": {"sub": token.guardian}}}

    def _is_open(self, client_id: str) -> bool:
        """A suspended service's tokens are good nowhere, also at another's API."""
        service = self.services.current().by_client(client_id)
        return service is not None and not service.is_suspended

    def _asker(self, uri: str) -> str:
        """The client of an API, as it is declared now; empty, and nobody, when it is declared no more."""
        target = find_target(self.services.current(), {oauth.RESOURCE: uri})
        return target.resource.client_id if target else ""

    def _told(self, audience: str, token: AccessToken | ServiceToken | ChildToken) -> dict[str, object]:
        holder = token.grant if isinstance(token, AccessToken) else token
        return {
            "active": True,
            "iss": self.settings.issuer,
            "client_id": holder.client_id,
            "aud": audience,
            "scope": " ".join(holder.scope),
            "token_type": oauth.DPOP if holder.jkt else oauth.BEARER,
            "exp": int(token.expires_at.timestamp()),
            **({"cnf": {"jkt": holder.jkt}} if holder.jkt else {}),  # RFC 9449 §6.2
        }
