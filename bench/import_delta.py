"""A whole académie, then the delta of the next day: seconds, memory, and until when a parent's page tells the news.

    python -m bench.import_delta [--pupils 462500] [--delta 5000] [--keep FOLDER] [--dry]

On a private PostgreSQL with the server's own defaults. The complete set is imported as `bench.import_aaf` does; the
delta by `preau import aaf`, a process of its own whose start counts too, while two parents' pages are asked for over
and over: one waits for a child's new class, the other must lose a child whose relation was withdrawn.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.academy import NEW_CLASS, Watched, write_delta
from bench.import_aaf import ROOT, generated, measure, postgresql_database, show
from bench.results import Row, append
from broker.app import Broker
from broker.domain.people import Reference
from broker.stores import utc_now
from tests.oidc_stand import Browser
from tests.whole_app import call, open_app, signed_in_as

BAR_COMPLETE, BAR_MEMORY, BAR_DELTA, BAR_VISIBLE = 300.0, 1024.0, 10.0, 60.0
PAUSE = 0.2
PATIENCE = 120.0
FEED = "99-2d"


def main() -> None:
    """Generate, import, change, look, print, append."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pupils", type=int, default=462_500)
    parser.add_argument("--delta", type=int, default=5_000)
    parser.add_argument("--keep", type=Path, help="folder of the generated académie, kept for the next run")
    parser.add_argument("--dry", action="store_true", help="print only")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="preau-bench-") as name, postgresql_database(Path(name)) as url:
        folder = Path(name)
        files = options.keep or folder / "aaf"
        records = generated(files, options.pupils)
        whole = measure(url, files, records)
        show("postgresql", whole)
        delta = folder / "delta"
        watched = write_delta(delta, pupils=options.pupils, records=options.delta)
        site = folder / "site"
        site.mkdir()
        with open_app(site, utc_now, more=f'database_url = "{url}"\n') as broker:
            spent, visible = change(broker, site, delta, watched)
        print(
            f"delta of {options.delta:,} records {spent:.1f} s, on the pages after {visible:.1f} s, both from the start"
        )
    if not options.dry:
        append(
            [
                Row(f"import_aaf_postgresql_seconds_{records}", whole.seconds, BAR_COMPLETE, "lower", "s"),
                Row(f"import_aaf_postgresql_memory_{records}", whole.mebibytes, BAR_MEMORY, "lower", "MiB"),
                Row(f"import_delta_postgresql_seconds_{options.delta}", spent, BAR_DELTA, "lower", "s"),
                Row(f"import_delta_postgresql_visible_{options.delta}", visible, BAR_VISIBLE, "lower", "s"),
            ]
        )


def change(broker: Broker, site: Path, delta: Path, watched: Watched) -> tuple[float, float]:
    """Import the delta; seconds from its start until it ended, and until both pages tell it."""
    moving, withdrawn = (_visitor(broker, key) for key in (watched.moving_parent, watched.withdrawn_parent))
    if NEW_CLASS in _page(broker, moving) or not _has_children(_page(broker, withdrawn)):
        raise SystemExit("the pages tell the news before it came")
    begin = time.monotonic()
    command = [sys.executable, "-m", "broker", "import", "aaf", "--config", site / "preau.toml", "--feed", FEED, delta]
    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    ended = told = 0.0
    while not (ended and told):
        if not ended and running.poll() is not None:
            ended = time.monotonic() - begin
            if running.returncode:
                raise SystemExit(f"the delta did not go through: {running.returncode}")
        if not told and NEW_CLASS in _page(broker, moving) and not _has_children(_page(broker, withdrawn)):
            told = time.monotonic() - begin
        if time.monotonic() - begin > PATIENCE:
            running.kill()
            raise SystemExit(f"no news within {PATIENCE:.0f} s")
        time.sleep(PAUSE)
    return ended, told


def _visitor(broker: Broker, key: str) -> Browser:
    """A parent signed in before the delta comes."""
    found = broker.stores.people.by_reference([Reference("99", key)], feeds=frozenset({FEED}))
    return signed_in_as(broker, utc_now, found[0].person_id)


def _page(broker: Broker, browser: Browser) -> str:
    answer = call(broker, "GET", "/", browser)
    if answer.status != 200:
        raise SystemExit(f"the portal answered {answer.status}")
    return answer.body.decode()


def _has_children(page: str) -> bool:
    return 'class="card' in page


if __name__ == "__main__":
    main()
