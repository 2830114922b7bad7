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
from broker.domain.sessions import AccessToken, ChildToken, Grant, ServiceToken
from broker.protocol.oidc.provider import ProviderSettings
from broker.protocol.oidc.signing import Signer
from broker.protocol.oidc.targets import find_target, taken
from broker.wire import oauth
from broker.wire.jose import TokenRefused, verify_own_access_token

Said = Mapping[str, Mapping[str, object]]
"""What each client is told, by its `client_id`."""
NOTHING: Said = {}
KINDS = (Handle.ACCESS_TOKEN, Handle.SERVICE_TOKEN, Handle.CHILD_TOKEN)
"""Kinds of access tokens, each with rows of its own."""
NamedRow = tuple[Handle, str]
"""The kind of a token, and the digest that its row is found by."""


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
        named = self.row(token)
        if named is None:
            return NOTHING
        kind, row = named
        if kind is Handle.SERVICE_TOKEN:
            return self._of_service(row, now=now)
        return self._of_child(row, now=now) if kind is Handle.CHILD_TOKEN else self._of_person(row, now=now)

    def row(self, token: str) -> NamedRow | None:
        """The row that an access token names, opaque or signed; None when it is none of ours."""
        kind = next((kind for kind in KINDS if is_handle(kind, token)), None)
        if kind is not None:
            return kind, digest(token)
        return self._row_of_signed(token) if token.count(".") == 2 else None  # noqa: PLR2004 (a JWS)

    def _row_of_signed(self, token: str) -> NamedRow | None:
        """A signed token leads to its row by `jti`: so it is taken back, and taken back is taken back."""
        try:
            claims = verify_own_access_token(token, self.signer.ring().verifying_access, issuer=self.settings.issuer)
        except TokenRefused:
            return None
        of_service = claims["sub"] == claims.get("client_id")
        return Handle.SERVICE_TOKEN if of_service else Handle.ACCESS_TOKEN, str(claims.get("jti", ""))

    def _of_person(self, row: str, *, now: datetime) -> Said:
        token = self.grants.token(row, now=now)
        if token is None or not self._is_open(token.grant.client_id):
            return NOTHING
        grant = token.grant
        if grant.audience is None:
            return {grant.client_id: {**self._told(grant.client_id, token, grant.scope), "sub": token.subject}}
        api = self._at_api(grant.audience.uri, grant)
        if api is None:
            return NOTHING
        asker, scope = api
        told = self._told(grant.audience.uri, token, scope)
        return {asker: {**told, "sub": grant.audience.subject}, grant.client_id: {**told, "sub": token.subject}}

    def _of_service(self, row: str, *, now: datetime) -> Said:
        token = self.service_tokens.find(row, now=now)
        if token is None or not self._is_open(token.client_id):
            return NOTHING
        api = self._at_api(token.resource, token) if token.resource else (token.client_id, token.scope)
        if api is None:
            return NOTHING
        asker, scope = api
        told = {**self._told(token.resource or token.client_id, token, scope), "sub": token.client_id}
        return {token.client_id: told, asker: told}

    def _of_child(self, row: str, *, now: datetime) -> Said:
        """Who acts is always said (RFC 8693 §4.1): a guardian is never taken for the child."""
        token = self.child_tokens.find(row, now=now)
        if token is None or not self._is_open(token.client_id):
            return NOTHING
        told = self._told(token.client_id, token, token.scope)
        return {token.client_id: {**told, "sub": token.child, "act": {"sub": token.guardian}}}

    def _is_open(self, client_id: str) -> bool:
        """A suspended service's tokens are good nowhere, also at another's API."""
        service = self.services.current().by_client(client_id)
        return service is not None and not service.is_suspended

    def _at_api(self, uri: str, holder: Grant | ServiceToken) -> tuple[str, tuple[str, ...]] | None:
        """Who asks for an API, and what it takes of a token, as its descriptor is now; None when it takes nothing."""
        target = find_target(self.services.current(), {oauth.RESOURCE: uri})
        if target is None or target.service.is_suspended or holder.client_id not in target.resource.clients:
            return None
        scope = taken(holder.scope, target)
        return (target.resource.client_id, scope) if scope else None

    def _told(
        self, audience: str, token: AccessToken | ServiceToken | ChildToken, scope: tuple[str, ...]
    ) -> dict[str, object]:
        holder = token.grant if isinstance(token, AccessToken) else token
        return {
            "active": True,
            "iss": self.settings.issuer,
            "client_id": holder.client_id,
            "aud": audience,
            "scope": " ".join(scope),
            "token_type": oauth.DPOP if holder.jkt else oauth.BEARER,
            "exp": int(token.expires_at.timestamp()),
            **({"cnf": {"jkt": holder.jkt}} if holder.jkt else {}),  # RFC 9449 §6.2
        }
