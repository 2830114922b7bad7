# ruff: noqa: T201 - its output is how the test follows it
"""A worker in a process of its own, for `test_worker`: tells each row only after a line on standard input."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from broker.domain.audit import OutboxRow, Topic
from broker.jobs.stopping import stop_event
from broker.jobs.work import Worker
from broker.storage.engine import open_engine
from broker.storage.sealing import HeadSigner, MasterSecret
from broker.storage.sql_audit import SqlAudit
from broker.storage.sql_outbox import SqlOutbox
from broker.storage.sql_purge import SqlPurge
from tests.retention import shipped_spans


def tell(row: OutboxRow) -> None:
    """Say that it has begun, and end when told to."""
    print(f"begun {row.key}", flush=True)
    sys.stdin.readline()
    print(f"told {row.key}", flush=True)


def main() -> None:
    """Work on the database named on the command line until a signal asks to stop."""
    engine = open_engine(sys.argv[1])
    signer = HeadSigner(MasterSecret(b"m" * 32))
    worker = Worker(
        outbox=SqlOutbox(engine),
        audit=SqlAudit(engine, sign=signer.sign, check=signer.check),
        purges=[SqlPurge(engine, kept=shipped_spans)],
        deliverers={Topic.SESSIONS_CHANGED: tell},
        clock=lambda: datetime.now(UTC),
    )
    with stop_event() as stop:
        print("ready", flush=True)
        worker.run(stop)
    engine.dispose()


if __name__ == "__main__":
    main()
