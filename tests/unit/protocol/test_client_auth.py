"""Client authentication: one method, the registered one, with a secret that is there (RFC 6749 §2.3)."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import pytest

from broker.domain.errors import InvalidClient, InvalidRequest, ProtocolError, UnauthorizedClient
from broker.domain.handles import digest
from broker.domain.services import ClientKind, TokenAuthMethod
from broker.domain.standings import InForce, StandingKind
from broker.protocol.oidc import client_auth
from broker.protocol.oidc.client_auth import CREDENTIALS_CHECKS, CredentialsCheck, authenticate
from broker.services.register import Register
from broker.wire.http import PlainRequest
from tests.oidc_stand import SECRET, basic, service

ROOMS = Path(__file__).parents[3] / "broker"
EMPTY = service("vide")
EMPTY = replace(EMPTY, parties=(replace(EMPTY.parties[0], secret_digest=digest("")),))
PUBLIC = service("carte", auth_method=TokenAuthMethod.NONE)
PUBLIC = replace(PUBLIC, parties=(replace(PUBLIC.parties[0], secret_digest="", kind=ClientKind.BROWSER),))
CLOSED = InForce(suspended=frozenset({(StandingKind.SERVICE, "fermee")}))
REGISTER = Register(
    (service(), service("bourses", auth_method=TokenAuthMethod.POST), EMPTY, PUBLIC, service("fermee")), in_force=CLOSED
)

Shown = tuple[dict[str, str], dict[str, str]]
NOTHING: dict[str, str] = {}

VECTORS: tuple[tuple[CredentialsCheck, Shown], ...] = (
    (client_auth.check_secret_present, (basic("vide", ""), NOTHING)),
    (client_auth.check_same_client, (basic(), {"client_id": "bourses"})),
    (client_auth.check_secret, (basic(secret="x" * 50), NOTHING)),
    (client_auth.check_secret, (NOTHING, {"client_id": "bourses", "client_secret": "x"})),
    (client_auth.check_method, (NOTHING, {"client_id": "cantine", "client_secret": SECRET})),
    (client_auth.check_method, (basic("bourses"), NOTHING)),
    (client_auth.check_method, (NOTHING, {"client_id": "cantine"})),
    (client_auth.check_service, (basic("fermee"), NOTHING)),
)


def shown(headers: dict[str, str], form: dict[str, str], *checks: CredentialsCheck) -> str:
    request = PlainRequest("POST", "/token", headers={name.lower(): value for name, value in headers.items()})
    return authenticate(request, form, REGISTER, checks=checks or CREDENTIALS_CHECKS).party.client_id


def test_each_method_proves_its_client() -> None:
    assert shown(basic(), NOTHING) == "cantine"
    assert shown(basic(), {"client_id": "cantine"}) == "cantine"
    assert shown(NOTHING, {"client_id": "bourses", "client_secret": SECRET}) == "bourses"
    assert shown(NOTHING, {"client_id": "carte"}) == "carte"


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
        (basic(), {"client_assertion": "e30.e30.x"}, InvalidClient),
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
    assert authenticate(request, {}, Register((strange,))).party.client_id == "drole"


def test_the_proof_is_made_in_one_place() -> None:
    makers = [path.name for path in ROOMS.rglob("*.py") if "AuthenticatedClient(" in path.read_text("utf-8")]
    assert makers == ["client_auth.py"]
