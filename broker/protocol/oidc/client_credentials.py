"""Tokens that a client asks for in its own name (RFC 6749 §4.4): machine to machine, for APIs of staff and vendors.

There is no person behind such a token: no subject of anybody, no claim, no refresh token; userinfo does not know it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from broker.domain.acts import IssueServiceToken
from broker.domain.audit import Action, AuditEvent
from broker.domain.errors import InvalidClient, InvalidScope
from broker.domain.handles import Handle, digest, new_handle
from broker.domain.keys import KeyPurpose
from broker.domain.ports import Current, Services, ServiceTokens
from broker.domain.services import TokenAuthMethod
from broker.domain.sessions import ServiceToken
from broker.protocol.answers import private_json
from broker.protocol.oidc.access_token import ALG, is_signed, issue_for_service
from broker.protocol.oidc.provider import ProviderSettings
from broker.protocol.oidc.signing import Signer
from broker.protocol.oidc.targets import Target, check_target, find_target, taken
from broker.protocol.oidc.token_request import TokenRequest
from broker.wire import oauth
from broker.wire.http import PlainResponse

ServiceCheck = Callable[[TokenRequest], None]


def check_keeps_secret(asked: TokenRequest) -> None:
    """A client that keeps no secret has proven nothing, and there is no code that would bind it (RFC 6749 §4.4)."""
    if asked.client.party.auth_method is TokenAuthMethod.NONE:
        raise InvalidClient("a public client has no name of its own")


def check_service_scope(asked: TokenRequest) -> None:
    """Only what its descriptor lets it do in its own name: no scope that tells of a person is among that."""
    if not set(asked.form.get(oauth.SCOPE, "").split()) <= set(asked.client.party.service_scopes):
        raise InvalidScope("not a scope of the service itself")


def scope_for(asked: TokenRequest, target: Target | None) -> tuple[str, ...]:
    """What the client asks, or all it may do when it named nothing (RFC 6749 §3.3), as far as the API takes it.

    Its own descriptor says what it may do, and that is another's hand than the API's: what is named beyond what the API
    takes is refused, so that nobody believes to hold it. Raises `InvalidScope`.
    """
    named = tuple(dict.fromkeys(asked.form.get(oauth.SCOPE, "").split()))
    scope = taken(named or asked.client.party.service_scopes, target)
    if not scope or (named and scope != named):
        raise InvalidScope("not a scope that the API takes")
    return scope


SERVICE_CHECKS: tuple[ServiceCheck, ...] = (check_keeps_secret, check_service_scope)


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """The grant and what it works with."""

    settings: ProviderSettings
    services: Current[Services]
    signer: Signer
    tokens: ServiceTokens
    checks: tuple[ServiceCheck, ...] = SERVICE_CHECKS

    def issue(self, asked: TokenRequest) -> PlainResponse:
        """Store a token and hand it out."""
        for check in self.checks:
            check(asked)
        handle, now, party = new_handle(Handle.SERVICE_TOKEN), asked.call.now, asked.client.party
        target = find_target(self.services.current(), asked.form)
        check_target(asked.form, target, asked.client)
        scope = scope_for(asked, target)
        token = ServiceToken(
            party.client_id, scope, now + self.settings.access_token, jkt=asked.jkt,
            resource=target.resource.uri if target else "",
        )  # fmt: skip
        self.tokens.issue(IssueServiceToken(digest(handle), token, now, _event(asked, scope)))
        return private_json(
            {
                "access_token": self._written(token, target, handle, now=now),
                "token_type": oauth.DPOP if asked.jkt else oauth.BEARER,
                "expires_in": int(self.settings.access_token.total_seconds()),
                "scope": " ".join(scope),
            }
        )

    def _written(self, token: ServiceToken, target: Target | None, handle: str, *, now: datetime) -> str:
        if target is None or not is_signed(target.resource):
            return handle
        key = self.signer.ring().key(ALG, KeyPurpose.ACCESS_TOKEN)
        return issue_for_service(token, self.settings, key, handle=handle, now=now)


def _event(asked: TokenRequest, scope: tuple[str, ...]) -> AuditEvent:
    return AuditEvent(
        tenant=asked.client.service.tenant,
        at=asked.call.now,
        action=Action.SERVICE_TOKEN_ISSUED,
        actor=asked.client.party.client_id,
        trace=asked.call.trace,
        detail={"scope": " ".join(scope)},
    )
