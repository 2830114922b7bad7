"""Clients without a secret: a native app on the loopback (RFC 8252), and a page that reads answers itself (CORS)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from broker.domain.services import ClientKind, Service, TokenAuthMethod
from broker.domain.standings import InForce, StandingKind
from tests.oidc_stand import SERVICES, Browser, Stand, authorize_url, open_stand, redemption, service

ORIGIN = "https://carte.example"
LOOPBACK = "http://127.0.0.1:51004/retour"


def public(client_id: str, kind: ClientKind, *uris: str, origins: tuple[str, ...] = ()) -> Service:
    made = service(client_id)
    party = replace(
        made.parties[0], kind=kind, auth_method=TokenAuthMethod.NONE, secret_digest="", redirect_uris=uris,
        origins=origins,
    )  # fmt: skip
    return replace(made, parties=(party,))


@pytest.fixture
def stand(sqlite_url: str) -> Iterator[Stand]:
    native = public("appli", ClientKind.NATIVE, "http://127.0.0.1/retour")
    browser = public("carte", ClientKind.BROWSER, f"{ORIGIN}/retour", origins=(ORIGIN,))
    with open_stand(sqlite_url, services=(*SERVICES, native, browser)) as opened:
        yield opened


@pytest.fixture
def mother(stand: Stand) -> Browser:
    return stand.sign_in()


def code(stand: Stand, mother: Browser, client_id: str, uri: str) -> str:
    return stand.call("GET", authorize_url(client_id, redirect_uri=uri), browser=mother).told["code"]


@pytest.mark.spec("RFC 8252 §7.3")
def test_a_native_app_signs_in_on_the_port_it_listens_at(stand: Stand, mother: Browser) -> None:
    form = redemption(code(stand, mother, "appli", LOOPBACK), redirect_uri=LOOPBACK, client_id="appli")
    answer = stand.call("POST", "/token", form=form)
    assert answer.status == 200
    bearer = {"Authorization": f"Bearer {answer.json['access_token']}"}
    assert stand.call("GET", "/userinfo", headers=bearer).status == 200


@pytest.mark.spec("RFC 7636 §4.6")
def test_its_code_is_worth_nothing_without_the_verifier_or_from_another_port(stand: Stand, mother: Browser) -> None:
    for change in (
        {"code_verifier": "w" * 43},
        {"code_verifier": None},
        {"redirect_uri": LOOPBACK.replace("51004", "51005")},
    ):
        good = {"redirect_uri": LOOPBACK, "client_id": "appli", **change}
        refused = stand.call("POST", "/token", form=redemption(code(stand, mother, "appli", LOOPBACK), **good))
        assert (refused.status, refused.json["error"]) == (400, "invalid_grant")


def test_a_confidential_client_never_goes_without_its_secret(stand: Stand, mother: Browser) -> None:
    taken = code(stand, mother, "cantine", "https://cantine.example/retour")
    refused = stand.call("POST", "/token", form=redemption(taken, client_id="cantine"))
    assert (refused.status, refused.json["error"]) == (401, "invalid_client")


def test_a_public_client_does_not_redeem_the_code_of_another(stand: Stand, mother: Browser) -> None:
    taken = code(stand, mother, "cantine", "https://cantine.example/retour")
    refused = stand.call("POST", "/token", form=redemption(taken, client_id="carte"))
    assert (refused.status, refused.json["error"]) == (400, "invalid_grant")


def test_a_page_of_the_registered_origin_reads_tokens_claims_and_refusals(stand: Stand, mother: Browser) -> None:
    uri = f"{ORIGIN}/retour"
    form = redemption(code(stand, mother, "carte", uri), redirect_uri=uri, client_id="carte")
    answer = stand.call("POST", "/token", form=form, headers={"Origin": ORIGIN})
    assert answer.status == 200
    headers = {"Origin": ORIGIN, "Authorization": f"Bearer {answer.json['access_token']}"}
    told = stand.call("GET", "/userinfo", headers=headers)
    again = stand.call("POST", "/token", form=form, headers={"Origin": ORIGIN})
    assert (told.status, again.status) == (200, 400)
    for each in (answer, told, again):
        assert each.headers["access-control-allow-origin"] == ORIGIN
        assert each.headers["vary"] == "Origin"
        assert "access-control-allow-credentials" not in each.headers


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "https://carte.example.evil.example",
        "https://carte.example/",
        "null",
        "HTTPS://carte.example",
    ],
)
def test_a_page_of_another_origin_reads_nothing(stand: Stand, origin: str) -> None:
    for method, path in (("POST", "/token"), ("GET", "/userinfo"), ("OPTIONS", "/userinfo"), ("OPTIONS", "/token")):
        answer = stand.call(method, path, headers={"Origin": origin}, form={} if method == "POST" else None)
        assert "access-control-allow-origin" not in answer.headers
    assert (
        stand.call("OPTIONS", "/userinfo", headers={"Origin": ORIGIN}).headers["access-control-allow-origin"] == ORIGIN
    )


def test_a_browser_that_asks_first_is_told_what_it_may_send(stand: Stand) -> None:
    asked = stand.call("OPTIONS", "/userinfo", headers={"Origin": ORIGIN, "Access-Control-Request-Method": "GET"})
    assert (asked.status, asked.body) == (204, b"")
    assert asked.headers["access-control-allow-methods"] == "GET, POST"
    assert asked.headers["access-control-allow-headers"] == "authorization, content-type, dpop"


@pytest.mark.spec("RFC 9700 §2.6")
def test_no_page_ever_reads_the_authorization_endpoint(stand: Stand, mother: Browser) -> None:
    asked = stand.call("OPTIONS", "/authorize", headers={"Origin": ORIGIN})
    assert asked.status == 405
    answer = stand.call("GET", authorize_url(), browser=mother, headers={"Origin": ORIGIN})
    assert answer.status == 303
    assert "access-control-allow-origin" not in answer.headers


def test_the_pages_of_a_suspended_service_read_nothing_any_more(stand: Stand) -> None:
    closed = InForce(suspended=frozenset({(StandingKind.SERVICE, "carte")}))
    stand.register.value = stand.register.value.standing(closed)
    assert stand.call("OPTIONS", "/userinfo", headers={"Origin": ORIGIN}).status == 405
    stand.register.value = stand.register.value.standing(InForce())
    assert stand.call("OPTIONS", "/userinfo", headers={"Origin": ORIGIN}).status == 204
