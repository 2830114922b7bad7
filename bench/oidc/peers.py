"""Other people's providers, doing the same work: npm's oidc-provider 9, and LemonLDAP::NG, both on Redis."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from bench.http_client import Client, Cookies, request
from bench.measure import SERVER_CORE
from bench.oidc.work import MAIL, REDIRECT, SECRET, USER, Provider
from tests import llng, servers

NODE = Path(__file__).with_name("node")
NAME = "oidc-provider 9 (Redis, ES256)"
PATIENCE = 30.0
_PATHS = {"authorize": "/auth", "userinfo": "/me"}
_LLNG_PATHS = {
    "authorize": "/oauth2/authorize", "token": "/oauth2/token", "userinfo": "/oauth2/userinfo", "jwks": "/oauth2/jwks",
}  # fmt: skip
_LLNG_WORKERS = 4
_LLNG_SHARE = 4
"""It takes several times as long: a quarter of the requests tells as much."""


@contextmanager
def node_provider(folder: Path, redis: str, *, stores: Sequence[int]) -> Iterator[Provider]:
    """Run npm's oidc-provider with its Redis adapter on the server's core; yields it with a session."""
    if not (NODE / "node_modules" / "oidc-provider").is_dir():
        raise SystemExit("oidc-provider is not installed: npm ci --ignore-scripts in bench/oidc/node")
    port = servers.free_port()
    told = {
        "PORT": str(port), "REDIS_URL": redis, "SECRET": SECRET, "REDIRECT": REDIRECT, "MAIL": MAIL,
        "GIVEN_NAME": USER["given_name"], "FAMILY_NAME": USER["family_name"], "NODE_ENV": "production",
    }  # fmt: skip
    command = ["taskset", "-c", str(SERVER_CORE), "node", "server.mjs"]
    with (folder / "node.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=NODE, stdout=log, stderr=log, env={**os.environ, **told})
    try:
        base = f"http://127.0.0.1:{port}"
        plain = Provider(
            "oidc-provider 9 (Redis, ES256)", base, "perf", "ES256", process.pid, {}, tuple(stores), **_PATHS
        )
        yield replace(plain, cookies=_signed_in(plain))
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def llng_provider(folder: Path, redis: str, *, stores: Sequence[int]) -> Iterator[Provider]:
    """Run LemonLDAP::NG on the server's core (RS256: it knows no other here); yields it with a session."""
    if not llng.is_installed():
        raise SystemExit("LemonLDAP::NG is not installed: .ci/system-packages bench")
    client = llng.OidcClient("perf", SECRET, REDIRECT)
    with llng.llng(folder / "llng", llng.openid(client), redis=redis, core=SERVER_CORE) as portal:
        plain = Provider(
            "LemonLDAP::NG (Redis, RS256)", portal.base, "perf", "RS256", portal.pid, {}, tuple(stores),
            told=(llng.NAME, llng.MAIL), share=_LLNG_SHARE, connections=_LLNG_WORKERS - 1, rotates=False,
            **_LLNG_PATHS,
        )  # fmt: skip
        yield replace(plain, cookies=asyncio.run(_entered(plain)))


async def _entered(provider: Provider) -> Cookies:
    answer = await Client(provider.base).send(request("POST", "/", provider.host, form=llng.PERSON))
    pairs = (line.partition(";")[0].partition("=") for line in answer.all_of("set-cookie"))
    cookies = {name: value for name, _, value in pairs}
    if "lemonldap" not in cookies:
        raise SystemExit(f"nobody is signed in: {answer.status} {answer.body[:300]!r}")
    return cookies


def _signed_in(provider: Provider) -> Cookies:
    limit = time.monotonic() + PATIENCE
    while True:
        try:
            return asyncio.run(_visit(provider))
        except OSError:
            if time.monotonic() > limit:
                raise
            time.sleep(0.2)


async def _visit(provider: Provider) -> Cookies:
    """Follow the redirects of an authorization as a browser would, until it leads to the client."""
    client, cookies, url = Client(provider.base), dict[str, str](), ""
    asked = provider.authorization("v" * 43)
    for _ in range(8):
        answer = await client.send(asked)
        for line in answer.all_of("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            cookies[name] = value
        url = urljoin(f"{provider.base}{url}", answer.header("location"))
        if url.startswith(REDIRECT):
            return {name: value for name, value in cookies.items() if value}
        place = urlsplit(url)
        asked = request("GET", f"{place.path}?{place.query}", provider.host, cookies=cookies)
    raise SystemExit(f"nobody is signed in: {url}")
