"""One demo town with the tests' own service in its register, and the clients of that service around it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.browser.town import RunningTown, free_port, running_town
from tests.conftest import needs
from tests.interop.apache import GOOD, UNREGISTERED, WITHOUT_PKCE, apache
from tests.interop.node_party import ADDRESS, node_party
from tests.interop.parties import APACHE, NODE, Party, draw_secret, register
from tests.scripted_browser import ScriptedBrowser


@pytest.fixture(scope="session")
def town_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("interop")


@pytest.fixture(scope="session")
def parties(town_folder: Path) -> dict[str, Party]:
    """Known to the broker before it starts. Old software asks for RS256, new software for ES256."""
    needs("Apache and openid client")
    data = town_folder / "town"
    apache_port, node_port = free_port(), free_port()
    apache_origins = tuple(f"http://{host}:{apache_port}" for host in (GOOD, WITHOUT_PKCE, UNREGISTERED))
    known = {
        APACHE: Party(APACHE, "RS256", apache_origins, 2, draw_secret(data, APACHE)),
        NODE: Party(NODE, "ES256", (f"http://{ADDRESS}:{node_port}",), 1, draw_secret(data, NODE)),
    }
    register(data, list(known.values()))
    return known


@pytest.fixture(scope="session")
def town(town_folder: Path, parties: dict[str, Party]) -> Iterator[RunningTown]:
    with running_town(town_folder) as running:
        yield running


@pytest.fixture(scope="session")
def apache_at(parties: dict[str, Party], town: RunningTown) -> Iterator[dict[str, str]]:
    """A running Apache: the origin of each of its hosts."""
    party = parties[APACHE]
    with apache(party, town.origin):
        yield dict(zip((GOOD, WITHOUT_PKCE, UNREGISTERED), party.origins, strict=True))


@pytest.fixture(scope="session")
def node_at(parties: dict[str, Party], town: RunningTown) -> Iterator[str]:
    """The origin of a running openid-client."""
    with node_party(parties[NODE], town.origin) as origin:
        yield origin


@pytest.fixture
def browser() -> Iterator[ScriptedBrowser]:
    with closing(ScriptedBrowser()) as opened:
        yield opened


@pytest.fixture
def another_browser() -> Iterator[ScriptedBrowser]:
    with closing(ScriptedBrowser()) as opened:
        yield opened
