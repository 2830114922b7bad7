"""The provider inside the whole application: settings read, edge and pages in front and behind, its own keys sealed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.app import Broker
from tests import builders
from tests.clock import FakeClock
from tests.oidc_stand import Browser, authorize_url, basic, redemption
from tests.whole_app import ISSUER, call, open_app, signed_in


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(builders.NOW)


@pytest.fixture
def broker(tmp_path: Path, clock: FakeClock) -> Iterator[Broker]:
    with open_app(tmp_path, clock) as opened:
        yield opened


def test_a_mother_opens_the_canteen(broker: Broker, clock: FakeClock) -> None:
    browser = signed_in(broker, clock)
    landed = call(broker, "GET", authorize_url(), browser)
    assert landed.told["iss"] == ISSUER
    answer = call(broker, "POST", "/token", form=redemption(landed.told["code"]), headers=basic())
    assert answer.status == 200
    told = call(broker, "GET", "/userinfo", headers={"Authorization": f"Bearer {answer.json['access_token']}"}).json
    assert (told["given_name"], len(told["children"])) == ("Dominique", 2)


def test_without_a_session_the_sign_in_page_is_shown_and_knows_the_service(broker: Broker) -> None:
    browser = Browser()
    asked = call(broker, "GET", authorize_url(), browser)
    assert (asked.status, asked.location.partition("?")[0]) == (303, "/connexion")
    page = call(broker, "GET", asked.location, browser)
    assert page.status in {200, 303}, page.body


@pytest.mark.parametrize("fault", [{"redirect_uri": "https://evil.example/"}, {"client_id": "inconnu"}])
def test_a_bad_target_is_a_page_with_a_trace_number_and_no_way_out(broker: Broker, fault: dict[str, str]) -> None:
    page = call(broker, "GET", authorize_url(**fault), Browser())
    assert (page.status, page.location) == (400, "")
    assert page.headers["content-type"].startswith("text/html")
    assert b"evil.example" not in page.body
    assert b"inconnu" not in page.body
    assert b"Traceback" not in page.body


def test_every_answer_of_the_door_carries_the_base_headers(broker: Broker) -> None:
    for path in ("/jwks", "/.well-known/openid-configuration", "/userinfo", "/authorize"):
        answer = call(broker, "GET", path)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert call(broker, "GET", "/jwks").headers["cache-control"] == "public, max-age=300"


@pytest.mark.parametrize("path", ["/jwks", "/authorize", "/token", "/.well-known/openid-configuration"])
def test_a_foreign_host_is_misdirected(broker: Broker, path: str) -> None:
    assert call(broker, "GET", path, host="evil.example").status == 421
    assert call(broker, "GET", "/jwks").status == 200


def test_the_private_key_is_nowhere_in_the_database_in_the_clear(broker: Broker) -> None:
    rows = broker.stores.keys.published()
    assert not any(b'"d"' in row.sealed or '"d"' in row.public_jwk for row in rows)
    assert [key["kid"] for key in call(broker, "GET", "/jwks").json["keys"]] == [row.kid for row in rows]
