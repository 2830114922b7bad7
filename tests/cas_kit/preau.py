"""Préau in this very process, as a `Server` of the kit."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from broker.domain.audit import Topic
from broker.domain.handles import Handle, new_handle
from broker.domain.logouts import logout_named
from broker.protocol.cas.logout import CasLogout
from broker.protocol.endpoint import Call, SelfPost
from broker.storage.engine import open_engine
from broker.storage.migrate import upgrade
from broker.storage.sql_outbox import SqlOutbox
from broker.wire.http import BROWSER_COOKIE, SESSION_COOKIE, PlainRequest
from tests.cas_kit.server import Reply
from tests.cas_stand import BOOKS, CALLBACK, NOTES, PORTAL, CasStand, open_cas
from tests.oidc_stand import ISSUER, Answer, Browser, run_app


@dataclass
class Preau:
    """The stand of the flow tests behind the seam."""

    stand: CasStand
    told: list[tuple[str, str, str]] = field(default_factory=list)
    base: str = ISSUER + "/cas"
    service: str = NOTES
    other: str = BOOKS
    front: str = PORTAL
    proxied: str = NOTES
    callback: str = CALLBACK
    features: frozenset[str] = frozenset({"proxy", "saml", "json", "method", "warn"})

    def browser(self) -> Browser:
        """Nobody signed in."""
        return Browser({BROWSER_COOKIE: new_handle(Handle.BROWSER)})

    def signed_in(self) -> Browser:
        """The mother, signed in."""
        return self.stand.stand.sign_in()

    def log_in(self, browser: Browser, reply: Reply) -> Reply:
        """What the federation does between leaving and coming back: a new session by a fresh proof."""
        assert reply.location.startswith("/connexion")
        interaction = reply.location.partition("i=")[2].partition("&")[0]
        resume = self.stand.stand.federation.interaction(
            interaction, browser=browser.cookies[BROWSER_COOKIE]
        ).request.resume
        self.stand.stand.clock.advance(timedelta(seconds=1))
        browser.cookies.pop(SESSION_COOKIE, None)
        self.stand.stand.sign_in(browser=browser)
        return _reply(self.stand.stand.call("GET", resume, browser=browser))

    def get(self, path: str, browser: Browser | None = None, **parameters: str) -> Reply:
        """Ask the door."""
        if parameters.get("method") == "POST":
            return self._posting(path, browser, parameters)
        return _reply(self.stand.get(path, browser, **parameters))

    def post(self, path: str, body: bytes, *, media_type: str, **parameters: str) -> Reply:
        """Post to the door."""
        environ: dict[str, Any] = {
            "REQUEST_METHOD": "POST", "PATH_INFO": f"/cas{path}", "QUERY_STRING": urlencode(parameters),
            "HTTP_HOST": "preau.example", "REMOTE_ADDR": "192.0.2.1", "wsgi.input": BytesIO(body),
            "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": media_type,
        }  # fmt: skip
        return _reply(run_app(self.stand.stand.door, environ, None))

    def _posting(self, path: str, browser: Browser | None, parameters: dict[str, str]) -> Reply:
        """The stand has no pages: the door's own answer stands for the page that `web.self_post` makes of it."""
        stand = self.stand.stand
        login = next(route for route in stand.routes if route.path == f"/cas{path}")
        session = stand.federation.session_beside((browser or Browser()).cookies[SESSION_COOKIE], None)
        request = PlainRequest("GET", login.path, query=urlencode(parameters))
        answer = login.answer(Call(request, stand.clock(), browser="", session=session))
        assert isinstance(answer, SelfPost)
        return Reply(200, {}, f"{answer.action} {dict(answer.fields)}".encode())

    def at_callback(self) -> list[dict[str, str]]:
        """What the façade received."""
        return self.stand.callbacks.seen

    def at_services(self) -> list[tuple[str, str, str]]:
        """Tell what waits in the outbox."""
        stand = self.stand.stand
        outbox = SqlOutbox(stand.engine)
        notifier = CasLogout(stand.register, self._hear)
        while due := outbox.due(now=stand.clock(), limit=99, topics=(Topic.LOGOUT,)):
            for entry in due:
                notifier.notify(logout_named(entry.row), now=stand.clock())
                outbox.done(entry.entry_id, now=stand.clock())
        return self.told

    def _hear(self, url: str, body: str, media_type: str) -> int:
        self.told.append((url, media_type, body))
        return 200


def _reply(answer: Answer) -> Reply:
    return Reply(answer.status, answer.headers, answer.body)


@contextmanager
def open_preau() -> Iterator[Preau]:
    """A server on a fresh database."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'kit.db'}"
        engine = open_engine(url)
        upgrade(engine)
        engine.dispose()
        with open_cas(url) as stand:
            yield Preau(stand)
