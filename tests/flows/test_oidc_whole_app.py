"""The provider inside the whole application: settings read, edge and pages in front and behind, its own keys sealed."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from broker.app import Broker, build
from broker.domain.acts import OpenSession
from broker.domain.audit import Action, AuditEvent
from broker.domain.handles import Handle, Id, digest, new_handle, new_id
from broker.domain.identity import AuthnContext
from broker.domain.sessions import Device, Session
from broker.settings import load_settings
from broker.stores import bring_up_to_date
from broker.wire.http import SESSION_COOKIE
from tests import builders
from tests.clock import FakeClock
from tests.oidc_stand import SECRET, Answer, Browser, authorize_url, basic, redemption, run_app

ISSUER = "http://127.0.0.1:8000"
SETTINGS = f"""
issuer = "{ISSUER}"
[secrets]
master_file = "master"
[[tenants]]
id = "ville"
name = "Ville"
[[feeds]]
id = "99-2d"
tenant = "ville"
academie = "99"
degree = "2D"
[[sources]]
id = "ent1"
kind = "cas"
tenant = "ville"
label = {{ fr = "ENT" }}
url = "https://ent.example/cas"
feeds = ["99-2d"]
"""
SERVICE = f"""
service_id = "cantine"
tenant = "ville"
names = {{ fr = "La Cantine" }}
purpose = "Payer les repas."
profils = ["TUT"]
claims = ["given_name", "children"]
[[parties]]
client_id = "cantine"
client_secret_sha256 = "{digest(SECRET)}"
redirect_uris = ["https://cantine.example/retour"]
scopes = ["openid", "profile", "school", "children"]
[[instances]]
url = "https://cantine.example/"
"""


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(builders.NOW)


@pytest.fixture
def broker(tmp_path: Path, clock: FakeClock) -> Iterator[Broker]:
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "cantine.toml").write_text(SERVICE, "utf-8")
    (tmp_path / "preau.toml").write_text(SETTINGS, "utf-8")
    (tmp_path / "master").touch(mode=0o600)
    (tmp_path / "master").write_bytes(secrets.token_bytes(32))
    settings = load_settings(tmp_path / "preau.toml", {})
    bring_up_to_date(settings)
    with closing(build(settings, clock=clock)) as built:
        yield built


def call(broker: Broker, method: str, target: str, browser: Browser | None = None, **more: Any) -> Answer:
    path, _, query = target.partition("?")
    form = urlencode(more.get("form") or {}).encode()
    environ = {
        "REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query,
        "HTTP_HOST": more.get("host", "127.0.0.1:8000"),
        "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "8000", "wsgi.url_scheme": "http", "REMOTE_ADDR": "192.0.2.1",
        "wsgi.input": BytesIO(form), "CONTENT_LENGTH": str(len(form)), "SCRIPT_NAME": "",
        "CONTENT_TYPE": "application/x-www-form-urlencoded" if form else "",
        **{f"HTTP_{name.upper()}": value for name, value in more.get("headers", {}).items()},
    }  # fmt: skip
    if browser and browser.cookies:
        environ["HTTP_COOKIE"] = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    return run_app(broker.wsgi, environ, browser)


def signed_in(broker: Broker, clock: FakeClock) -> Browser:
    engine, now, handle = broker.stores.engine, clock(), new_handle(Handle.SESSION)
    mother, _ = builders.add_family(engine, children=("Léa", "Tom"))
    account = builders.add_account(engine, mother)
    session = Session(
        new_id(Id.SESSION), digest(handle), mother, account, AuthnContext("low", (), now, "ent1"), Device.SHARED, now,
        now + timedelta(minutes=20), now + timedelta(hours=12),
    )  # fmt: skip
    event = AuditEvent("ville", now, Action.SIGN_IN, actor=mother)
    broker.stores.sessions.open(OpenSession(session, "ent1", digest(handle), None, None, (event,)))
    return Browser({SESSION_COOKIE: handle})


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
    (row,) = broker.stores.keys.all("id_token")
    assert b'"d"' not in row.sealed
    assert '"d"' not in row.public_jwk
    kid = call(broker, "GET", "/jwks").json["keys"][0]["kid"]
    assert kid == row.kid
