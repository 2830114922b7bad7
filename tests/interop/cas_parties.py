"""Clients that speak CAS, as distributions ship them: mod_auth_cas, phpCAS, and python-cas in a site of our own."""

from __future__ import annotations

import html
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from broker.demo.prepared import Tls
from tests.interop.apache import Host, apache
from tests.scripted_browser import Page
from tests.servers import Account, ServerMissing, accepts, find_binary, guarded, private_folder

PAGE = "/page.html"
PHP_CAS = Path("/usr/share/php/CAS.php")
_MODULES = ("authn_core", "authz_user", "include", "auth_cas")
_SETTINGS = """\
<Directory {folder}/site>
  Options +Includes
  ForceType "text/html; charset=utf-8"
  SetOutputFilter INCLUDES
</Directory>
"""
_HOST = """\
CASCookiePath {{folder}}/tickets/
  CASCertificatePath {{folder}}/ca.pem
  CASLoginURL {issuer}/cas/login
  CASValidateURL {issuer}/cas/p3/serviceValidate
  CASVersion 2
  CASSSOEnabled On
  CASAttributePrefix CAS-
  <Location />
    AuthType CAS
    CASAuthNHeader CAS-User
    Require valid-user
  </Location>
"""


@contextmanager
def apache_with_cas(origin: str, issuer: str, tls: Tls) -> Iterator[str]:
    """mod_auth_cas before a page that prints what the module hands to an application."""
    files = {f"site{PAGE}": "<!doctype html><pre>\n<!--#printenv -->\n</pre>\n", "tickets/": ""}
    host = Host(origin, _HOST.format(issuer=issuer))
    with apache([host], tls, modules=_MODULES, settings=_SETTINGS, files=files):
        yield origin


def handed_over(page: Page) -> dict[str, str]:
    """What the module gives to its application."""
    lines = (html.unescape(line).partition("=") for line in page.body.splitlines())
    return {name: value for name, sign, value in lines if sign}


@contextmanager
def php_with_cas(origin: str, issuer: str, tls: Tls) -> Iterator[str]:
    """phpCAS on PHP's own server. Raises `ServerMissing`."""
    if not PHP_CAS.is_file():
        raise ServerMissing("phpCAS is not installed (make interop installs it)")
    place, broker = urlsplit(origin), urlsplit(issuer)
    myself = Account(None, None)
    with private_folder("phpcas", myself) as folder:
        (folder / "sessions").mkdir()
        told = {
            "origin": origin, "host": broker.hostname, "port": broker.port, "ca": str(tls.authority),
            "sessions": str(folder / "sessions"),
        }  # fmt: skip
        (folder / "told.json").write_text(json.dumps(told), encoding="utf-8")
        script = Path(__file__).parent / "programs" / "phpcas.php"
        command = [
            find_binary("env"), f"PREAU_PHPCAS={folder / 'told.json'}", find_binary("php"), "-S", place.netloc, script,
        ]  # fmt: skip
        with guarded(
            command, folder=folder, account=myself, stop=["SIGTERM"],
            answers=lambda: accepts(place.hostname or "", place.port or 0),
        ):  # fmt: skip
            yield origin


@dataclass
class Site:
    """A site of our own: whatever is posted to it, and the tickets that browsers bring."""

    origin: str
    posted: list[str] = field(default_factory=list)
    tickets: list[str] = field(default_factory=list)


@contextmanager
def site_at(origin: str) -> Iterator[Site]:
    """Serve it until the block ends."""
    site, place = Site(origin), urlsplit(origin)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.tickets += parse_qs(urlsplit(self.path).query).get("ticket", [])
            self._say()

        def do_POST(self) -> None:
            site.posted.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self._say()

        def _say(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><p>oui</p>")

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer((place.hostname or "", place.port or 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield site
        server.shutdown()
