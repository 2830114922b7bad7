"""One measure: a bounded list of requests drained by some connections, beside the processor time that it took."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from dataclasses import dataclass

from bench.oidc.client import Client
from bench.oidc.process import cpu_seconds
from bench.oidc.work import CHECKS, Provider, Unsound

SERVER_CORE, OTHER_CORE = 0, 1
WARM = 30
LONGEST = 120.0
"""Seconds after which a measure is given up."""


@dataclass(frozen=True, slots=True)
class Measure:
    """Milliseconds a request: processor time of the server, of its stores; the 50th and 99th waiting time.

    `pace`: microseconds of one link of a fixed chain of hashes on the server's core: where it moved, the machine did.
    """

    cpu: float
    stores: float
    p50: float
    p99: float
    rate: float
    pace: float


async def measure(provider: Provider, act: str, count: int) -> Measure:
    """Send `count` requests of an act, each answer checked. Raises `Unsound` for the first that is not right."""
    for warming in await provider.requests(act, WARM):
        CHECKS[act](provider, await provider.client.send(warming))
    left = iter(await provider.requests(act, count))
    waited: list[float] = []
    before = pace()
    server, stores, began = cpu_seconds([provider.pid]), cpu_seconds([*provider.stores]), time.perf_counter()
    async with asyncio.timeout(LONGEST), asyncio.TaskGroup() as group:
        for _ in range(provider.connections):
            group.create_task(_drain(provider, act, left, waited))
    wall = time.perf_counter() - began
    server, stores = cpu_seconds([provider.pid]) - server, cpu_seconds([*provider.stores]) - stores
    if len(waited) != count:
        raise Unsound(f"{provider.name} answered {len(waited)} of {count}")
    waited.sort()
    return Measure(
        cpu=server / count * 1e3,
        stores=stores / count * 1e3,
        p50=waited[count // 2] * 1e3,
        p99=waited[int(count * 0.99)] * 1e3,
        rate=count / wall,
        pace=(before + pace()) / 2,
    )


async def _drain(provider: Provider, act: str, left: object, waited: list[float]) -> None:
    client, check = Client(provider.base), CHECKS[act]
    for asked in left:  # type: ignore[attr-defined]
        begin = time.perf_counter()
        answer = await client.send(asked)
        waited.append(time.perf_counter() - begin)
        check(provider, answer)
    client.close()


def pace() -> float:
    """Microseconds of a SHA-256 on the server's core, now."""
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {SERVER_CORE})
    begin, link = time.process_time(), b"x" * 32
    for _ in range(50_000):
        link = hashlib.sha256(link).digest()
    spent = time.process_time() - begin
    os.sched_setaffinity(0, mine)
    return spent * 20
