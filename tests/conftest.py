"""Fixtures shared by every tier: fresh migrated databases, a flushed Redis, a directory over ldaps, a still clock.

A missing server fails the tests that need it; with `PREAU_SKIP_SERVICES=1` they skip and the summary says which.
"""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path

import pytest
import redis
from sqlalchemy import Engine

from broker.domain.ports import EphemeralStore
from tests import oidf_plans, servers
from tests.certificates import ThrowAwayCa
from tests.clock import FakeClock

SKIPPED = "service not started: "

SERVICES = pytest.mark.services
SQL_PARAMS = ("sqlite", pytest.param("postgresql", marks=SERVICES))
EPHEMERAL_PARAMS = ("memory", pytest.param("redis", marks=SERVICES))


def needs(service: str) -> None:
    """Skip the test that needs this service when the caller asked for it."""
    if os.environ.get(servers.SKIP_VARIABLE) == "1":
        pytest.skip(SKIPPED + service)


def pytest_configure(config: pytest.Config) -> None:
    """Let ldap3 work: it uses names of pyasn1 and ssl that are going away."""
    config.addinivalue_line("filterwarnings", "ignore:(tag|type)Map is deprecated:DeprecationWarning")
    config.addinivalue_line("filterwarnings", r"ignore:ssl\.match_hostname\(\) is deprecated:DeprecationWarning")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let reports tell which modules of the OpenID Foundation's plans they speak of."""
    oidf_plans.note(items)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which plans passed, exactly which services were not started, and how many tests went without."""
    oidf_plans.write_summary(terminalreporter)
    reasons = (str(report.longrepr) for report in terminalreporter.stats.get("skipped", ()))
    found = (re.search(SKIPPED + r"([\w ]+)", reason) for reason in reasons)
    missed = Counter(match[1] for match in found if match)
    if not missed:
        return
    terminalreporter.section(f"{servers.SKIP_VARIABLE}=1: services skipped")
    for service, tests in sorted(missed.items()):
        terminalreporter.write_line(f"{service}: {tests} tests not run")


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands still until told."""
    return FakeClock()


@pytest.fixture(scope="session")
def throw_away_ca(tmp_path_factory: pytest.TempPathFactory) -> ThrowAwayCa:
    """An authority for https and ldaps on loopback."""
    return ThrowAwayCa(tmp_path_factory.mktemp("ca"))


# ---- PostgreSQL and SQLite ---------------------------------------------------------------------------------------


def _migrate(url: str) -> None:
    from broker.storage.engine import open_engine
    from broker.storage.migrate import upgrade

    engine = open_engine(url)
    try:
        upgrade(engine)
    finally:
        engine.dispose()


@pytest.fixture(scope="session")
def database_names() -> Iterator[str]:
    """Names for databases, each drawn once a session."""
    return (f"test_{number}" for number in count(1))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[servers.Postgres]:
    """This worker's PostgreSQL."""
    needs("PostgreSQL")
    with ExitStack() as stack:
        yield servers.started(stack, servers.postgres)


@pytest.fixture(scope="session")
def postgres_template(postgres_server: servers.Postgres) -> str:
    """A migrated, empty database to copy: migrating once and copying is many times faster than migrating each time."""
    _migrate(postgres_server.create("migrated"))
    return "migrated"


@pytest.fixture
def empty_postgres_url(postgres_server: servers.Postgres, database_names: Iterator[str]) -> Iterator[str]:
    """A fresh PostgreSQL database without any table, for the migrations' own tests."""
    name = next(database_names)
    yield postgres_server.create(name)
    postgres_server.drop(name)


@pytest.fixture
def postgres_url(
    postgres_server: servers.Postgres, postgres_template: str, database_names: Iterator[str]
) -> Iterator[str]:
    """A fresh PostgreSQL database, migrated and empty."""
    name = next(database_names)
    yield postgres_server.create(name, template=postgres_template)
    postgres_server.drop(name)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "migrated.sqlite"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A fresh SQLite database, migrated and empty."""
    path = tmp_path / "preau.sqlite"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=SQL_PARAMS)
def sql_url(request: pytest.FixtureRequest) -> str:
    """A fresh database of each kind, migrated and empty."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@pytest.fixture
def sql_engine(sql_url: str) -> Iterator[Engine]:
    """An engine on a fresh database of each kind; disposed at the end."""
    from broker.storage.engine import open_engine

    engine = open_engine(sql_url)
    yield engine
    engine.dispose()


@pytest.fixture
def postgres_engine(postgres_url: str) -> Iterator[Engine]:
    """An engine on a fresh PostgreSQL database, for what only PostgreSQL does."""
    from broker.storage.engine import open_engine

    engine = open_engine(postgres_url)
    yield engine
    engine.dispose()


# ---- Redis and memory --------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """This worker's Redis: its URL."""
    needs("Redis")
    with ExitStack() as stack:
        yield servers.started(stack, servers.redis_server)


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """A Redis that holds nothing."""
    with closing(redis.Redis.from_url(redis_server)) as client:
        client.flushall()
    return redis_server


@pytest.fixture(params=EPHEMERAL_PARAMS)
def ephemeral_store(request: pytest.FixtureRequest, clock: FakeClock) -> Iterator[EphemeralStore]:
    """Every adapter of `EphemeralStore`, empty."""
    if request.param == "memory":
        from broker.storage.memory_store import MemoryStore

        yield MemoryStore(clock)
        return
    from broker.storage.redis_store import RedisStore

    with closing(RedisStore(request.getfixturevalue("redis_url"), clock)) as store:
        yield store


# ---- LDAP --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def slapd_server(throw_away_ca: ThrowAwayCa) -> Iterator[servers.Slapd]:
    """This worker's slapd, one family loaded, ldaps only."""
    needs("slapd")
    with ExitStack() as stack:
        yield servers.started(stack, lambda: servers.slapd(throw_away_ca))
