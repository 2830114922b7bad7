"""The registration endpoint: a client registers itself, then reads, changes or deletes what is kept of it.

RFC 7591, RFC 7592, OpenID Connect Dynamic Client Registration. Off unless the settings turn it on. The secret and the
registration access token are shown once; what rests is their digest.
"""

from __future__ import annotations

import hmac
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from broker.domain.audit import Action, AuditEvent
from broker.domain.errors import (
    InvalidClientMetadata,
    InvalidRedirectUri,
    InvalidToken,
    RegistrationsFull,
    UnauthorizedClient,
)
from broker.domain.handles import Handle, Id, digest, is_handle, new_handle, new_id
from broker.domain.ports import Current, Registrations, Services
from broker.domain.registrations import Registration, RegistrationTerms
from broker.domain.services import TokenAuthMethod
from broker.protocol.answers import NO_STORE
from broker.protocol.endpoint import Call
from broker.protocol.oidc.answers import bearer_refusal
from broker.protocol.oidc.client_auth import SECRET_METHODS
from broker.protocol.oidc.registration_checks import METADATA_CHECKS, Asked, Fetch, MetadataCheck
from broker.protocol.oidc.registration_metadata import OURS, granted, information
from broker.wire import oauth
from broker.wire.http import PlainResponse, json_response, parse_form

log = logging.getLogger(__name__)

PER_MINUTE = 30
"""Requests from one address: a client registers once, and a stranger who tries many learns nothing by it."""
_TOLD = (InvalidRedirectUri, InvalidClientMetadata)
"""Refusals whose cause is for the caller: it names the member, and nothing that a secret could be guessed from."""


@dataclass(frozen=True, slots=True)
class RegistrationDesk:
    """What registration works with. `initial_digest`: of the initial access token; empty: open to everybody.

    `changed` is called after each act, so that this process follows at once.
    """

    registrations: Registrations
    terms: RegistrationTerms
    fetch: Fetch
    initial_digest: str
    changed: Callable[[], object] = lambda: None


@dataclass(frozen=True, slots=True)
class RegistrationEndpoint:
    """The endpoint and what it works with."""

    issuer: str
    desk: RegistrationDesk
    services: Current[Services]
    checks: tuple[MetadataCheck, ...] = METADATA_CHECKS

    def post(self, call: Call) -> PlainResponse:
        """Register a client (RFC 7591 §3)."""
        return self._answer(call, self._add)

    def get(self, call: Call) -> PlainResponse:
        """Tell a client what is kept of it (RFC 7592 §2.1)."""
        return self._answer(call, self._read)

    def put(self, call: Call) -> PlainResponse:
        """Replace what is kept of a client by what it asks now (RFC 7592 §2.2)."""
        return self._answer(call, self._change)

    def delete(self, call: Call) -> PlainResponse:
        """Forget a client (RFC 7592 §2.3): its tokens are good for nothing from then on."""
        return self._answer(call, self._remove)

    def _answer(self, call: Call, act: Callable[[Call], PlainResponse]) -> PlainResponse:
        try:
            return act(call)
        except InvalidToken as refusal:
            return bearer_refusal(refusal, trace=call.trace, scheme=oauth.BEARER)
        except _TOLD as refusal:
            said = {oauth.ERROR: refusal.spec_error}
            said["error_description"] = f"{refusal.code} {call.trace}: {refusal.cause}"
            return json_response(refusal.status, said, headers=NO_STORE)

    def _add(self, call: Call) -> PlainResponse:
        shown = _bearer(call)
        if self.desk.initial_digest and not hmac.compare_digest(digest(shown), self.desk.initial_digest):
            raise InvalidToken("no initial access token, or another")
        told = self._granted(_metadata(call))
        secret, token = _secret_for(told), new_handle(Handle.REGISTRATION)
        registration = Registration(
            client_id=new_id(Id.CLIENT),
            tenant=self.desk.terms.tenant,
            secret_digest=digest(secret) if secret else "",
            token_digest=digest(token),
            metadata=told,
            registered_at=call.now,
            changed_at=call.now,
            expires_at=call.now + self.desk.terms.lasts,
        )
        event = _event(Action.CLIENT_REGISTERED, registration, call)
        if not self.desk.registrations.add(registration, most=self.desk.terms.most, audit=event):
            raise RegistrationsFull(f"{self.desk.terms.most} live")
        self._follow()
        return json_response(201, information(registration, self.issuer, secret=secret, token=token), headers=NO_STORE)

    def _read(self, call: Call) -> PlainResponse:
        registration = self._own(call)
        return json_response(200, information(registration, self.issuer, token=_bearer(call)), headers=NO_STORE)

    def _change(self, call: Call) -> PlainResponse:
        before = self._own(call)
        self._check_open(before)
        asked = _metadata(call)
        _check_same(asked, before)
        told = self._granted(asked)
        keeps = told["token_endpoint_auth_method"] in SECRET_METHODS and bool(before.secret_digest)
        secret = "" if keeps else _secret_for(told)
        after = replace(
            before,
            metadata=told,
            secret_digest=before.secret_digest if keeps else digest(secret) if secret else "",
            changed_at=call.now,
        )
        if not self.desk.registrations.change(after, audit=_event(Action.CLIENT_CHANGED, after, call)):
            raise InvalidToken("deleted meanwhile")
        self._follow()
        told_back = information(after, self.issuer, secret=secret, token=_bearer(call))
        return json_response(200, told_back, headers=NO_STORE)

    def _remove(self, call: Call) -> PlainResponse:
        registration = self._own(call)
        event = _event(Action.CLIENT_REMOVED, registration, call)
        self.desk.registrations.remove(registration.client_id, audit=event)
        self._follow()
        return PlainResponse(204, NO_STORE)

    def _follow(self) -> None:
        """Let this process follow at once. What is stored is done: a fault here is the log's, not the caller's."""
        try:
            self.desk.changed()
        except Exception:
            log.exception("registrations: stored, and not followed yet")

    def _own(self, call: Call) -> Registration:
        """The registration that the token in the header opens: the one that the address names, or nothing is told."""
        token, client_id = _bearer(call), parse_form(call.request.query).values.get(oauth.CLIENT_ID, "")
        if not is_handle(Handle.REGISTRATION, token) or not client_id:
            raise InvalidToken("no registration access token of ours")
        registration = self.desk.registrations.find(client_id, now=call.now)
        if registration is None or not hmac.compare_digest(digest(token), registration.token_digest):
            raise InvalidToken("unknown, expired or another client's")
        return registration

    def _check_open(self, registration: Registration) -> None:
        """What an administrator closed changes no more, so that what was looked at is what stands."""
        service = self.services.current().by_client(registration.client_id)
        if service is not None and service.is_suspended:
            raise UnauthorizedClient("the service is suspended")

    def _granted(self, values: Mapping[str, Any]) -> dict[str, object]:
        asked = Asked(values, self.desk.fetch)
        for check in self.checks:
            check(asked)
        return granted(asked)


def _metadata(call: Call) -> dict[str, Any]:
    """The JSON object of the body (RFC 7591 §3.1)."""
    if call.request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise InvalidClientMetadata("the body must be application/json")
    try:
        values = json.loads(call.request.body.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as fault:
        raise InvalidClientMetadata("the body must be a JSON object") from fault
    if not isinstance(values, dict):
        raise InvalidClientMetadata("the body must be a JSON object")
    return {name: value for name, value in values.items() if value is not None}  # null: as if it were not there


def _refuse_constant(name: str) -> None:
    """NaN and its like are no JSON (RFC 8259 §6), and no database would keep them."""
    raise ValueError(name)


def _check_same(asked: Mapping[str, Any], before: Registration) -> None:
    """It names itself, shows the secret it has where it shows one, and states nothing that is ours (RFC 7592 §2.2)."""
    if asked.get(oauth.CLIENT_ID) != before.client_id:
        raise InvalidClientMetadata("client_id must be the one that was given")
    if named := sorted(OURS & asked.keys()):
        raise InvalidClientMetadata(f"{named[0]} is not the client's to state")
    secret = asked.get(oauth.CLIENT_SECRET)
    if secret is not None and not (
        isinstance(secret, str) and secret.isascii() and hmac.compare_digest(digest(secret), before.secret_digest)
    ):
        raise InvalidClientMetadata("client_secret must be the one that was given")


def _secret_for(told: Mapping[str, Any]) -> str:
    method = TokenAuthMethod(told["token_endpoint_auth_method"])
    return new_handle(Handle.CLIENT_SECRET) if method in SECRET_METHODS else ""


def _bearer(call: Call) -> str:
    scheme, _, token = call.request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == oauth.BEARER.lower() else ""


def _event(action: Action, registration: Registration, call: Call) -> AuditEvent:
    return AuditEvent(
        tenant=registration.tenant,
        at=call.now,
        action=action,
        actor=registration.client_id,
        subject=registration.client_id,
        trace=call.trace,
    )
