"""The token endpoint (OIDC Core §3.1.3, §12): a proven client redeems a code, or the refresh token that followed, once.

One act (claim what is redeemed, store the tokens it yields), then the checks, then the answer: what fails a check has
spent its code, and its tokens, which nobody saw, are revoked. So the redemption of a code costs one statement, and no
check can be raced. The ID token is signed last: what was not claimed is never issued.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from broker.domain.acts import Redeem, RevokeGrant
from broker.domain.audit import Action, AuditEvent
from broker.domain.errors import (
    AccessDenied,
    DeviceCodeExpired,
    InvalidDpopProof,
    InvalidGrant,
    ProtocolError,
    UnsupportedGrantType,
)
from broker.domain.handles import Handle, digest, is_handle, new_handle
from broker.domain.keys import KeyPurpose
from broker.domain.portraits import Portrait
from broker.domain.ports import Current, DeviceRequests, Grants, Ledger, Portraits, Services
from broker.domain.released import release_of
from broker.domain.sessions import CodePayload, Device, Redeemable, Session
from broker.federation.service_gate import ServiceGate
from broker.protocol.answers import private_json
from broker.protocol.endpoint import Call
from broker.protocol.oidc.access_token import ALG, is_signed, issue_for_person
from broker.protocol.oidc.answers import token_refusal
from broker.protocol.oidc.client_assertions import AssertionDesk
from broker.protocol.oidc.client_auth import CREDENTIALS_CHECKS, AuthenticatedClient, CredentialsCheck, authenticate
from broker.protocol.oidc.device import refusal_of
from broker.protocol.oidc.envelopes import Envelopes
from broker.protocol.oidc.id_token import issue_id_token
from broker.protocol.oidc.proofs import ProofDesk
from broker.protocol.oidc.provider import ProviderSettings
from broker.protocol.oidc.signing import Signer
from broker.protocol.oidc.targets import Target, find_target, taken
from broker.protocol.oidc.token_checks import WAYS, Redemption, Reused, Way
from broker.protocol.oidc.token_request import Grantor, TokenRequest, check_grant_type
from broker.wire import oauth
from broker.wire.http import PlainResponse, parse_body


@dataclass(frozen=True, slots=True)
class Tokens:
    """What is handed out: drawn before the claim, good only after it."""

    access: str = field(default_factory=lambda: new_handle(Handle.ACCESS_TOKEN))
    refresh: str = field(default_factory=lambda: new_handle(Handle.REFRESH_TOKEN))


@dataclass(frozen=True, slots=True)
class Asked(TokenRequest):
    """A token request that redeems something: by which way."""

    way: Way

    def check(self, payload: CodePayload, target: Target | None) -> None:
        """Run the checks of the way on what was claimed."""
        for check in self.way.checks:
            check(Redemption(self.client, self.form, payload, self.call.now, self.jkt, target))


@dataclass(frozen=True, slots=True)
class Token:
    """The endpoint and what it works with."""

    settings: ProviderSettings
    services: Current[Services]
    grants: Grants
    ledger: Ledger
    signer: Signer
    assertions: AssertionDesk
    proofs: ProofDesk
    gate: ServiceGate
    portraits: Portraits
    devices: DeviceRequests
    envelopes: Envelopes
    credentials_checks: tuple[CredentialsCheck, ...] = CREDENTIALS_CHECKS
    ways: Mapping[str, Way] = field(default_factory=lambda: WAYS)
    grantors: Mapping[str, Grantor] = field(default_factory=dict)
    """Grants that redeem nothing, by grant type."""

    def post(self, call: Call) -> PlainResponse:
        """Answer a token request."""
        try:
            form = parse_body(call.request)
            client = authenticate(call, form, self.services.current(), self.assertions, checks=self.credentials_checks)
            answer = self._answer_to(form.get(oauth.GRANT_TYPE, ""))
            check_grant_type(client, form)
            return answer(TokenRequest(call, client, form, self._key(call, client)))
        except ProtocolError as refusal:
            return token_refusal(refusal, trace=call.trace)

    def _answer_to(self, grant_type: str) -> Grantor:
        way = self.ways.get(grant_type)
        if way is not None:
            return lambda asked: self._redeem(Asked(asked.call, asked.client, asked.form, asked.jkt, way))
        if grant_type not in self.grantors:
            raise UnsupportedGrantType("no grant of ours")
        return self.grantors[grant_type]

    def _key(self, call: Call, client: AuthenticatedClient) -> str:
        """The key that the tokens will be bound to: proven before anything is spent (RFC 9449 §5)."""
        jkt = self.proofs.jkt(call)
        if client.party.dpop and not jkt:
            raise InvalidDpopProof("this client's tokens are bound to a key")
        return jkt

    def _redeem(self, asked: Asked) -> PlainResponse:
        shown = asked.form.get(asked.way.parameter, "")
        if not is_handle(asked.way.handle, shown):
            raise InvalidGrant("absent, or not of ours")
        tokens = Tokens()
        claimed = self._claim(asked, self._act(asked, tokens, shown=digest(shown)))
        if claimed is None:
            self._refuse(asked, shown=digest(shown))
            raise InvalidGrant("its grant or session is over")
        payload, portrait = claimed
        try:
            asked.check(payload, self._target(payload))
            if portrait is not None:
                self._check_access(asked, payload, portrait)
        except ProtocolError:
            self._revoke(asked, payload, asked.way.refused)
            raise
        return self._issue(asked, payload, tokens)

    def _claim(self, asked: Asked, act: Redeem) -> tuple[CodePayload, Portrait | None] | None:
        """What was claimed, and its person; not of a code of a moment ago: they were weighed when it was issued."""
        if asked.way.kind is Redeemable.CODE:
            payload = self.grants.redeem(act)
            return (payload, None) if payload else None
        renewal = self.portraits.renew(act)
        return (renewal.payload, renewal.portrait) if renewal else None

    def _target(self, payload: CodePayload) -> Target | None:
        """The API of the grant, as it is declared now."""
        audience = payload.grant.audience
        return find_target(self.services.current(), {oauth.RESOURCE: audience.uri}) if audience else None

    def _check_access(self, asked: Asked, payload: CodePayload, portrait: Portrait) -> None:
        """The person may still use the service: a month after the code, its rules or theirs may be others.

        So may they be, by minutes, once a screen asks for what somebody let it have.
        """
        now = asked.call.now
        session = Session(
            payload.grant.sid, "", payload.grant.person_id, "", payload.authn, Device.OWN, payload.authn.auth_time,
            now, now,
        )  # fmt: skip
        try:
            target = self._target(payload)
            doors = {asked.client.service.service_id: asked.client.service}
            doors |= {target.service.service_id: target.service} if target else {}
            book, weigh = self.gate.policies.current(), self.gate.weigh_portrait
            allowed = all(weigh(door, session, portrait, book, now=now).allowed for door in doors.values())
        except AccessDenied:
            allowed = False
        if not allowed:
            raise InvalidGrant("the person may no longer use the service")

    def _act(self, asked: Asked, tokens: Tokens, *, shown: str) -> Redeem:
        now = asked.call.now
        return Redeem(
            kind=asked.way.kind,
            digest=shown,
            client_id=asked.client.party.client_id,
            access_digest=digest(tokens.access),
            access_until=now + self.settings.access_token,
            refresh_digest=digest(tokens.refresh),
            now=now,
            audit=(_event(asked.way.redeemed, asked),),
            jkt=asked.jkt,
        )

    def _refuse(self, asked: Asked, *, shown: str) -> None:
        """Tell why nothing was claimed; all that came of what was redeemed before is revoked (RFC 9700 §4.14)."""
        payload = self.grants.redeemable(asked.way.kind, shown)
        if payload is None and asked.way.kind is Redeemable.DEVICE:
            raise refusal_of(self.devices.poll(shown, asked.client.party.client_id, now=asked.call.now))
        if payload is None:
            raise InvalidGrant("unknown")
        try:
            asked.check(payload, self._target(payload))
        except Reused:
            self._revoke(asked, payload, asked.way.reused)
            raise InvalidGrant("used twice: its tokens are revoked") from None
        if asked.way.kind is Redeemable.DEVICE:
            raise DeviceCodeExpired("the session of who said yes is over")

    def _revoke(self, asked: Asked, payload: CodePayload, why: Action) -> None:
        event = _event(why, asked, grant_id=payload.grant.grant_id)
        self.grants.revoke(RevokeGrant(payload.grant.grant_id, why.value, asked.call.now, (event,)))

    def _issue(self, asked: Asked, payload: CodePayload, tokens: Tokens) -> PlainResponse:
        now, client = asked.call.now, asked.client
        released = release_of(payload.grant.person_id, client.service.service_id, claims=frozenset(), at=now)
        self.ledger.note(released)  # before the token is signed: what cannot be written down is not told
        told = payload if asked.way.kind is Redeemable.CODE else replace(payload, nonce="")  # OIDC Core §12.2
        ring, target = self.signer.ring(), self._target(payload)
        scope = taken(payload.grant.scope, target)
        access = tokens.access
        if target and is_signed(target.resource):
            key = ring.key(ALG, KeyPurpose.ACCESS_TOKEN)
            access = issue_for_person(
                payload, self.settings, key, scope=scope, handle=tokens.access, jkt=asked.jkt, now=now
            )
        key = ring.key(client.party.signing_alg)
        id_token = issue_id_token(told, self.settings, key, access_token=access, now=now)
        renewed = {oauth.REFRESH_TOKEN: tokens.refresh} if payload.offline else {}
        return private_json(
            {
                "access_token": access,
                "token_type": oauth.DPOP if asked.jkt else oauth.BEARER,
                "expires_in": int(self.settings.access_token.total_seconds()),
                **renewed,
                "scope": " ".join(scope),
                "id_token": self.envelopes.id_token(id_token, client.party),
            }
        )


def _event(action: Action, asked: Asked, *, grant_id: str = "") -> AuditEvent:
    return AuditEvent(
        tenant=asked.client.service.tenant,
        at=asked.call.now,
        action=action,
        actor=asked.client.party.client_id,
        subject=grant_id,
        trace=asked.call.trace,
    )
