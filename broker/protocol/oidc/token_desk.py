"""What a client may do with a token it holds: give it back (RFC 7009), or ask whether it is still good (RFC 7662).

Both ask first who the client is, and answer of its own tokens alone: of another's they say what they say of one that
never was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from broker.domain.acts import RevokeGrant
from broker.domain.audit import Action, AuditEvent
from broker.domain.errors import InvalidClient, InvalidRequest, ProtocolError
from broker.domain.handles import Handle, digest, is_handle
from broker.domain.ports import ChildTokens, Current, Grants, Services, ServiceTokens
from broker.domain.services import TokenAuthMethod
from broker.domain.sessions import Grant, Redeemable
from broker.protocol.answers import NO_STORE, private_json
from broker.protocol.endpoint import Call
from broker.protocol.oidc.answers import token_refusal
from broker.protocol.oidc.client_assertions import AssertionDesk
from broker.protocol.oidc.client_auth import CREDENTIALS_CHECKS, AuthenticatedClient, CredentialsCheck, authenticate
from broker.protocol.oidc.introspection import NamedRow, TokenReader
from broker.wire import oauth
from broker.wire.http import PlainResponse, parse_body

INACTIVE = {"active": False}
"""All that is said of a token that is unknown, over, or another client's (RFC 7662 §2.2)."""


@dataclass(frozen=True, slots=True)
class TokenDesk:
    """The two endpoints and what they work with."""

    services: Current[Services]
    grants: Grants
    service_tokens: ServiceTokens
    child_tokens: ChildTokens
    reader: TokenReader
    assertions: AssertionDesk
    credentials_checks: tuple[CredentialsCheck, ...] = CREDENTIALS_CHECKS

    def revoke(self, call: Call) -> PlainResponse:
        """Revoke the grant behind a token, with all its tokens; 200 also where there was nothing to revoke (§2.2)."""
        try:
            client, token = self._read(call)
        except ProtocolError as refusal:
            return token_refusal(refusal, trace=call.trace)
        self._revoke(client, token, call)
        return PlainResponse(200, NO_STORE)

    def introspect(self, call: Call) -> PlainResponse:
        """Say what a live access token of this client is good for. Refresh tokens are good here alone: inactive."""
        try:
            client, token = self._read(call)
            check_keeps_secret(client)
        except ProtocolError as refusal:
            return token_refusal(refusal, trace=call.trace)
        said = self.reader.said(token, now=call.now)
        return private_json(said.get(client.party.client_id, INACTIVE))

    def _read(self, call: Call) -> tuple[AuthenticatedClient, str]:
        form: Mapping[str, str] = parse_body(call.request)
        client = authenticate(call, form, self.services.current(), self.assertions, checks=self.credentials_checks)
        if not form.get(oauth.TOKEN):
            raise InvalidRequest("no token")
        return client, form[oauth.TOKEN]

    def _revoke(self, client: AuthenticatedClient, token: str, call: Call) -> None:
        """By the shape of the token: `token_type_hint` would only tell what the prefix tells (RFC 7009 §2.1).

        A signed one too, once its signature holds; an API that asks nobody believes it until its end all the same.
        """
        named = (Handle.REFRESH_TOKEN, digest(token)) if is_handle(Handle.REFRESH_TOKEN, token) else None
        named = named or self.reader.row(token)
        if named is not None:
            self._revoke_row(client, named, call)

    def _revoke_row(self, client: AuthenticatedClient, named: NamedRow, call: Call) -> None:
        client_id, (kind, row) = client.party.client_id, named
        if kind is Handle.SERVICE_TOKEN:
            own = self.service_tokens.find(row, now=call.now)
            if own is not None and own.client_id == client_id:
                self.service_tokens.revoke(row, _event(client, call))
            return
        if kind is Handle.CHILD_TOKEN:
            exchanged = self.child_tokens.find(row, now=call.now)
            if exchanged is not None and exchanged.client_id == client_id:
                self.child_tokens.revoke(row, _event(client, call))
            return
        grant = self._grant(kind, row, call)
        if grant is not None and grant.client_id == client_id:
            event = _event(client, call, subject=grant.grant_id)
            self.grants.revoke(RevokeGrant(grant.grant_id, Action.TOKEN_REVOKED.value, call.now, (event,)))

    def _grant(self, kind: Handle, row: str, call: Call) -> Grant | None:
        if kind is Handle.REFRESH_TOKEN:
            payload = self.grants.redeemable(Redeemable.REFRESH, row)
            return payload.grant if payload else None
        found = self.grants.token(row, now=call.now)
        return found.grant if found else None


def _event(client: AuthenticatedClient, call: Call, *, subject: str = "") -> AuditEvent:
    return AuditEvent(
        tenant=client.service.tenant,
        at=call.now,
        action=Action.TOKEN_REVOKED,
        actor=client.party.client_id,
        subject=subject,
        trace=call.trace,
    )


def check_keeps_secret(client: AuthenticatedClient) -> None:
    """A client that keeps no secret has proven nothing: anyone could try tokens in its name (RFC 7662 §4)."""
    if client.party.auth_method is TokenAuthMethod.NONE:
        raise InvalidClient("a public client does not introspect")
