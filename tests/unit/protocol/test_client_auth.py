"""Client authentication: one method, the registered one, with a secret that is there (RFC 6749 §2.3)."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from broker.domain.errors import InvalidClient, InvalidRequest, ProtocolError, UnauthorizedClient, UpstreamUnavailable
from broker.domain.handles import digest
from broker.domain.services import ClientKind, TokenAuthMethod
from broker.domain.standings import InForce, StandingKind
from broker.protocol.endpoint import Call
from broker.protocol.oidc import client_auth
from broker.protocol.oidc.client_assertions import AssertionDesk
from broker.protocol.oidc.client_auth import CREDENTIALS_CHECKS, CredentialsCheck, authenticate
from broker.protocol.oidc.client_keys import ClientKeys
from broker.services.register import Register
from broker.wire import oauth
from broker.wire.http import PlainRequest
from tests.builders import NOW
from tests.fapi import assertion, fapi_service, key
from tests.oidc_stand import ISSUER, SECRET, basic, service

ROOMS = Path(__file__).parents[3] / "broker"
EMPTY = service("vide")
EMPTY = replace(EMPTY, parties=(replace(EMPTY.parties[0], secret_digest=digest("")),))
PUBLIC = service("carte", auth_method=TokenAuthMethod.NONE)
PUBLIC = replace(PUBLIC, parties=(replace(PUBLIC.parties[0], secret_digest="", kind=ClientKind.BROWSER),))
CLOSED = InForce(suspended=frozenset({(StandingKind.SERVICE, "fermee")}))
REGISTER = Register(
    (
        service(), service("bourses", auth_method=TokenAuthMethod.POST), EMPTY, PUBLIC, service("fermee"),
        fapi_service("agents"),
    ), in_force=CLOSED
)  # fmt: skip

Shown = tuple[dict[str, str], dict[str, str]]
NOTHING: dict[str, str] = {}


def signing(**changes: Any) -> dict[str, str]:
    """What a client that signs sends."""
    shown = assertion("agents", now=NOW, **changes)
    return {"client_assertion_type": oauth.JWT_BEARER, "client_assertion": shown}


VECTORS: tuple[tuple[CredentialsCheck, Shown], ...] = (
    (client_auth.check_secret_present, (basic("vide", ""), NOTHING)),
    (client_auth.check_same_client, (basic(), {"client_id": "bourses"})),
    (client_auth.check_secret, (basic(secret="x" * 50), NOTHING)),
    (client_auth.check_secret, (NOTHING, {"client_id": "bourses", "client_secret": "x"})),
    (client_auth.check_method, (NOTHING, {"client_id": "cantine", "client_secret": SECRET})),
    (client_auth.check_method, (basic("bourses"), NOTHING)),
    (client_auth.check_method, (NOTHING, {"client_id": "cantine"})),
    (client_auth.check_service, (basic("fermee"), NOTHING)),
    (client_auth.check_assertion, (NOTHING, signing(aud="https://autre.example"))),
)


class Claimed:
    """Assertions claimed so far (a fake of `Consumptions`)."""

    def __init__(self) -> None:
        self.digests: set[str] = set()

    def claim_assertion(self, digest: str, *, now: datetime, until: datetime) -> bool:
        assert now < until
        first = digest not in self.digests
        self.digests.add(digest)
        return first


def no_fetch(_: str) -> bytes:
    raise UpstreamUnavailable("nobody is called here")


DESK = AssertionDesk(ISSUER, Claimed(), ClientKeys(no_fetch, strangers=no_fetch))


def shown(headers: dict[str, str], form: dict[str, str], *checks: CredentialsCheck) -> str:
    request = PlainRequest("POST", "/token", headers={name.lower(): value for name, value in headers.items()})
    return authenticate(Call(request, NOW), form, REGISTER, DESK, checks=checks or CREDENTIALS_CHECKS).party.client_id


def test_each_method_proves_its_client() -> None:
    assert shown(basic(), NOTHING) == "cantine"
    assert shown(basic(), {"client_id": "cantine"}) == "cantine"
    assert shown(NOTHING, {"client_id": "bourses", "client_secret": SECRET}) == "bourses"
    assert shown(NOTHING, {"client_id": "carte"}) == "carte"


@pytest.mark.spec("RFC 7523 §3")
def test_a_client_that_signs_is_known_by_its_signature_once() -> None:
    once = signing()
    assert shown(NOTHING, once) == "agents"
    with pytest.raises(InvalidClient, match="used before"):
        shown(NOTHING, once)
    assert shown(NOTHING, {**signing(), "client_id": "agents"}) == "agents"


@pytest.mark.parametrize(
    ("headers", "form", "error"),
    [
        (NOTHING, {**signing(), "client_id": "cantine"}, InvalidClient),
        (NOTHING, {**signing(), "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
         InvalidClient),
        (NOTHING, {"client_assertion": signing()["client_assertion"]}, InvalidClient),
        (NOTHING, {"client_assertion_type": oauth.JWT_BEARER}, InvalidClient),
        (NOTHING, {**signing(), "client_secret": SECRET}, InvalidRequest),
        (basic("agents"), signing(), InvalidRequest),
        (basic("agents"), NOTHING, InvalidClient),
        (NOTHING, {"client_id": "agents"}, InvalidClient),
        (NOTHING, signing(sub="cantine", iss="cantine"), InvalidClient),
        (NOTHING, signing(sub=...), InvalidClient),
        (NOTHING, signing(by=key(name="une autre")), InvalidClient),
    ],
)  # fmt: skip
def test_a_client_that_signs_is_known_in_no_other_way(
    headers: dict[str, str], form: dict[str, str], error: type[ProtocolError]
) -> None:
    with pytest.raises(error) as refused:
        shown(headers, form)
    assert type(refused.value) is error
    assert shown(NOTHING, signing()) == "agents"


@pytest.mark.spec("RFC 6749 §5.2")
def test_that_a_service_is_suspended_is_told_to_its_proven_client_alone() -> None:
    with pytest.raises(UnauthorizedClient):
        shown(basic("fermee"), NOTHING)
    with pytest.raises(InvalidClient):
        shown(basic("fermee", "x" * 43), NOTHING)


@pytest.mark.spec("RFC 8252 §8.4")
@pytest.mark.parametrize("secret", ["", SECRET, "x"])
def test_a_public_client_that_shows_a_secret_is_not_believed(secret: str) -> None:
    with pytest.raises(InvalidClient):
        shown(NOTHING, {"client_id": "carte", "client_secret": secret})
    with pytest.raises(InvalidClient):
        shown(basic("carte", secret), NOTHING)
    assert shown(NOTHING, {"client_id": "carte"}) == "carte"


@pytest.mark.parametrize(("check", "credentials"), VECTORS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_fault_is_stopped_by_its_check_and_by_no_other(check: CredentialsCheck, credentials: Shown) -> None:
    with pytest.raises((InvalidClient, UnauthorizedClient)):
        shown(*credentials)
    assert shown(*credentials, *(kept for kept in CREDENTIALS_CHECKS if kept is not check))


def test_every_check_has_a_vector() -> None:
    assert {check for check, _ in VECTORS} == set(CREDENTIALS_CHECKS)


def header(text: str) -> dict[str, str]:
    return {"Authorization": text}


def encoded(text: bytes) -> str:
    return base64.b64encode(text).decode()


@pytest.mark.spec("RFC 6749 §2.3")
@pytest.mark.parametrize(
    ("headers", "form", "error"),
    [
        (basic(), {"client_id": "cantine", "client_secret": SECRET}, InvalidRequest),
        (basic(), {"client_secret": SECRET}, InvalidRequest),
        (basic(), {"client_assertion": "e30.e30.x"}, InvalidRequest),
        (NOTHING, {"client_assertion": "e30.e30.x", "client_id": "cantine"}, InvalidClient),
        (NOTHING, NOTHING, InvalidClient),
        (NOTHING, {"client_id": "cantine"}, InvalidClient),
        (basic("inconnu"), NOTHING, InvalidClient),
        (basic("Cantine"), NOTHING, InvalidClient),
        (header("Bearer " + SECRET), NOTHING, InvalidClient),
        (header("Basic"), NOTHING, InvalidClient),
        (header("Basic !!!"), NOTHING, InvalidClient),
        (header("Basic " + encoded(b"cantine")), NOTHING, InvalidClient),
        (header("Basic " + encoded(b":" + SECRET.encode())), NOTHING, InvalidClient),
        (header("Basic " + encoded(b"cantine:\xff\xfe")), NOTHING, InvalidClient),
        (header("Digest " + encoded(f"cantine:{SECRET}".encode())), NOTHING, InvalidClient),
    ],
)  # fmt: skip
def test_other_credentials_are_refused(
    headers: dict[str, str], form: dict[str, str], error: type[ProtocolError]
) -> None:
    with pytest.raises(error) as refused:
        shown(headers, form)
    assert type(refused.value) is error


@pytest.mark.spec("RFC 6749 §2.3.1")
def test_identifier_and_secret_are_form_encoded_inside_basic() -> None:
    strange = service("drole")
    strange = replace(strange, parties=(replace(strange.parties[0], secret_digest=digest("a:b c%" + SECRET)),))
    request = PlainRequest(
        "POST", "/token", headers={"authorization": "Basic " + encoded(f"drole:a%3Ab+c%25{SECRET}".encode())}
    )
    assert authenticate(Call(request, NOW), {}, Register((strange,)), DESK).party.client_id == "drole"


def test_the_proof_is_made_in_one_place() -> None:
    makers = [path.name for path in ROOMS.rglob("*.py") if "AuthenticatedClient(" in path.read_text("utf-8")]
    assert makers == ["client_auth.py"]
