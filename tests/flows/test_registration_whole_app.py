"""Registration as an administrator turns it on: settings on disk, several processes, real documents over TLS."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from broker.__main__ import main
from broker.app import Broker, build
from broker.settings import load_settings
from broker.stores import utc_now
from broker.wire.http import SESSION_COOKIE
from broker.wire.jose import SigningKey
from tests.certificates import ThrowAwayCa
from tests.fapi import assertion, jwks, key
from tests.oidc_stand import Answer, Browser, authorize_url, redemption
from tests.upstreams import Asked, Reply, Site
from tests.whole_app import ISSUER, call, open_app, signed_in

REDIRECT = "https://visiteur.example/retour"
TOKEN = secrets.token_urlsafe(32)
ON = """
[registration]
enabled = true
tenant = "ville"
profils = ["TUT"]
token_file = "initial"
"""
MOVED = {"Location": "/jwks.json"}
OPENED = 'reachable_networks = ["127.0.0.0/8"]\n'
TRUSTED = 'services_ca_file = "ca.pem"\n'


@contextmanager
def app(folder: Path, *, registration: str = ON, more: str = "") -> Iterator[Broker]:
    (folder / "initial").touch(mode=0o600)
    (folder / "initial").write_text(TOKEN, "utf-8")
    with open_app(folder, utc_now, more=more, sources=registration) as opened:
        yield opened


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def register(broker: Broker, **changes: Any) -> Answer:
    asked = {"redirect_uris": [REDIRECT], **changes}
    return call(broker, "POST", "/register", headers=bearer(TOKEN), json=asked)


def asks(broker: Broker, client_id: str, browser: Browser | None = None) -> Answer:
    target = authorize_url(client_id, redirect_uri=REDIRECT, scope="openid")
    return call(broker, "GET", target, browser or Browser())


def agreed(broker: Broker, client_id: str) -> Browser:
    """A mother who is signed in, and said yes to this client."""
    mother, service = signed_in(broker, utc_now), broker.services.current().by_client(client_id)
    session = broker.federation.unended(mother.cookies[SESSION_COOKIE])
    assert service is not None
    assert session is not None
    broker.federation.agreements.give(service, session)
    return mother


def knows(broker: Broker, client_id: str) -> bool:
    """Tell whether this process leads a browser of this client to the sign-in page."""
    return asks(broker, client_id).location.startswith("/connexion?")


def preau(folder: Path, *words: str) -> int:
    return main([*words, "--config", str(folder / "preau.toml")])


def test_it_is_off_unless_the_settings_turn_it_on(tmp_path: Path) -> None:
    with app(tmp_path, registration="") as broker:
        assert "registration_endpoint" not in call(broker, "GET", "/.well-known/openid-configuration").json
        assert register(broker).status == 404


def test_a_client_is_known_in_every_process_at_once_and_gone_with_the_next_look(tmp_path: Path) -> None:
    with app(tmp_path) as here, closing(build(load_settings(tmp_path / "preau.toml", {}))) as there:
        assert call(here, "GET", "/.well-known/openid-configuration").json["registration_endpoint"].startswith(ISSUER)
        told = register(here).json
        client_id = told["client_id"]
        assert (knows(here, client_id), knows(there, client_id)) == (True, True)
        assert not knows(there, f"{client_id}x")
        address = told["registration_client_uri"].removeprefix(ISSUER)
        assert call(there, "DELETE", address, headers=bearer(told["registration_access_token"])).status == 204
        assert not knows(there, client_id)
        here.watcher.look()
        assert not knows(here, client_id)


def test_turned_off_again_nobody_is_known_any_more(tmp_path: Path) -> None:
    with app(tmp_path) as broker:
        client_id = register(broker).json["client_id"]
        settings = tmp_path / "preau.toml"
        settings.write_text(settings.read_text("utf-8").replace("enabled = true", "enabled = false"), "utf-8")
        with closing(build(load_settings(settings, {}))) as after:
            assert not knows(after, client_id)
            assert asks(after, client_id).status == 400


def test_an_administrator_closes_it_like_any_service(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with app(tmp_path) as broker:
        client_id = register(broker, client_name="Visiteur").json["client_id"]
        mother = agreed(broker, client_id)
        assert "code" in asks(broker, client_id, mother).told
        assert preau(tmp_path, "service", "list") == 0
        assert "Visiteur" in capsys.readouterr().out
        assert preau(tmp_path, "service", "show", client_id, "--json") == 0
        assert json.loads(capsys.readouterr().out)["registered"]["host"] == "visiteur.example"
        assert preau(tmp_path, "service", "verify", client_id, "--reason", "vu") == 1
        assert preau(tmp_path, "service", "suspend", client_id, "--reason", "essai") == 0
        broker.watcher.look()
        page = asks(broker, client_id, mother)
        assert (page.status, page.location) == (403, "")
        assert preau(tmp_path, "service", "resume", client_id, "--reason", "fini") == 0
        broker.watcher.look()
        assert "code" in asks(broker, client_id, mother).told


def test_keys_and_sectors_are_fetched_over_tls(tmp_path: Path, throw_away_ca: ThrowAwayCa) -> None:
    documents = {"/jwks.json": jwks(key("RS256")).encode(), "/secteur.json": json.dumps([REDIRECT]).encode()}
    (tmp_path / "ca.pem").write_bytes(throw_away_ca.certificate.read_bytes())

    def answer(asked: Asked) -> Reply:
        return Reply(body=documents[asked.path]) if asked.path in documents else Reply(302, headers=MOVED)

    site = Site(answer, certificate=throw_away_ca.issue(stem="documents"))
    with site, app(tmp_path, registration=ON + OPENED, more=TRUSTED) as broker:
        told = register(
            broker,
            token_endpoint_auth_method="private_key_jwt",
            jwks_uri=f"{site.url}/jwks.json",
            sector_identifier_uri=f"{site.url}/secteur.json",
        )
        assert told.status == 201
        mother = agreed(broker, told.json["client_id"])
        code = asks(broker, told.json["client_id"], mother).told["code"]
        assert redeem(broker, told.json["client_id"], code, by=key("RS256")).status == 200
        assert register(broker, jwks_uri=f"{site.url}/ailleurs.json").status == 400, "a redirect is not followed"
        assert [asked.path for asked in site.seen] == ["/secteur.json", "/jwks.json", "/jwks.json", "/ailleurs.json"]


def redeem(broker: Broker, client_id: str, code: str, *, by: SigningKey) -> Answer:
    shown = assertion(client_id, now=utc_now(), by=by, aud=ISSUER)
    proves = {
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": shown,
    }
    return call(broker, "POST", "/token", form={**redemption(code, redirect_uri=REDIRECT), **proves})


def test_a_stranger_makes_us_call_nobody_inside(tmp_path: Path, throw_away_ca: ThrowAwayCa) -> None:
    """The same documents that are taken where the network is opened for them; for our services it may be (SSRF)."""
    (tmp_path / "ca.pem").write_bytes(throw_away_ca.certificate.read_bytes())
    site = Site(lambda _: Reply(body=jwks(key()).encode()), certificate=throw_away_ca.issue(stem="inside"))
    with site, app(tmp_path, more=OPENED + TRUSTED) as broker:
        port = site.url.rpartition(":")[2]
        for host in ("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "169.254.169.254"):
            for member in ("jwks_uri", "sector_identifier_uri"):
                answer = register(broker, **{member: f"https://{host}:{port}/x.json"})
                assert (answer.status, answer.json["error"]) == (400, "invalid_client_metadata")
                assert f": {member} must give a" in answer.json["error_description"]
        assert site.seen == []
