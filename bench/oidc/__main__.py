"""The provider beside npm's oidc-provider: processor time of each hot act, interleaved rounds, one table.

    python -m bench.oidc [--rounds 4] [--count 1000] [--acts sso,token] [--bare] [--dry]

The servers have a core of their own; this driver and the stores have the other one. The rows in `bench/results.json`
are ratios of medians within this run; nothing else of it compares from run to run.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.import_aaf import postgresql_database
from bench.measure import OTHER_CORE, Measure, measure
from bench.oidc.ours import preau
from bench.oidc.peers import llng_provider, node_provider
from bench.oidc.work import ACTS, Provider
from bench.processes import largest_mib, tree
from bench.results import Row, append
from tests import servers

BARS = {
    "discovery": 0.5,
    "jwks": 0.5,
    "sso": 0.5,
    "token": 0.5,
    "refresh": 0.5,
    "userinfo": 0.6,
    "client_credentials": 0.85,
}
"""Our processor time as a share of the peer's: at most this."""
P99_BAR = 0.5
MEMORY_BAR = 100.0
Found = dict[tuple[str, str], list[Measure]]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    rounds: int
    count: int
    acts: tuple[str, ...]


def main() -> None:
    """Start everything, measure, print, append."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--count", type=int, default=1000, help="requests of an act in a round")
    parser.add_argument("--acts", default=",".join(ACTS))
    parser.add_argument(
        "--bare", action="store_true", help="leave out what is printed beside: RS256, SQLite, LemonLDAP::NG"
    )
    parser.add_argument("--dry", action="store_true", help="print only")
    options = parser.parse_args()
    os.sched_setaffinity(0, {OTHER_CORE})
    plan = Plan(options.rounds, options.count, tuple(options.acts.split(",")))
    with tempfile.TemporaryDirectory(prefix="preau-bench-") as name, ExitStack() as stack:
        providers = _started(stack, Path(name), bare=options.bare)
        found = asyncio.run(rounds(providers, plan))
        memory = {each.name: largest_mib(each.pid) for each in providers}
    show(providers, found, plan, memory)
    if not options.dry:
        append(rows_of(providers, found, plan, memory[providers[0].name]))


def _started(stack: ExitStack, folder: Path, *, bare: bool) -> list[Provider]:
    """Ours on PostgreSQL and Redis first, then what is printed beside, then the peer."""
    before = set(tree(os.getpid()))
    database = stack.enter_context(postgresql_database(folder))
    redis = stack.enter_context(servers.redis_server())
    stores = [pid for pid in tree(os.getpid()) if pid not in before]
    providers = stack.enter_context(preau(folder / "ours", database, redis, stores=stores))
    if bare:
        providers = providers[:1]
    else:
        sqlite = f"sqlite:///{folder}/embedded/preau.sqlite"
        providers += stack.enter_context(preau(folder / "embedded", sqlite, "", stores=()))[:1]
        providers.append(stack.enter_context(llng_provider(folder, redis, stores=stores)))
    return [*providers, stack.enter_context(node_provider(folder, redis, stores=stores))]


async def rounds(providers: Sequence[Provider], plan: Plan) -> Found:
    """Every act of every provider in turn, and again: what the machine does meanwhile meets them all."""
    found: Found = {}
    for _ in range(plan.rounds):
        for provider in providers:
            provider.client.close()
            for act in plan.acts:
                found.setdefault((provider.name, act), []).append(
                    await measure(provider, ACTS[act], plan.count // provider.share)
                )
    return found


def middle(found: Found, provider: Provider, act: str, value: str) -> float:
    """The median over rounds."""
    return median(getattr(each, value) for each in found[provider.name, act])


def show(providers: Sequence[Provider], found: Found, plan: Plan, memory: dict[str, float]) -> None:
    """The table, for people."""
    peer = providers[-1]
    for act in plan.acts:
        print(f"\n{act}: at most {BARS[act]} of the processor time of {peer.name}")
        for provider in providers:
            cpu, p99, stores, rate, pace = (
                middle(found, provider, act, value) for value in ("cpu", "p99", "stores", "rate", "pace")
            )
            times = cpu / middle(found, peer, act, "cpu")
            waits = p99 / middle(found, peer, act, "p99")
            print(
                f"  {provider.name:<34} {cpu:7.3f} ms ({times:4.2f})   p99 {p99:6.1f} ms ({waits:4.2f})"
                f"   {1000 / cpu:6.0f} a second and core   stores {stores:.2f} ms   {rate:6.0f}/s   pace {pace:.2f}"
            )
    for name, mebibytes in memory.items():
        print(f"{name:<36} {mebibytes:6.0f} MiB a worker")


def rows_of(providers: Sequence[Provider], found: Found, plan: Plan, memory: float) -> list[Row]:
    """Ours against the peer, act by act."""
    ours, peer = providers[0], providers[-1]
    rows = [Row("oidc_memory_worker", memory, MEMORY_BAR, "lower", "MiB")]
    for act in plan.acts:
        for value, bar in (("cpu", BARS[act]), ("p99", P99_BAR)):
            mine, theirs = (middle(found, each, act, value) for each in (ours, peer))
            rows.append(Row(f"oidc_{act}_{value}", mine, bar, "lower", "ms", peer.name, theirs))
    return rows


if __name__ == "__main__":
    main()
