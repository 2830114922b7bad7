"""Other people's providers, doing the same work: npm's oidc-provider 9 on Redis."""

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

from bench.oidc.client import Client, Cookies, request
from bench.oidc.measure import SERVER_CORE
from bench.oidc.work import MAIL, REDIRECT, SECRET, USER, Provider
from tests import servers

NODE = Path(__file__).with_name("node")
NAME = "oidc-provider 9 (Redis, ES256)"
PATIENCE = 30.0
_PATHS = {"authorize": "/auth", "userinfo": "/me"}


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
