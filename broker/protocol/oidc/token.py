"""The token endpoint (OIDC Core §3.1.3): a proven client redeems a code, once.

One read (what the code stands for), the checks, one act (claim the code and store the access token). The ID token is
signed after the claim: what was not claimed is never issued.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from broker.domain.acts import RedeemCode, RevokeGrant
from broker.domain.audit import Action, AuditEvent
from broker.domain.errors import InvalidGrant, ProtocolError
from broker.domain.handles import Handle, digest, is_handle, new_handle
from broker.domain.ports import Current, Grants, Ledger, Services
from broker.domain.released import release_of
from broker.domain.sessions import AccessToken, CodePayload
from broker.protocol.answers import private_json
from broker.protocol.endpoint import Call
from broker.protocol.oidc.answers import token_refusal
from broker.protocol.oidc.client_auth import CREDENTIALS_CHECKS, AuthenticatedClient, CredentialsCheck, authenticate
from broker.protocol.oidc.id_token import issue_id_token
from broker.protocol.oidc.provider import ProviderSettings
from broker.protocol.oidc.signing import Signer
from broker.protocol.oidc.token_checks import (
    REDEMPTION_CHECKS,
    CodeReused,
    Redemption,
    RedemptionCheck,
    check_grant_type,
)
from broker.wire import oauth
from broker.wire.http import PlainResponse, parse_body

REUSED = "code_reused"


@dataclass(frozen=True, slots=True)
class Token:
    """The endpoint and what it works with."""

    settings: ProviderSettings
    services: Current[Services]
    grants: Grants
    ledger: Ledger
    signer: Signer
    credentials_checks: tuple[CredentialsCheck, ...] = CREDENTIALS_CHECKS
    redemption_checks: tuple[RedemptionCheck, ...] = REDEMPTION_CHECKS

    def post(self, call: Call) -> PlainResponse:
        """Answer a token request."""
        try:
            form = parse_body(call.request)
            client = authenticate(call.request, form, self.services.current(), checks=self.credentials_checks)
            check_grant_type(form)
            return self._redeem(call, client, form)
        except ProtocolError as refusal:
            return token_refusal(refusal, trace=call.trace)

    def _redeem(self, call: Call, client: AuthenticatedClient, form: Mapping[str, str]) -> PlainResponse:
        code = form.get(oauth.CODE, "")
        payload = self.grants.code(digest(code)) if is_handle(Handle.CODE, code) else None
        if payload is None:
            raise InvalidGrant("unknown code")
        try:
            for check in self.redemption_checks:
                check(Redemption(client, form, payload, call.now))
            access_token = self._claim(call, client, payload, code=code)
        except CodeReused:
            self._revoke(call, client, payload)
            raise InvalidGrant("code used twice: its tokens are revoked") from None
        return self._issue(client, payload, access_token=access_token, now=call.now)

    def _claim(self, call: Call, client: AuthenticatedClient, payload: CodePayload, *, code: str) -> str:
        access_token = new_handle(Handle.ACCESS_TOKEN)
        token = AccessToken(payload.grant, payload.subject, payload.claims, call.now + self.settings.access_token)
        event = _event(Action.CODE_REDEEMED, call, client, payload)
        act = RedeemCode(digest(code), digest(access_token), token, call.now, (event,))
        if not self.grants.redeem_code(act):
            raise CodeReused  # somebody else was faster between our read and our claim
        return access_token

    def _revoke(self, call: Call, client: AuthenticatedClient, payload: CodePayload) -> None:
        event = _event(Action.CODE_REUSED, call, client, payload)
        self.grants.revoke(RevokeGrant(payload.grant.grant_id, REUSED, call.now, (event,)))

    def _issue(
        self, client: AuthenticatedClient, payload: CodePayload, *, access_token: str, now: datetime
    ) -> PlainResponse:
        told = release_of(payload.grant.person_id, client.service.service_id, claims=frozenset(), at=now)
        self.ledger.note(told)  # before the token is signed: what cannot be written down is not told
        key = self.signer.ring().key(client.party.signing_alg)
        return private_json(
            {
                "access_token": access_token,
                "token_type": oauth.BEARER,
                "expires_in": int(self.settings.access_token.total_seconds()),
                "scope": " ".join(payload.grant.scope),
                "id_token": issue_id_token(payload, self.settings, key, access_token=access_token, now=now),
            }
        )


def _event(action: Action, call: Call, client: AuthenticatedClient, payload: CodePayload) -> AuditEvent:
    return AuditEvent(
        tenant=client.service.tenant,
        at=call.now,
        action=action,
        actor=client.party.client_id,
        subject=payload.grant.grant_id,
        trace=call.trace,
    )
