"""Records a second and peak memory of `preau import aaf` on a generated academy, on SQLite and on PostgreSQL.

    python -m bench.import_aaf [--pupils 300000] [--database sqlite|postgresql|both] [--keep FOLDER] [--dry]

The import runs in a process of its own, whose peak memory the kernel tells. PostgreSQL is a private one with the
server's own defaults (fsync and autovacuum on). The rows in `bench/results.json` are those of the last run.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.academy import write_academy
from bench.results import Row, append
from tests import servers

ROOT = Path(__file__).parent.parent
BAR_SPEED = 5_000.0
BAR_MEMORY = 600.0


@dataclass(frozen=True, slots=True)
class Measure:
    """One import: records, wall seconds, peak resident memory in MiB, processor seconds, seconds of each step.

    Memory is that of the importing process plus, for each reading process, the largest one's peak.
    """

    records: int
    seconds: float
    mebibytes: float
    processor: float
    steps: dict[str, float]


def main() -> None:
    """Generate, import, print, append."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pupils", type=int, default=300_000)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--keep", type=Path, help="folder of the generated files, kept for the next run")
    parser.add_argument("--dry", action="store_true", help="print only")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(import_once(*options.child)))
        return
    with tempfile.TemporaryDirectory(prefix="preau-bench-") as folder:
        files = options.keep or Path(folder) / "aaf"
        records = generated(files, options.pupils)
        for database in DATABASES if options.database == "both" else (options.database,):
            with DATABASES[database](Path(folder)) as url:
                found = measure(url, files, records)
            show(database, found)
            if not options.dry:
                append(rows_of(database, found, options.pupils))


def generated(files: Path, pupils: int) -> int:
    """Generate the academy where it does not stand yet; returns how many records it holds."""
    marker = files / f"{pupils}.count"
    if not marker.exists():
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.write_text(str(write_academy(files, pupils=pupils)))
    return int(marker.read_text())


def measure(url: str, files: Path, records: int) -> Measure:
    """Import in a process of its own and ask the kernel for its peak memory."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.import_aaf", "--child", url, str(files)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    told = json.loads(done.stdout)
    return Measure(records, told["seconds"], told["rss"] / 1024, told["cpu"], told["steps"])


def import_once(url: str, files: str) -> dict[str, object]:
    """Import into a fresh, migrated database; the clock starts before the first file is opened."""
    from broker.directory import Progress, import_feed
    from broker.directory.lease import is_gone
    from broker.domain.feed import Feed
    from broker.storage.engine import open_engine
    from broker.storage.migrate import upgrade
    from broker.storage.sql_imports import SqlImports
    from connectors.aaf import AafFeed

    engine = open_engine(url)
    upgrade(engine)
    steps: dict[str, float] = {}
    begin = last = time.monotonic()

    def progress(at: Progress) -> None:
        nonlocal last
        now = time.monotonic()
        steps[at.step] = steps.get(at.step, 0.0) + now - last
        last = now
        print(f"\r{at.step} {at.done:>9}", end="", file=sys.stderr, flush=True)

    report = import_feed(
        feed=Feed("99-2d", "ac-test", "99", "2D"),
        paths=[Path(files)],
        imports=SqlImports(engine, is_gone=is_gone),
        reader=AafFeed(),
        clock=lambda: datetime.now(UTC),
        progress=progress,
    )
    seconds = time.monotonic() - begin
    steps["finish"] = time.monotonic() - last
    engine.dispose()
    if report.state != "done" or any(not fault.warning for fault in report.faults):
        raise SystemExit(f"the import did not go through: {report.state}, {report.faults[:3]}")
    print(file=sys.stderr)
    own, readers = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "seconds": seconds,
        "rss": own.ru_maxrss + readers.ru_maxrss * (os.cpu_count() or 1),
        "cpu": own.ru_utime + own.ru_stime + readers.ru_utime + readers.ru_stime,
        "steps": {name: round(spent, 1) for name, spent in steps.items()},
    }


@contextmanager
def sqlite_database(folder: Path) -> Iterator[str]:
    """A file of its own."""
    yield f"sqlite:///{folder / 'preau.sqlite'}"


@contextmanager
def postgresql_database(_folder: Path) -> Iterator[str]:
    """A private server with PostgreSQL's own defaults, durability included."""
    initdb = servers.find_binary("initdb", folders=sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin"))))
    account = servers.unprivileged("postgres")
    with servers.private_folder("postgres", account) as folder:
        server = servers.Postgres(port=servers.free_port(), password=secrets.token_hex(16))
        password = folder / "password"
        password.write_text(server.password)
        servers.give(password, account)
        place = ["-D", folder / "data", "-U", "preau", "-A", "scram-sha-256", f"--pwfile={password}", "-E", "UTF8"]
        servers.run_as(account, [initdb, *place, "--locale=C"], folder=folder)
        settings = {"listen_addresses": "127.0.0.1", "port": server.port, "unix_socket_directories": folder}
        command = [initdb.with_name("postgres"), "-D", folder / "data"]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        stop = ["SIGINT", "SIGQUIT"]
        with servers.guarded(command, folder=folder, account=account, stop=stop, answers=server.answers):
            yield server.create("bench")


DATABASES = {"sqlite": sqlite_database, "postgresql": postgresql_database}


def show(database: str, found: Measure) -> None:
    """One line for people."""
    speed = found.records / found.seconds
    print(
        f"{database:<11} {found.records:>9,} records {found.seconds:>7.1f} s {speed:>8,.0f} records/s"
        f" {found.mebibytes:>6.0f} MiB   client {found.processor / found.records * 1e6:.0f} us of processor a record,"
        f" load {os.getloadavg()[0]:.1f}   {found.steps}"
    )


def rows_of(database: str, found: Measure, pupils: int) -> list[Row]:
    """The two rows of a measure."""
    name = f"import_aaf_{database}_{{}}_{pupils}"
    return [
        Row(name.format("speed"), found.records / found.seconds, BAR_SPEED, "higher", "records/s"),
        Row(name.format("memory"), found.mebibytes, BAR_MEMORY, "lower", "MiB"),
    ]


if __name__ == "__main__":
    main()
