"""The test stand itself: real servers leave nothing behind, a missing one fails, a skipped one is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, text

from tests import servers
from tests.certificates import ThrowAwayCa
from tests.clock import FakeClock

ROOT = Path(__file__).parents[2]


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder the servers' unprivileged user can pass through; pytest's own are closed to it."""
    with tempfile.TemporaryDirectory(prefix="preau-stand-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


HOLD_A_SERVER = """
import json, sys
from tests import servers
with servers.redis_server() as url:
    print(url, flush=True)
    sys.stdin.read()
"""


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.services
@pytest.mark.usefixtures("redis_url")
def test_a_killed_test_run_leaves_no_server_and_no_file(public_folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_A_SERVER],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(public_folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as holder:
        assert holder.stdout
        port = int(holder.stdout.readline().rsplit(b":", 1)[1].split(b"/")[0])
        assert servers.accepts("127.0.0.1", port)
        assert list(public_folder.iterdir())
        holder.kill()
        holder.communicate()  # its standard error closes when the warden, who shares it, is gone too
    assert not servers.accepts("127.0.0.1", port)
    assert not list(public_folder.iterdir())


def test_a_missing_server_is_named_with_what_to_install() -> None:
    with pytest.raises(servers.ServerMissing, match="no-such-server is not installed"):
        servers.find_binary("no-such-server")


def test_a_server_that_does_not_come_up_shows_its_log(tmp_path: Path) -> None:
    with (
        pytest.raises(servers.ServerFailed, match="this is why"),
        servers.guarded(
            ["/bin/sh", "-c", "echo this is why; exit 3"],
            folder=tmp_path,
            account=servers.Account(None, None),
            stop=[],
            answers=lambda: False,
        ),
    ):
        pytest.fail("it never answered")
    assert not tmp_path.exists()


def test_skipped_services_are_named_in_the_summary_also_by_parallel_workers() -> None:
    done = run(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "1",
        "tests/services/test_slapd.py", "tests/contract/test_outbox.py",
        PREAU_SKIP_SERVICES="1",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "\nslapd: 5 tests not run" in done.stdout
    assert "\nPostgreSQL: 7 tests not run" in done.stdout


def test_clauses_are_collected_with_the_tests_that_prove_them() -> None:
    done = run("-c", "import json; from tests.specs import collect; print(json.dumps(collect(['tests/services'])))")
    assert done.returncode == 0, done.stderr
    proven = json.loads(done.stdout)["RFC 4513 §5.1.2"]
    assert "tests/services/test_slapd.py" in {test.split("::")[0] for test in proven}


@pytest.mark.services
def test_each_test_gets_a_postgresql_database_of_its_own(postgres_url: str, postgres_engine: Engine) -> None:
    with postgres_engine.connect() as conn:
        assert conn.execute(text("SELECT count(*) FROM persons")).scalar_one() == 0
        assert conn.execute(text("SELECT count(*) FROM alembic_version")).scalar_one() == 1
        assert conn.execute(text("SHOW server_encoding")).scalar_one() == "UTF8"
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        psycopg.connect(postgres_url.replace("+psycopg", "").replace("preau:", "preau:wrong"))


def test_the_still_clock_moves_only_when_told(clock: FakeClock) -> None:
    before = clock()
    assert clock() == before
    assert (clock.advance(1.5) - before).total_seconds() == 1.5
    clock.set(before)
    assert clock() == before
    with pytest.raises(ValueError, match="UTC"):
        clock.set(before.replace(tzinfo=None))


def test_the_throw_away_authority_is_trusted_alone(throw_away_ca: ThrowAwayCa) -> None:
    assert [entry["subject"] for entry in throw_away_ca.trust().get_ca_certs()] == [
        ((("commonName", "throw-away test CA"),),)
    ]
    assert throw_away_ca.issue(stem="mode").key.stat().st_mode & 0o777 == 0o600
