"""What the page after a sign-out knows: by the browser's own handle, for minutes; nothing while the store is away."""

from __future__ import annotations

from broker.domain.errors import EphemeralUnavailable
from broker.domain.handles import Handle, new_handle
from broker.federation.farewells import FAREWELL_SECONDS, Farewell, Farewells
from broker.storage.memory_store import MemoryStore
from tests.clock import FakeClock

LEFT = Farewell("sid_1", "https://cantine.example/au-revoir?state=é")


class Away(MemoryStore):
    """A store that does not answer."""

    def put(self, key: str, value: bytes, *, ttl: int) -> None:
        raise EphemeralUnavailable("away")

    def get(self, key: str) -> bytes | None:
        raise EphemeralUnavailable("away")


def test_a_farewell_is_found_by_its_handle_alone_and_for_a_while(clock: FakeClock) -> None:
    farewells = Farewells(MemoryStore(clock))
    handle = farewells.keep(LEFT)
    assert farewells.find(handle) == LEFT
    assert farewells.find(handle) == LEFT, "the page may be loaded again"
    assert farewells.find(new_handle(Handle.FAREWELL)) is None
    assert farewells.find(new_handle(Handle.SESSION)) is None
    assert farewells.find("") is None
    clock.advance(FAREWELL_SECONDS)
    assert farewells.find(handle) is None


def test_without_the_store_there_is_no_farewell_and_no_fault(clock: FakeClock) -> None:
    farewells = Farewells(Away(clock))
    assert farewells.keep(LEFT) == ""
    assert farewells.find(new_handle(Handle.FAREWELL)) is None
