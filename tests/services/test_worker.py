"""The worker on real databases and stores, and as a process that is told to end."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from broker.domain.audit import Action, AuditEvent, copies_gone
from broker.domain.ports import EphemeralStore
from broker.jobs.deliver import deliverers
from broker.jobs.work import Tick, Worker
from broker.storage.engine import open_engine, reading, writing
from broker.storage.schema import outbox
from broker.storage.sealing import HeadSigner, MasterSecret
from broker.storage.sql_audit import SqlAudit
from broker.storage.sql_outbox import SqlOutbox
from broker.storage.sql_purge import SqlPurge
from broker.storage.trail import insert_audit, insert_outbox
from tests.clock import FakeClock
from tests.retention import shipped_spans

ROOT = Path(__file__).parents[2]
SIGNER = HeadSigner(MasterSecret(b"m" * 32))


def test_an_act_that_ended_sessions_reaches_their_copies_and_the_sealed_trail(
    sql_engine: Engine, ephemeral_store: EphemeralStore, clock: FakeClock
) -> None:
    for key in ("session:d1", "session:d2"):
        ephemeral_store.put(key, b"copy", ttl=30)
    with writing(sql_engine) as conn:
        insert_audit(conn, [AuditEvent(tenant="ac-test", at=clock(), action=Action.LINK_UNDONE, actor="prs_1")])
        insert_outbox(
            conn,
            [
                copies_gone(key="prs_1", digests=("d1",), at=clock()),
            ],
        )
    audit = SqlAudit(sql_engine, sign=SIGNER.sign, check=SIGNER.check)
    worker = Worker(
        outbox=SqlOutbox(sql_engine),
        audit=audit,
        purges=[SqlPurge(sql_engine, kept=shipped_spans)],
        deliverers=deliverers(ephemeral_store),
        clock=clock,
    )
    assert worker.tick(clock()) == Tick(told=1, sealed=1)
    assert worker.tick(clock()) == Tick()
    assert [ephemeral_store.get(key) for key in ("session:d1", "session:d2")] == [None, b"copy"]
    assert audit.verify("ac-test") == ()


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_asked_to_stop_finishes_its_job_and_gives_back_the_rest(
    sqlite_url: str, asked: signal.Signals
) -> None:
    engine = open_engine(sqlite_url)
    start = datetime.now(UTC)
    with writing(engine) as conn:
        insert_outbox(conn, [copies_gone(key=key, digests=(), at=start) for key in "ab"])
    with subprocess.Popen(
        [sys.executable, "-m", "tests.services.worker_process", sqlite_url],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert [process.stdout.readline() for _ in range(2)] == ["ready\n", "begun a\n"]
        process.send_signal(asked)
        said, _ = process.communicate("\n")
    assert process.returncode == 0
    assert said == "told a\n"
    with reading(engine) as conn:
        told, waiting = conn.execute(select(outbox).order_by(outbox.c.id)).all()
    assert told.done_at is not None
    assert waiting.done_at is None
    assert waiting.due_at <= datetime.now(UTC)
    engine.dispose()
