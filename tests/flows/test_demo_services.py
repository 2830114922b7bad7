"""The town as a whole: every site answers on its own address with its own cookie, starts and stops cleanly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from flask import Flask, jsonify
from werkzeug.serving import make_server

from broker.demo.addresses import CANTINE_HOST, SITE_HOSTS, VIE_SCOLAIRE_HOSTS
from broker.demo.configuration import CLIENTS
from broker.demo.prepared import Town
from broker.demo.sites import start_sites
from broker.demo.town import prepare, serve_sites
from tests.servers import free_port
from tests.towns import YEAR, running_town

HOSTS = [*SITE_HOSTS.values(), *(host for client in CLIENTS for host in client.hosts.values())]


def discovery_alone() -> Flask:
    """A stand-in for the broker that only says where its pages are."""
    app = Flask(__name__)

    def discovery() -> object:
        from flask import request

        here = request.host_url.rstrip("/")
        return jsonify(issuer=here, authorization_endpoint=f"{here}/authorize")

    app.add_url_rule("/.well-known/openid-configuration", view_func=discovery)
    return app


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    server = make_server("127.0.0.1", 0, discovery_alone(), threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        with running_town(tmp_path_factory.mktemp("town"), issuer=f"http://127.0.0.1:{server.port}") as running:
            yield running
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def site_threads() -> int:
    return sum(thread.name.startswith("site ") for thread in threading.enumerate())


def cookies_of(answer: httpx.Response) -> SimpleCookie:
    return SimpleCookie(answer.headers.get("set-cookie", ""))


def test_every_site_answers_on_an_address_of_its_own(town: Town) -> None:
    assert len(set(HOSTS)) == len(HOSTS) == 10
    for host in HOSTS:
        assert httpx.get(town.addresses.origin(host), trust_env=False).status_code in {200, 303}


def test_every_service_has_a_cookie_name_of_its_own(town: Town) -> None:
    hosts = [host for client in CLIENTS for host in client.hosts.values()]
    names = [name for host in hosts for name in cookies_of(httpx.get(town.addresses.origin(host), trust_env=False))]
    assert len(set(names)) == len(hosts)


def test_opening_a_service_signs_in_at_the_broker_at_once(town: Town) -> None:
    for uai, host in VIE_SCOLAIRE_HOSTS.items():
        answer = httpx.get(f"{town.addresses.origin(host)}/", trust_env=False)
        place, params = answer.headers["location"].split("?")[0], parse_qs(urlsplit(answer.headers["location"]).query)
        assert answer.status_code == 303, uai
        assert place == f"{town.issuer}/authorize"
        assert params["client_id"] == ["vie-scolaire"]
        assert params["redirect_uri"] == [f"{town.addresses.origin(host)}/retour"]
        assert params["code_challenge_method"] == ["S256"]
        assert params["nonce"][0] != params["state"][0]


def test_an_answer_that_this_browser_never_asked_for_is_refused(town: Town) -> None:
    with httpx.Client(trust_env=False) as browser:
        origin = town.addresses.origin(CANTINE_HOST)
        state = parse_qs(urlsplit(browser.get(f"{origin}/").headers["location"]).query)["state"][0]
        for given in ("autre", ""):
            answer = browser.get(f"{origin}/retour", params={"code": "c", "state": given, "iss": town.issuer})
            assert answer.status_code == 403
        stranger = httpx.get(f"{origin}/retour", params={"code": "c", "state": state}, trust_env=False)
        assert "this browser asked for nothing" in stranger.text


def test_signing_out_of_a_service_does_not_sign_in_again_by_itself(town: Town) -> None:
    with httpx.Client(trust_env=False) as browser:
        answer = browser.post(f"{town.addresses.origin(CANTINE_HOST)}/sortir")
        assert answer.status_code == 200
        assert 'href="/entrer"' in answer.text


def test_a_service_whose_broker_is_silent_says_so(tmp_path: Path) -> None:
    with running_town(tmp_path) as town:
        answer = httpx.get(f"{town.addresses.origin(CANTINE_HOST)}/", trust_env=False)
    assert answer.status_code == 403
    assert "La connexion" in answer.text


def test_pages_are_not_kept_framed_or_sniffed(town: Town) -> None:
    for host in HOSTS:
        headers = httpx.get(town.addresses.origin(host), trust_env=False).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_two_towns_run_side_by_side_and_a_taken_address_is_an_error(town: Town, tmp_path: Path) -> None:
    before = site_threads()
    with running_town(tmp_path) as other:
        assert other.addresses.port != town.addresses.port
        with pytest.raises(OSError, match="in use"), start_sites(other):
            pass
    assert site_threads() == before


def test_sites_are_served_until_told_to_stop(tmp_path: Path) -> None:
    town, stop = prepare(tmp_path, sites_port=free_port(), year=YEAR), threading.Event()
    stop.set()
    serve_sites(town, stop)
    with pytest.raises(httpx.ConnectError):
        httpx.get(town.addresses.origin(HOSTS[0]), trust_env=False)


def test_the_module_serves_the_town_alone_and_ends_on_sigterm(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "broker.demo", str(tmp_path), "--issuer", f"http://127.0.0.1:{port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as running:
        assert running.stdout is not None
        assert f"http://127.0.0.1:{port}/" in running.stdout.readline()
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=60) == 0
