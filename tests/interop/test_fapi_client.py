"""npm's openid-client 6 as a client of the FAPI 2.0 profile, against the provider over HTTP."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from tests.fapi import fapi_service, fapi_stand, key
from tests.interop.party_process import node_program
from tests.oidc_stand import ISSUER, Stand

pytestmark = pytest.mark.interop
ADDRESS = "127.0.0.35"
SECONDS = 60


class Quiet(WSGIRequestHandler):
    """Writes no line for a request."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def served(stand: Stand) -> Iterator[str]:
    """The door of the stand on a free port of a loopback address of its own."""
    with make_server(ADDRESS, 0, stand.door, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://{ADDRESS}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.spec("FAPI 2.0 Security Profile §5.3.2")
def test_openid_client_pushes_proves_and_is_told_who_signed_in(sqlite_url: str, tmp_path: Path) -> None:
    program = node_program("fapi.mjs")
    with fapi_stand(sqlite_url, fapi_service("cantine")) as stand, served(stand) as at:
        cookies = stand.sign_in().cookies
        settings = tmp_path / "settings.json"
        told = {
            "issuer": ISSUER, "at": at, "client_id": "cantine", "scope": "openid profile",
            "redirect_uri": "https://cantine.example/retour", "now": int(stand.clock().timestamp() * 1000),
            "cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
            "key": {**key().key.as_dict(private=True), "kid": key().kid},
        }  # fmt: skip
        settings.write_text(json.dumps(told), "utf-8")
        run = [str(part) for part in (*program, settings)]
        done = subprocess.run(run, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["parameters"] == ["client_id", "request_uri"]
    assert (seen["token_type"].lower(), seen["same"], seen["bearer"]) == ("dpop", True, 401)
    assert seen["given_name"]
