"""The broker as `broker.app` assembles it, from settings and a descriptor on disk, called without a socket."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from broker.app import Broker, build
from broker.domain.acts import OpenSession
from broker.domain.audit import Action, AuditEvent
from broker.domain.clock import Clock
from broker.domain.handles import Handle, Id, digest, new_handle, new_id
from broker.domain.identity import AuthnContext
from broker.domain.sessions import Device, Session
from broker.settings import load_settings
from broker.stores import bring_up_to_date
from broker.wire.http import SESSION_COOKIE
from tests import builders
from tests.descriptors import REQUIRED
from tests.oidc_stand import SECRET, Answer, Browser, run_app

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
{REQUIRED}
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


@contextmanager
def open_app(folder: Path, clock: Clock, *, more: str = "", sources: str = "") -> Iterator[Broker]:
    """Settings (between `more` and `sources`), a service, a secret and a migrated database, and the broker on them."""
    (folder / "services").mkdir()
    (folder / "services" / "cantine.toml").write_text(SERVICE, "utf-8")
    (folder / "preau.toml").write_text(more + SETTINGS + sources, "utf-8")
    (folder / "policies").mkdir(exist_ok=True)
    (folder / "master").touch(mode=0o600)
    (folder / "master").write_bytes(secrets.token_bytes(32))
    settings = load_settings(folder / "preau.toml", {})
    bring_up_to_date(settings)
    with closing(build(settings, clock=clock)) as built:
        yield built


def call(broker: Broker, method: str, target: str, browser: Browser | None = None, **more: Any) -> Answer:
    """Send one request to the whole application; `form` or `json`: its body."""
    path, _, query = target.partition("?")
    form = urlencode(more.get("form") or {}).encode()
    media_type = "application/x-www-form-urlencoded" if form else ""
    if "json" in more:
        form, media_type = json.dumps(more["json"]).encode(), "application/json"
    environ = {
        "REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query,
        "HTTP_HOST": more.get("host", "127.0.0.1:8000"),
        "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "8000", "wsgi.url_scheme": "http",
        "REMOTE_ADDR": more.get("address", "192.0.2.1"),
        "wsgi.input": BytesIO(form), "CONTENT_LENGTH": str(len(form)), "SCRIPT_NAME": "",
        "CONTENT_TYPE": media_type,
        **{f"HTTP_{name.upper()}": value for name, value in more.get("headers", {}).items()},
    }  # fmt: skip
    if browser and browser.cookies:
        environ["HTTP_COOKIE"] = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    return run_app(broker.wsgi, environ, browser)


def signed_in(broker: Broker, clock: Clock) -> Browser:
    """A browser that holds a session of a mother of two."""
    mother, _ = builders.add_family(broker.stores.engine, children=("Léa", "Tom"))
    return signed_in_as(broker, clock, mother)


def signed_in_as(broker: Broker, clock: Clock, person_id: str) -> Browser:
    """A browser that holds a session of a person, signed in by a login linked to her."""
    now, handle = clock(), new_handle(Handle.SESSION)
    account = builders.add_account(broker.stores.engine, person_id)
    context = AuthnContext("low", (), now, "ent1")
    session = Session(
        new_id(Id.SESSION), digest(handle), person_id, account, context, Device.SHARED, now,
        now + timedelta(minutes=20), now + timedelta(hours=12),
    )  # fmt: skip
    event = AuditEvent("ville", now, Action.SIGN_IN, actor=person_id)
    broker.stores.sessions.open(OpenSession(session, "ent1", digest(handle), None, None, (event,)))
    return Browser({SESSION_COOKIE: handle})
