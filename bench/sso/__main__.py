"""SAML and CAS beside LemonLDAP::NG: processor time of each act, interleaved rounds, one table.

python -m bench.sso [--rounds 5] [--count 400] [--acts …] [--dry]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from bench.http_client import Client, request
from bench.import_aaf import postgresql_database
from bench.measure import OTHER_CORE, SERVER_CORE, Measure, measure
from bench.oidc.ours import preau
from bench.oidc.work import REDIRECT, SECRET
from bench.processes import tree
from bench.results import Row, append
from bench.sso.work import ACTS, CAS_SERVICE, Provider, sp_metadata
from tests import llng, servers
from tests.descriptors import REQUIRED

BARS = {"saml_response": 1 / 5, "cas_ticket": 1 / 5, "cas_validate": 1 / 6}
"""Our processor time as a share of LemonLDAP::NG's: at most this."""
Found = dict[tuple[str, str], list[Measure]]

_SERVICE = f"""
service_id = "mesure"
tenant = "ville"
names = {{ fr = "Mesure" }}
purpose = "Mesurer."
{REQUIRED}
profils = ["TUT"]
claims = ["given_name", "family_name", "profil"]
protocols = ["saml", "cas"]
[cas]
services = ["{CAS_SERVICE}"]
[saml]
metadata_file = "mesure.xml"
[[release.attributes]]
claim = "given_name"
name = "givenName"
[[release.attributes]]
claim = "family_name"
name = "sn"
[[release.attributes]]
claim = "profil"
name = "ENTPersonProfils"
[[instances]]
url = "http://127.0.0.1:9999/"
"""


def main() -> None:
    """Start both, measure, print, append."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=400, help="requests of an act in a round")
    parser.add_argument("--acts", default=",".join(ACTS))
    parser.add_argument("--dry", action="store_true", help="print only")
    options = parser.parse_args()
    os.sched_setaffinity(0, {OTHER_CORE})
    acts = options.acts.split(",")
    with tempfile.TemporaryDirectory(prefix="preau-bench-") as name, ExitStack() as stack:
        ours, theirs = _started(stack, Path(name))
        found = asyncio.run(_rounds((ours, theirs), acts, rounds=options.rounds, count=options.count))
    for act in acts:
        _show(act, found, ours, theirs)
    if not options.dry:
        append([_row(act, found, ours, theirs) for act in acts])


def _started(stack: ExitStack, folder: Path) -> tuple[Provider, Provider]:
    before = set(tree(os.getpid()))
    database = stack.enter_context(postgresql_database(folder))
    redis = stack.enter_context(servers.redis_server())
    stores = tuple(pid for pid in tree(os.getpid()) if pid not in before)
    files = {"sso.toml": _SERVICE, "mesure.xml": sp_metadata()}
    running = stack.enter_context(preau(folder / "ours", database, redis, stores=stores, files=files))[0]
    told = (llng.openid(llng.OidcClient("perf", SECRET, REDIRECT)), llng.saml(sp_metadata()), llng.CAS)
    portal = stack.enter_context(llng.llng(folder / "llng", *told, redis=redis, core=SERVER_CORE))
    ours = Provider("préau (PostgreSQL, Redis)", running.base, running.pid, running.cookies, stores)
    theirs = Provider(
        "LemonLDAP::NG (Redis)", portal.base, portal.pid, asyncio.run(_entered(portal.base)), stores,
        connections=3, share=2, saml="/saml/singleSignOn",
    )  # fmt: skip
    return ours, theirs


async def _entered(base: str) -> dict[str, str]:
    asked = request("POST", "/", base.removeprefix("http://"), form=llng.PERSON)
    answer = await Client(base).send(asked)
    pairs = (line.partition(";")[0].partition("=") for line in answer.all_of("set-cookie"))
    return {name: value for name, _, value in pairs}


async def _rounds(providers: tuple[Provider, ...], acts: list[str], *, rounds: int, count: int) -> Found:
    found: Found = {}
    for _ in range(rounds):
        for provider in providers:
            provider.client.close()
            for act in acts:
                done = await measure(provider, ACTS[act], count // provider.share)
                found.setdefault((provider.name, act), []).append(done)
    return found


def _middle(found: Found, provider: Provider, act: str, value: str) -> float:
    return median(getattr(each, value) for each in found[provider.name, act])


def _show(act: str, found: Found, ours: Provider, theirs: Provider) -> None:
    print(f"\n{act}: at most {BARS[act]:.3f} of the processor time of {theirs.name}")
    base = _middle(found, theirs, act, "cpu")
    for provider in (ours, theirs):
        cpu, p99, pace = (_middle(found, provider, act, value) for value in ("cpu", "p99", "pace"))
        print(f"  {provider.name:<28} {cpu:7.3f} ms ({cpu / base:5.3f})   p99 {p99:6.1f} ms   pace {pace:.2f}")


def _row(act: str, found: Found, ours: Provider, theirs: Provider) -> Row:
    mine, other = (_middle(found, each, act, "cpu") for each in (ours, theirs))
    return Row(f"sso_{act}_cpu", mine, BARS[act], "lower", "ms", theirs.name, other)


if __name__ == "__main__":
    main()
