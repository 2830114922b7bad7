"""The signed-out page in Chromium: it frames the services that asked for it, those alone; it leads on by itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from playwright.sync_api import BrowserContext
from werkzeug.serving import make_server

from broker.domain.handles import digest
from broker.stores import utc_now
from broker.wire.http import FAREWELL_COOKIE, SESSION_COOKIE
from tests import whole_app
from tests.oidc_stand import SECRET, VERIFIER, basic, challenge_of
from tests.servers import free_port

pytestmark = pytest.mark.browser
SERVICE = "127.0.0.9"
"""Another site than the broker's: an address of its own."""


@dataclass
class Framed:
    """A service's own site; `seen` lists the paths that were asked, with where each was asked for."""

    port: int
    seen: list[tuple[str, str]] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"http://{SERVICE}:{self.port}"

    def paths(self) -> list[str]:
        return [path for path, _ in self.seen]


@contextmanager
def framed_site() -> Iterator[Framed]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.seen.append((self.path, self.headers.get("Sec-Fetch-Dest", "")))
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<title>service</title>")

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((SERVICE, 0), Handler)
    site = Framed(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def serving(folder: Path, site: Framed, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Any]]:
    """The whole broker on a port, with one service that is framed; its address, and the broker."""
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    monkeypatch.setattr(whole_app, "SETTINGS", whole_app.SETTINGS.replace(whole_app.ISSUER, origin))
    party = (
        f'redirect_uris = ["{site.origin}/retour"]\nfrontchannel_logout_uri = "{site.origin}/sortie"\n'
        f'post_logout_redirect_uris = ["{site.origin}/au-revoir"]'
    )
    before = 'redirect_uris = ["https://cantine.example/retour"]'
    monkeypatch.setattr(whole_app, "SERVICE", whole_app.SERVICE.replace(before, party))
    with whole_app.open_app(folder, utc_now) as broker:
        server = make_server("127.0.0.1", port, broker.wsgi, threaded=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield origin, broker
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def test_a_service_is_told_by_a_hidden_frame_and_the_browser_goes_on_by_itself(
    tmp_path: Path, context: BrowserContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    with framed_site() as site, serving(tmp_path, site, monkeypatch) as (origin, broker):
        handle = whole_app.signed_in(broker, utc_now).cookies[SESSION_COOKIE]
        cookie = {
            "name": SESSION_COOKIE,
            "value": handle,
            "url": f"https:{origin[5:]}",
            "secure": True,
            "httpOnly": True,
        }
        context.add_cookies([cookie])  # type: ignore[list-item]
        page = context.new_page()
        asked = {
            "response_type": "code", "client_id": "cantine", "redirect_uri": f"{site.origin}/retour",
            "scope": "openid", "code_challenge": challenge_of(VERIFIER), "code_challenge_method": "S256",
        }  # fmt: skip
        page.goto(f"{origin}/authorize?{urlencode(asked)}")
        code = dict(parse_qsl(urlsplit(page.url).query))["code"]
        form = {
            "grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER,
            "redirect_uri": asked["redirect_uri"],
        }  # fmt: skip
        host = urlsplit(origin).netloc
        tokens = whole_app.call(
            broker, "POST", "/token", form=form, headers={"authorization": basic()["Authorization"]}, host=host
        ).json
        onward = f"{site.origin}/au-revoir"
        ending = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": onward, "state": "s"}
        refused: list[str] = []
        page.on("console", lambda message: refused.append(message.text) if message.type == "error" else None)
        page.goto(f"{origin}/end-session?{urlencode(ending)}")
        assert page.locator("h1").inner_text() == "Vous êtes déconnecté"
        names = {known["name"] for known in context.cookies(f"https:{origin[5:]}")}  # type: ignore[typeddict-item]
        assert SESSION_COOKIE not in names
        assert FAREWELL_COOKIE in names
        page.wait_for_url(f"{onward}?state=s", timeout=15_000)
        (framed,) = [path for path, dest in site.seen if dest == "iframe"]
        assert framed.startswith(f"/sortie?iss={urlencode({'': origin})[1:]}&sid=")
        assert refused == []
        assert digest(SECRET) not in "".join(site.paths())
