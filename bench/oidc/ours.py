"""Our broker as it is served in production: `preau serve`, one worker on its core, and a mother who has signed in."""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from bench.http_client import Client, request
from bench.measure import SERVER_CORE
from bench.oidc.work import MAIL, REDIRECT, SECRET, USER, Provider
from broker.domain.acts import OpenSession
from broker.domain.audit import Action, AuditEvent
from broker.domain.handles import Handle, Id, digest, new_handle, new_id
from broker.domain.identity import AuthnContext
from broker.domain.people import RecordKind
from broker.domain.sessions import Device, Session
from broker.settings import load_settings
from broker.stores import bring_up_to_date, opened_stores, utc_now
from broker.wire.http import SESSION_COOKIE
from tests import builders, servers
from tests.descriptors import REQUIRED
from tests.whole_app import SETTINGS

ROOT = Path(__file__).parents[2]
PATIENCE = 180.0
UAI = "0990001A"
ALGS = ("ES256", "RS256")

_SERVICE = """
service_id = "{client}"
tenant = "ville"
names = {{ fr = "Mesure" }}
purpose = "Mesurer."
{required}
profils = ["TUT"]
claims = ["name", "given_name", "family_name", "email"]
[[parties]]
client_id = "{client}"
client_secret_sha256 = "{secret}"
redirect_uris = ["{redirect}"]
scopes = ["openid", "profile", "email", "offline_access"]
signing_alg = "{alg}"
grant_types = ["authorization_code", "client_credentials"]
service_scopes = ["api"]
[[instances]]
url = "http://127.0.0.1:9999/"
"""


@contextmanager
def preau(
    folder: Path, database: str, redis: str, *, stores: Sequence[int], files: Mapping[str, str] | None = None
) -> Iterator[list[Provider]]:
    """Run it on these stores; yields it once for each way to sign, each with a session.

    `files`: other services' descriptors and what they name, by file name.
    """
    port = servers.free_port()
    config, cookies = _settle(folder, database, redis, port, files=files or {})
    with _running(folder, config, "serve", core=SERVER_CORE) as serving, _worker(folder, config, redis):
        base, kind = f"http://127.0.0.1:{port}", "PostgreSQL, Redis" if redis else "SQLite"
        _wait(base, serving, folder / "serve.log")
        plain = Provider("", base, "", "", serving.pid, cookies, tuple(stores))
        yield [
            replace(plain, name=f"préau ({kind}, {alg})", client_id=f"mesure-{alg.lower()}", alg=alg) for alg in ALGS
        ]


def _settle(
    folder: Path, database: str, redis: str, port: int, *, files: Mapping[str, str]
) -> tuple[Path, dict[str, str]]:
    (folder / "services").mkdir(parents=True)
    for alg in ALGS:
        told = {"client": f"mesure-{alg.lower()}", "alg": alg, "secret": digest(SECRET), "redirect": REDIRECT}
        (folder / "services" / f"{alg.lower()}.toml").write_text(_SERVICE.format(required=REQUIRED, **told), "utf-8")
    for name, text in files.items():
        (folder / "services" / name).write_text(text, "utf-8")
    (folder / "master").touch(mode=0o600)
    (folder / "master").write_bytes(secrets.token_bytes(32))
    place = f'listen = "127.0.0.1:{port}"\ndatabase_url = "{database}"\nredis_url = "{redis}"\n'
    here = SETTINGS.replace("http://127.0.0.1:8000", f"http://127.0.0.1:{port}")
    config = folder / "preau.toml"
    config.write_text(place + here, "utf-8")
    settings = load_settings(config, {})
    bring_up_to_date(settings)
    with opened_stores(settings) as (opened, _):
        return config, _signed_in(opened)


def _signed_in(stores: object) -> dict[str, str]:
    """A mother of two, signed in on her own device: refresh tokens are given there."""
    engine = stores.engine  # type: ignore[attr-defined]
    with engine.begin() as conn:
        builders.add_school(conn, UAI)
        told = {"mail": MAIL}
        record = builders.add_record(
            conn, "G1", RecordKind.GUARDIAN, given=USER["given_name"], family=USER["family_name"], told=told
        )
        mother = builders.add_person(conn)
        builders.attach(conn, record, mother)
        for key, given in (("E1", "Léa"), ("E2", "Tom")):
            _, child_record = builders.add_pupil(conn, key, given=given)
            builders.add_guardianship(conn, record, child_record)
            builders.enrol(conn, child_record, UAI)
    account, now, handle = builders.add_account(engine, mother), utc_now(), new_handle(Handle.SESSION)
    session = Session(
        new_id(Id.SESSION), digest(handle), mother, account, AuthnContext("low", ("pwd",), now, "ent1"), Device.OWN,
        now, now + timedelta(days=30), now + timedelta(days=30),
    )  # fmt: skip
    event = AuditEvent("ville", now, Action.SIGN_IN, actor=mother)
    stores.sessions.open(OpenSession(session, "ent1", digest(handle), None, None, (event,)))  # type: ignore[attr-defined]
    return {SESSION_COOKIE: handle}


@contextmanager
def _worker(folder: Path, config: Path, redis: str) -> Iterator[None]:
    """`preau work` beside it, on the stores' core; without Redis it runs inside."""
    if not redis:
        yield
        return
    with _running(folder, config, "work", core=None):
        yield


@contextmanager
def _running(folder: Path, config: Path, command: str, *, core: int | None) -> Iterator[subprocess.Popen[bytes]]:
    pinned = ["taskset", "-c", str(core)] if core is not None else []
    arguments = [*pinned, sys.executable, "-m", "broker", command, "--config", str(config)]
    with (folder / f"{command}.log").open("wb") as log:
        process = subprocess.Popen(arguments, cwd=ROOT, stdout=log, stderr=log, env=dict(os.environ))
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def _wait(base: str, serving: subprocess.Popen[bytes], log: Path) -> None:
    limit = time.monotonic() + PATIENCE
    while True:
        try:
            if asyncio.run(_asked(base, "/sante")):
                return
        except OSError:
            pass
        if serving.poll() is not None or time.monotonic() > limit:
            raise SystemExit(f"the broker does not answer: {log.read_text('utf-8')[-2000:]}")
        time.sleep(0.2)


async def _asked(base: str, path: str) -> bytes:
    with closing(Client(base)) as client:
        answer = await client.send(request("GET", path, base.removeprefix("http://")))
        return answer.body if answer.status == 200 else b""
