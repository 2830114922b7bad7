"""One measure: a bounded list of requests drained by some connections, beside the processor time that it took."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from bench.http_client import Client, Response
from bench.processes import cpu_seconds

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


class Unsound(Exception):
    """The answer does not hold what was asked for."""


class Server(Protocol):
    """What is measured: a process, its stores, and a connection to it. `connections`: as many as it keeps alive."""

    @property
    def name(self) -> str:
        """For people."""
        ...

    @property
    def pid(self) -> int:
        """The root of its processes."""
        ...

    @property
    def stores(self) -> tuple[int, ...]:
        """The roots of its stores' processes."""
        ...

    @property
    def connections(self) -> int:
        """How many connections drain the requests."""
        ...

    @property
    def base(self) -> str:
        """Its origin."""
        ...

    @property
    def client(self) -> Client:
        """A connection for what is not measured."""
        ...


def need(holds: bool, answer: Response, what: str) -> None:
    """Raise `Unsound` unless the work was done."""
    if not holds:
        raise Unsound(f"{what}: {answer.status} {answer.head[:300]!r} {answer.body[:300]!r}")


S = TypeVar("S", bound=Server)


@dataclass(frozen=True, slots=True)
class Act(Generic[S]):
    """What is asked: requests made beforehand, and the check of each answer, which raises `Unsound`."""

    name: str
    prepare: Callable[[S, int], Awaitable[list[bytes]]]
    check: Callable[[S, Response], None]


async def measure(provider: S, act: Act[S], count: int) -> Measure:
    """Send `count` requests of an act, each answer checked. Raises `Unsound` for the first that is not right."""
    for warming in await act.prepare(provider, WARM):
        act.check(provider, await provider.client.send(warming))
    left = iter(await act.prepare(provider, count))
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


async def _drain(provider: S, act: Act[S], left: Iterator[bytes], waited: list[float]) -> None:
    client = Client(provider.base)
    for asked in left:
        begin = time.perf_counter()
        answer = await client.send(asked)
        waited.append(time.perf_counter() - begin)
        act.check(provider, answer)
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
