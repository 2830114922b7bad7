"""What a live token is good for, and which clients may be told (RFC 7662 §2.2). Each kind has its own shape."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broker.domain.handles import Handle, digest, is_handle
from broker.domain.ports import Current, Grants, Services, ServiceTokens
from broker.domain.sessions import AccessToken, ServiceToken
from broker.protocol.oidc.provider import ProviderSettings
from broker.wire import oauth


@dataclass(frozen=True, slots=True)
class LiveToken:
    """A live token: what is said of it, and to whom."""

    readers: frozenset[str]
    claims: dict[str, object]


@dataclass(frozen=True, slots=True)
class TokenReader:
    """Finds a token by the shape of what is shown."""

    settings: ProviderSettings
    services: Current[Services]
    grants: Grants
    service_tokens: ServiceTokens

    def live(self, token: str, *, now: datetime) -> LiveToken | None:
        """The token while it is good; None for what is unknown, over, or was given to a client that is closed now."""
        if is_handle(Handle.ACCESS_TOKEN, token):
            found = self.grants.token(digest(token), now=now)
            return self._of_person(found) if found and self._is_open(found.grant.client_id) else None
        if is_handle(Handle.SERVICE_TOKEN, token):
            own = self.service_tokens.find(digest(token), now=now)
            return self._of_service(own) if own and self._is_open(own.client_id) else None
        return None

    def _is_open(self, client_id: str) -> bool:
        """A suspended service's tokens are good nowhere, also at another's API."""
        service = self.services.current().by_client(client_id)
        return service is not None and not service.is_suspended

    def _of_person(self, token: AccessToken) -> LiveToken:
        grant = token.grant
        told = self._told(grant.client_id, grant.scope, token.expires_at, jkt=grant.jkt)
        return LiveToken(frozenset({grant.client_id}), {**told, "sub": token.subject})

    def _of_service(self, token: ServiceToken) -> LiveToken:
        told = self._told(token.client_id, token.scope, token.expires_at, jkt=token.jkt)
        return LiveToken(frozenset({token.client_id}), {**told, "sub": token.client_id})

    def _told(self, client_id: str, scope: tuple[str, ...], expires_at: datetime, *, jkt: str) -> dict[str, object]:
        return {
            "active": True,
            "iss": self.settings.issuer,
            "client_id": client_id,
            "aud": client_id,
            "scope": " ".join(scope),
            "token_type": oauth.DPOP if jkt else oauth.BEARER,
            "exp": int(expires_at.timestamp()),
            **({"cnf": {"jkt": jkt}} if jkt else {}),  # RFC 9449 §6.2
        }
