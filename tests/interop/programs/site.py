"""The site round a Python client: the same addresses as `node/party.mjs`, so that one set of tests asks them all.

One browser at a time is all the tests need: the site keeps one session.
"""

from __future__ import annotations

import json
import secrets
import ssl
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from flask import Flask, Response
from werkzeug.serving import WSGIRequestHandler, make_server

Answer = Mapping[str, Any]


class Client(Protocol):
    """What a site asks of its client library. Whatever it raises is told as it says it."""

    def begin(self) -> Response:
        """Send the browser away to sign in."""
        ...

    def arrive(self) -> Answer:
        """Take the answer in the current request: `claims`, `id_token`, and whether the tokens are `renewable`."""
        ...

    def about(self) -> Answer:
        """Ask userinfo."""
        ...

    def renew(self) -> Answer:
        """Take new tokens for the refresh token: `claims`, `id_token`, and the tokens themselves."""
        ...

    def leave(self) -> Response:
        """Send the browser away to sign out, and forget the session."""
        ...

    def left(self) -> Answer:
        """Take the browser back after it."""
        ...

    def told(self) -> None:
        """End the session that the logout token in the current request names."""
        ...

    def is_open(self) -> bool:
        """Tell whether somebody is signed in."""
        ...


def settings() -> dict[str, str]:
    """Return what the tests told this process: issuer, client_id, client_secret, alg, origin and so on."""
    return dict(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))


def serve(client: Client, told: Mapping[str, str]) -> None:
    """Answer over https at `told["origin"]` until the process is stopped."""
    app = Flask(__name__)
    app.secret_key = secrets.token_bytes(32)
    app.config.update(SESSION_COOKIE_SECURE=True, SESSION_COOKIE_NAME=told["client_id"])
    pages: dict[str, Callable[[], Any]] = {
        "/": client.begin, "/retour": client.arrive, "/moi": client.about, "/renouveler": client.renew,
        "/sortir": client.leave, "/au-revoir": client.left, "/seance": lambda: {"open": client.is_open()},
    }  # fmt: skip
    for path, page in pages.items():
        app.add_url_rule(path, path, page)
    app.add_url_rule("/deconnexion", "told", lambda: client.told() or "", methods=["POST"])
    app.register_error_handler(Exception, _tell)
    place = urlsplit(told["origin"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(told["certificate"], told["key"])
    make_server(
        place.hostname or "", place.port or 0, app, threaded=True, request_handler=_Quiet, ssl_context=context
    ).serve_forever()


def _tell(fault: Exception) -> tuple[Answer, int]:
    return {"error": str(getattr(fault, "error", "") or fault), "kind": type(fault).__name__}, 502


class _Quiet(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        """Say nothing."""
