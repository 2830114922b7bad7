"""Pushed authorization requests (RFC 9126): a proven client leaves its request here, the browser brings its handle.

What was pushed passed every check of the authorization endpoint, and passes them again there. Until it is answered the
handle may be used again (a page reloaded, two windows); its answer is claimed in SQL together with the code. When all
that waits of it ends was fixed when it was pushed, however often another login is begun: so long is the claim kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from broker.domain.acts import PushedRequest
from broker.domain.errors import (
    EphemeralUnavailable,
    InvalidDpopProof,
    InvalidRequest,
    InvalidRequestUri,
    ProtocolError,
)
from broker.domain.handles import Handle, digest, is_handle, new_handle
from broker.domain.ports import Current, EphemeralStore, Services
from broker.protocol.answers import NO_STORE
from broker.protocol.endpoint import Call
from broker.protocol.oidc.answers import token_refusal
from broker.protocol.oidc.authorize_checks import AUTHORIZE_CHECKS, TARGET_CHECKS, AuthorizeCheck
from broker.protocol.oidc.client_assertions import AssertionDesk
from broker.protocol.oidc.client_auth import CREDENTIALS_CHECKS, CredentialsCheck, authenticate
from broker.protocol.oidc.pending import Waiting
from broker.protocol.oidc.proofs import ProofDesk
from broker.protocol.oidc.requests import Submission
from broker.protocol.oidc.targets import find_target
from broker.wire import oauth
from broker.wire.http import Form, PlainResponse, json_response, parse_body

_CREDENTIALS = frozenset({oauth.CLIENT_SECRET, oauth.CLIENT_ASSERTION, oauth.CLIENT_ASSERTION_TYPE})


@dataclass(frozen=True, slots=True)
class PushedRequests:
    """Pushed requests over the ephemeral store: losing it costs a client one more push, and gives nothing back.

    `life`: how long a handle may be brought; `waits`: how long a login may take that was begun with it.
    """

    store: EphemeralStore
    life: Callable[[], timedelta]
    waits: Callable[[], timedelta]

    def keep(self, handle: str, values: Mapping[str, str], *, now: datetime) -> int:
        """Keep a request under a handle that was drawn for it; returns for how many seconds.

        Raises `EphemeralUnavailable` when the store kept nothing: a handle that leads nowhere would be found out by a
        person at a browser.
        """
        seconds, key = int(self.life().total_seconds()), _key(digest(handle))
        until = now + self.life() + self.waits()
        self.store.put(key, json.dumps({"values": dict(values), "until": until.isoformat()}).encode(), ttl=seconds)
        if self.store.get(key) is None:
            raise EphemeralUnavailable("a pushed request was not kept")
        return seconds

    def asked(self, form: Form) -> Waiting:
        """What was asked: the pushed request that the form names, and then nothing else of the form; else the form.

        Raises `InvalidRequestUri` for a handle that is unknown, over, answered, or another client's (RFC 9126 §2.2).
        """
        uri = form.values.get(oauth.REQUEST_URI, "")
        if not uri.startswith(oauth.PUSHED_URN):
            return Waiting(form, None)
        handle = uri.removeprefix(oauth.PUSHED_URN)
        found = self.store.get(_key(digest(handle))) if is_handle(Handle.PUSHED, handle) else None
        if found is None:
            raise InvalidRequestUri("unknown, over or answered")
        record = json.loads(found)
        values = record["values"]
        if values[oauth.CLIENT_ID] != form.values.get(oauth.CLIENT_ID):
            raise InvalidRequestUri("pushed by another client")
        pushed = PushedRequest(digest(handle), datetime.fromisoformat(record["until"]))
        return Waiting(Form(values), None, pushed=pushed)

    def forget(self, pushed: PushedRequest) -> None:
        """Forget a request that was answered; SQL holds that it was, should the store not hear this."""
        self.store.drop([_key(pushed.digest)])


def check_no_reference(submission: Submission) -> None:
    """A pushed request stands for no other (RFC 9126 §2.1)."""
    if submission.get(oauth.REQUEST_URI):
        raise InvalidRequest("request_uri in a pushed request")


PUSH_CHECKS: tuple[AuthorizeCheck, ...] = (check_no_reference, *TARGET_CHECKS, *AUTHORIZE_CHECKS)


@dataclass(frozen=True, slots=True)
class Push:
    """The endpoint and what it works with."""

    services: Current[Services]
    assertions: AssertionDesk
    proofs: ProofDesk
    pushed: PushedRequests
    credentials_checks: tuple[CredentialsCheck, ...] = CREDENTIALS_CHECKS
    checks: tuple[AuthorizeCheck, ...] = PUSH_CHECKS

    def post(self, call: Call) -> PlainResponse:
        """Take a request of a client that is authenticated as at the token endpoint (RFC 9126 §2)."""
        try:
            form = parse_body(call.request)
            client = authenticate(call, form, self.services.current(), self.assertions, checks=self.credentials_checks)
            handle = new_handle(Handle.PUSHED)
            values = _bound(form, client.party.client_id, jkt=self.proofs.jkt(call))
            target = find_target(self.services.current(), values)
            submission = Submission(client, values, pushed=PushedRequest(digest(handle), call.now), target=target)
            for check in self.checks:
                check(submission)
        except ProtocolError as refusal:
            return token_refusal(refusal, trace=call.trace)
        seconds = self.pushed.keep(handle, values, now=call.now)
        told = {oauth.REQUEST_URI: oauth.PUSHED_URN + handle, "expires_in": seconds}
        return json_response(201, told, headers=NO_STORE)


def _bound(form: Mapping[str, str], client_id: str, *, jkt: str) -> dict[str, str]:
    """The request without its credentials; a key that was proven with it binds its code (RFC 9449 §10.1)."""
    values = {name: value for name, value in form.items() if name not in _CREDENTIALS} | {oauth.CLIENT_ID: client_id}
    if not jkt:
        return values
    if values.get(oauth.DPOP_JKT, jkt) != jkt:
        raise InvalidDpopProof("dpop_jkt names another key than the proof")
    return values | {oauth.DPOP_JKT: jkt}


def _key(pushed: str) -> str:
    return f"pushed:{pushed}"
