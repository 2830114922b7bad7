"""A million spoilt deliveries: every reader refuses or tells, never fails, and nothing is ever half applied."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Engine

from tests.feed_fuzz import TARGETS, Bench
from tests.proof.evidence import Proof, prove

pytestmark = [pytest.mark.proof, pytest.mark.timeout(0)]

OF_EACH = 2_000
REHEARSE_EVERY = 1_000

PROOF = Proof(
    name="feed_fuzz",
    what=(
        "Deliveries of a few hundred bytes, spoilt in one to three ways (bytes flipped, cuts, slices doubled, dropped "
        "or inserted, fields swapped, doubled, dropped or replaced, other encodings; one in ten as a damaged archive; "
        "of a directory its answers, written as LDIF): each reader refuses or gives records with keys and names and "
        "faults with reasons, no INE in any reason, in bounded time; "
        f"every {REHEARSE_EVERY:,}th that can be read goes through a rehearsal of the whole import on SQLite, which "
        "leaves nothing behind. The readers take turns, 200,000 inputs each: "
        f"{', '.join(target.name for target in TARGETS)}"
    ),
    count=1_000_000,
    seed=20261122,
    covers=(
        "connectors/aaf",
        "connectors/csv_tables.py",
        "connectors/delivery.py",
        "connectors/feed_values.py",
        "connectors/ldap/entries.py",
        "connectors/ldap/feed.py",
        "connectors/ldap/names.py",
        "connectors/ldap/people.py",
        "connectors/ldap/reading.py",
        "connectors/ldap/snapshot.py",
        "connectors/ldap/ties.py",
        "connectors/onde",
        "connectors/siecle",
        "connectors/vendor_csv",
        "connectors/xml_stream.py",
        "broker/directory/staging.py",
        "tests/feed_fuzz.py",
        "tests/ldif.py",
    ),
)


def test_a_million_spoilt_deliveries_are_refused_or_told(tmp_path: Path, sqlite_engine: Engine) -> None:
    benches = [Bench(target, tmp_path) for target in TARGETS]

    def batch(random: Random) -> int:
        for bench in benches:
            for _ in range(OF_EACH):
                bench.try_one(random, engine=sqlite_engine, rehearse_every=REHEARSE_EVERY)
            assert bench.tally.accepted * 10 > bench.tally.tried, f"{bench.target.name}: hardly any is read"
        return OF_EACH * len(benches)

    prove(PROOF, batch)
