"""Token exchange (RFC 8693): a service acts for one child in the place of a guardian who is signed in there.

It shows the guardian's access token and names the child by the identifier that it knows from the claim `children`. What
it gets is opaque, short, good for that child alone, and says so: `sub` is the child, `act` the guardian. It is a
delegation, never an impersonation, and lives only while the guardian may act: each question about it asks again.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass

from broker.domain.acts import ExchangeForChild
from broker.domain.audit import Action, AuditEvent
from broker.domain.errors import (
    AccessDenied,
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    InvalidTarget,
    ProtocolError,
    UnauthorizedClient,
)
from broker.domain.handles import Handle, digest, is_handle, new_handle
from broker.domain.people import Space
from broker.domain.ports import ChildTokens
from broker.domain.services import ClaimName, TokenAuthMethod
from broker.domain.sessions import ChildToken
from broker.federation.service_gate import ServiceGate
from broker.protocol.answers import private_json
from broker.protocol.oidc.provider import ProviderSettings
from broker.protocol.oidc.token_request import TokenRequest
from broker.services.release import release_facts
from broker.wire import oauth
from broker.wire.http import PlainResponse
from policies import Role

_SUBJECT = re.compile(r"[0-9a-f]{32}")

AskedCheck = Callable[[TokenRequest], None]


def check_keeps_secret(asked: TokenRequest) -> None:
    """A client that keeps no secret has proven nothing: whoever found a token could turn it into another."""
    if asked.client.party.auth_method is TokenAuthMethod.NONE:
        raise InvalidClient("a public client exchanges nothing")


def check_family(asked: TokenRequest) -> None:
    """Only a service for families knows guardians; in the space of staff a parent is a colleague."""
    if asked.client.service.space is not Space.FAMILY:
        raise UnauthorizedClient("not a service for families")


def check_token_type(asked: TokenRequest) -> None:
    """An access token is shown, and none but an access token is wanted (RFC 8693 §2.1, §3)."""
    if asked.form.get(oauth.SUBJECT_TOKEN_TYPE) != oauth.ACCESS_TOKEN_TYPE:
        raise InvalidRequest("subject_token_type is not an access token's")
    if asked.form.get(oauth.REQUESTED_TOKEN_TYPE, oauth.ACCESS_TOKEN_TYPE) != oauth.ACCESS_TOKEN_TYPE:
        raise InvalidRequest("no such token is given")


def check_no_actor(asked: TokenRequest) -> None:
    """Who acts is the guardian of the token that is shown: nobody else is named beside (RFC 8693 §2.1)."""
    if asked.form.get(oauth.ACTOR_TOKEN):
        raise InvalidRequest("actor_token is not taken")


def check_no_other_target(asked: TokenRequest) -> None:
    """The token is for the service itself: it knows the child, and no other learns its name for the child."""
    if asked.form.get(oauth.RESOURCE) or asked.form.get(oauth.AUDIENCE):
        raise InvalidTarget("an exchanged token is for the service itself")


def check_child_named(asked: TokenRequest) -> None:
    """One child is named, by an identifier of the shape that `children` has."""
    if not _SUBJECT.fullmatch(asked.form.get(oauth.REQUESTED_SUBJECT, "")):
        raise InvalidRequest("requested_subject names no child")


def check_token_shape(asked: TokenRequest) -> None:
    """The guardian's token is one of ours that a person stands behind: none is exchanged twice over."""
    if not is_handle(Handle.ACCESS_TOKEN, asked.form.get(oauth.SUBJECT_TOKEN, "")):
        raise InvalidRequest("subject_token is no access token of a person")


def check_child_scope(asked: TokenRequest) -> None:
    """Only what its descriptor lets it do for a child."""
    if not set(asked.form.get(oauth.SCOPE, "").split()) <= set(asked.client.party.child_scopes):
        raise InvalidScope("not what the service does for a child")


ASKED_CHECKS: tuple[AskedCheck, ...] = (
    check_keeps_secret,
    check_family,
    check_token_type,
    check_no_actor,
    check_no_other_target,
    check_child_named,
    check_token_shape,
    check_child_scope,
)
"""Of the request, before anything is looked up."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and the token that was stored for it: the guardian may act for the child, says the database."""

    asked: TokenRequest
    token: ChildToken
    gate: ServiceGate


ExchangeCheck = Callable[[Exchange], None]


def check_children_granted(exchange: Exchange) -> None:
    """The guardian's token covers children: who let a service know their name did not let it act for a child."""
    if ClaimName.CHILDREN.value not in exchange.token.claims:
        raise InvalidGrant("the guardian's token covers no child")


def check_key(exchange: Exchange) -> None:
    """A token bound to a key is exchanged with a proof of that key (RFC 9449 §5)."""
    bound = exchange.token.grant.jkt
    if bound and not hmac.compare_digest(bound, exchange.asked.jkt):
        raise InvalidGrant("bound to another key")


def check_release(exchange: Exchange) -> None:
    """Policies let the service know of children at all."""
    service = exchange.asked.client.service
    policies = exchange.gate.policies.current().of(service.tenant)
    if not policies.release(release_facts(service, Role.GUARDIAN, ClaimName.CHILDREN)).allowed:
        raise InvalidGrant("policies tell the service of no child")


def check_access(exchange: Exchange) -> None:
    """Policies open the service to the guardian through this very child: its school, level, class and dates."""
    asked, token, gate = exchange.asked, exchange.token, exchange.gate
    try:
        weighed = gate.weigh(
            asked.client.service, token.session, gate.policies.current(), now=asked.call.now, child=token.child_id
        )
    except AccessDenied as fault:
        raise InvalidGrant("the guardian is gone") from fault
    if not weighed.allowed:
        raise InvalidGrant("the service is not open to the guardian through this child")


EXCHANGE_CHECKS: tuple[ExchangeCheck, ...] = (check_children_granted, check_key, check_release, check_access)
"""Of what was stored, before anything of it leaves: what fails one is forgotten again."""


@dataclass(frozen=True, slots=True)
class TokenExchange:
    """The grant and what it works with."""

    settings: ProviderSettings
    tokens: ChildTokens
    gate: ServiceGate
    asked_checks: tuple[AskedCheck, ...] = ASKED_CHECKS
    checks: tuple[ExchangeCheck, ...] = EXCHANGE_CHECKS

    def issue(self, asked: TokenRequest) -> PlainResponse:
        """Exchange, judge, hand out. Whatever does not hold of token or child is refused in the same words."""
        for check in self.asked_checks:
            check(asked)
        handle = new_handle(Handle.CHILD_TOKEN)
        token = self.tokens.exchange(self._act(asked, handle))
        if token is None:
            raise InvalidGrant("no live token of a guardian who may act for this child")
        try:
            for rule in self.checks:
                rule(Exchange(asked, token, self.gate))
        except ProtocolError:
            refused = _event(Action.CHILD_TOKEN_REFUSED, asked, actor=token.grant.person_id, subject=token.child_id)
            self.tokens.revoke(digest(handle), refused)
            raise
        return private_json(
            {
                "access_token": handle,
                "issued_token_type": oauth.ACCESS_TOKEN_TYPE,
                "token_type": oauth.DPOP if asked.jkt else oauth.BEARER,
                "expires_in": int(self.settings.access_token.total_seconds()),
                "scope": " ".join(token.scope),
            }
        )

    def _act(self, asked: TokenRequest, handle: str) -> ExchangeForChild:
        now, client = asked.call.now, asked.client
        return ExchangeForChild(
            digest=digest(handle),
            guardian_token=digest(asked.form[oauth.SUBJECT_TOKEN]),
            child=asked.form[oauth.REQUESTED_SUBJECT],
            sector=client.service.sector,
            holders=tuple(party.client_id for party in client.service.parties),
            client_id=client.party.client_id,
            scope=tuple(dict.fromkeys(asked.form.get(oauth.SCOPE, "").split())) or client.party.child_scopes,
            expires_at=now + self.settings.access_token,
            now=now,
            audit=_event(Action.CHILD_TOKEN_ISSUED, asked),
            jkt=asked.jkt,
        )


def _event(action: Action, asked: TokenRequest, *, actor: str = "", subject: str = "") -> AuditEvent:
    return AuditEvent(
        tenant=asked.client.service.tenant,
        at=asked.call.now,
        action=action,
        actor=actor,
        subject=subject,
        trace=asked.call.trace,
        detail={"client": asked.client.party.client_id},
    )
