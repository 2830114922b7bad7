"""Client authentication (RFC 6749 §2.3, OIDC Core §9): who asks, proven by a secret or by a signature.

Secrets are 256 random bits, kept as SHA-256 and compared in constant time; an unknown client costs the same work.
"""

from __future__ import annotations

import binascii
import hmac
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NewType
from urllib.parse import unquote_plus

from broker.domain.errors import InvalidClient, InvalidRequest, UnauthorizedClient
from broker.domain.handles import digest
from broker.domain.ports import Services
from broker.domain.services import TokenAuthMethod
from broker.protocol.endpoint import Call
from broker.protocol.oidc.client_assertions import AssertionDesk
from broker.protocol.oidc.provider import Client
from broker.wire import oauth
from broker.wire.jose import TokenRefused, claimed_client

AuthenticatedClient = NewType("AuthenticatedClient", Client)
"""Proof type: a client that showed its secret or signed. Only `authenticate` makes one."""

SECRET_METHODS = frozenset({TokenAuthMethod.BASIC, TokenAuthMethod.POST})
NOBODY = digest("no client has this digest")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request shows, by which method, and what was found under that name.

    `assertion` is what a client signed, and `desk` and `now` what it is verified with.
    """

    method: TokenAuthMethod
    client_id: str
    secret: str
    stated_client_id: str
    client: Client | None
    assertion: str
    desk: AssertionDesk
    now: datetime


CredentialsCheck = Callable[[Credentials], None]


def check_secret_present(shown: Credentials) -> None:
    """An empty secret is no secret, whatever is on file (the class of CVE-2024-45160)."""
    if shown.method in SECRET_METHODS and not (shown.secret and shown.client_id):
        raise InvalidClient("no secret")


def check_same_client(shown: Credentials) -> None:
    """A `client_id` beside a Basic header names the same client (RFC 6749 §2.3.1)."""
    if shown.stated_client_id not in {"", shown.client_id}:
        raise InvalidClient("two client identifiers")


def check_secret(shown: Credentials) -> None:
    """The secret's digest is the one on file, compared in constant time, also for a client that does not exist.

    A public client shows none (RFC 8252 §8.4): what it redeems is bound to it by PKCE, and `check_method` lets no other
    client pass this way. Nor does one that signs.
    """
    if shown.method not in SECRET_METHODS:
        return
    on_file = shown.client.party.secret_digest if shown.client else NOBODY
    if not hmac.compare_digest(digest(shown.secret), on_file) or shown.client is None:
        raise InvalidClient("unknown client or wrong secret")


def check_method(shown: Credentials) -> None:
    """The client uses the method that it registered, and no other."""
    if shown.client is None or shown.client.party.auth_method is not shown.method:
        raise InvalidClient("not the registered method")


def check_assertion(shown: Credentials) -> None:
    """What a client signed is its own, for us, now, and new (RFC 7523 §3)."""
    if shown.method is TokenAuthMethod.PRIVATE_KEY_JWT and shown.client is not None:
        shown.desk.verify(shown.assertion, shown.client.party, now=shown.now)


def check_service(shown: Credentials) -> None:
    """The service is not suspended: told only to the client itself, which has proven who it is (RFC 6749 §5.2)."""
    if shown.client is not None and shown.client.service.is_suspended:
        raise UnauthorizedClient("the service is suspended")


CREDENTIALS_CHECKS: tuple[CredentialsCheck, ...] = (
    check_secret_present,
    check_same_client,
    check_secret,
    check_method,
    check_assertion,
    check_service,
)


def authenticate(
    call: Call,
    form: Mapping[str, str],
    services: Services,
    desk: AssertionDesk,
    *,
    checks: tuple[CredentialsCheck, ...] = CREDENTIALS_CHECKS,
) -> AuthenticatedClient:
    """Return the client that this request proves. Raises `InvalidClient`, or `InvalidRequest` for two methods."""
    shown = read_credentials(call, form, services, desk)
    for check in checks:
        check(shown)
    if shown.client is None:
        raise InvalidClient("unknown client")
    return AuthenticatedClient(shown.client)


def read_credentials(call: Call, form: Mapping[str, str], services: Services, desk: AssertionDesk) -> Credentials:
    """Read what the request shows. Raises when it shows more than one method, or one we do not take."""
    header = call.request.headers.get("authorization", "")
    assertion = form.get(oauth.CLIENT_ASSERTION, "")
    signs = bool(assertion) or oauth.CLIENT_ASSERTION_TYPE in form
    if bool(header) + (oauth.CLIENT_SECRET in form) + signs > 1:
        raise InvalidRequest("two client authentication methods")
    stated = form.get(oauth.CLIENT_ID, "")
    if signs:
        client_id, secret = _signer(form), ""
        method = TokenAuthMethod.PRIVATE_KEY_JWT
    elif header:
        client_id, secret = _basic(header)
        method = TokenAuthMethod.BASIC
    else:
        client_id, secret = stated, form.get(oauth.CLIENT_SECRET, "")
        method = TokenAuthMethod.POST if oauth.CLIENT_SECRET in form else TokenAuthMethod.NONE
    return Credentials(method, client_id, secret, stated, _find(services, client_id), assertion, desk, call.now)


def _signer(form: Mapping[str, str]) -> str:
    """Whom an assertion says it is from, which its signature is still to prove (RFC 7521 §4.2)."""
    if form.get(oauth.CLIENT_ASSERTION_TYPE) != oauth.JWT_BEARER:
        raise InvalidClient("not an assertion of a kind we take")
    try:
        return claimed_client(form.get(oauth.CLIENT_ASSERTION, ""))
    except TokenRefused as fault:
        raise InvalidClient(f"client assertion: {fault}") from fault


def _find(services: Services, client_id: str) -> Client | None:
    service = services.by_client(client_id)
    party = service.party(client_id) if service else None
    return Client(service, party) if service and party else None


def _basic(header: str) -> tuple[str, str]:
    """Client identifier and secret of a Basic header; both are form-encoded inside (RFC 6749 §2.3.1)."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClient("not Basic")
    try:
        pair = b64decode(encoded.strip(), validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError) as fault:
        raise InvalidClient("malformed Basic header") from fault
    client_id, colon, secret = pair.partition(":")
    if not colon:
        raise InvalidClient("malformed Basic header")
    return unquote_plus(client_id), unquote_plus(secret)
