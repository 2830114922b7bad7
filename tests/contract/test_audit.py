# ruff: noqa: S608 - tampering is raw SQL made here
"""The contract of `Audit`, run on SQLite and PostgreSQL: what is sealed can be tampered with only visibly."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import Engine, text

from broker.domain.audit import Action, AuditEvent, AuditFault, FaultKind
from broker.storage.engine import writing
from broker.storage.sealing import HeadSigner, MasterSecret
from broker.storage.sql_audit import SqlAudit
from broker.storage.trail import insert_audit
from tests.clock import FakeClock

SIGNER = HeadSigner(MasterSecret(b"m" * 32))


@pytest.fixture
def audit(sql_engine: Engine) -> SqlAudit:
    return SqlAudit(sql_engine, sign=SIGNER.sign, check=SIGNER.check)


def event(clock: FakeClock, number: int = 0, *, tenant: str = "ac-test") -> AuditEvent:
    return AuditEvent(
        tenant=tenant,
        at=clock() + timedelta(microseconds=number),
        action=Action.SIGN_IN_REFUSED,
        actor=f"ent-{number}",
        subject="prs_é",
        outcome="refused",
        trace=f"t{number}",
        detail={"code": "PRE-2003", "note": "père"},
    )


def events(clock: FakeClock, number: int) -> tuple[AuditEvent, ...]:
    return tuple(event(clock, n) for n in range(number))


@pytest.fixture
def sealed(audit: SqlAudit, clock: FakeClock) -> SqlAudit:
    """Six sealed events of one tenant."""
    audit.append(events(clock, 6))
    assert audit.seal("ac-test", now=clock(), limit=100) == 6
    assert audit.verify("ac-test") == ()
    return audit


@pytest.fixture
def tamper(sql_engine: Engine) -> Callable[..., None]:
    """Change rows behind the broker's back."""

    def run(*statements: str) -> None:
        with writing(sql_engine) as conn:
            for statement in statements:
                conn.execute(text(statement))

    return run


Tamper = Callable[..., None]


def found(audit: SqlAudit) -> list[tuple[int, str]]:
    return [(fault.position, fault.kind.value) for fault in audit.verify("ac-test")]


def test_an_empty_trail_is_sound(audit: SqlAudit, clock: FakeClock) -> None:
    assert audit.tenants() == ()
    assert audit.seal("ac-test", now=clock(), limit=10) == 0
    assert audit.verify("ac-test") == ()
    audit.append(())
    assert audit.tenants() == ()


def test_unsealed_events_are_named_until_they_are_sealed(audit: SqlAudit, clock: FakeClock) -> None:
    audit.append(events(clock, 2))
    assert [kind for _, kind in found(audit)] == ["unsealed", "unsealed"]
    assert audit.seal("ac-test", now=clock(), limit=10) == 2
    assert found(audit) == []
    assert audit.seal("ac-test", now=clock(), limit=10) == 0


def test_sealing_goes_on_batch_by_batch(audit: SqlAudit, clock: FakeClock) -> None:
    audit.append(events(clock, 5))
    assert [audit.seal("ac-test", now=clock(), limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert found(audit) == []


def test_each_tenant_has_a_chain_of_its_own(audit: SqlAudit, clock: FakeClock, tamper: Tamper) -> None:
    audit.append([event(clock, n, tenant=tenant) for n in range(3) for tenant in ("b", "a", "c")])
    assert audit.tenants() == ("a", "b", "c")
    assert [audit.seal(tenant, now=clock(), limit=10) for tenant in "ab"] == [3, 3]
    tamper("UPDATE audit_events SET actor = 'x' WHERE tenant = 'b'")
    assert audit.verify("a") == ()
    assert audit.verify("b") == tuple(AuditFault("b", n, FaultKind.EDITED) for n in (1, 2, 3))
    assert {fault.kind for fault in audit.verify("c")} == {FaultKind.UNSEALED}


@pytest.mark.parametrize(
    "change",
    [
        "actor = 'somebody else'",
        "subject = 'prs_other'",
        "outcome = 'done'",
        "trace = ''",
        "action = 'sign_in'",
        "detail = '{}'",
    ],
)
def test_an_edited_event_is_named(sealed: SqlAudit, tamper: Tamper, change: str) -> None:
    tamper(f"UPDATE audit_events SET {change} WHERE trace = 't2'")
    assert found(sealed) == [(3, "edited")]


def test_an_event_moved_in_time_is_named(sealed: SqlAudit, sql_engine: Engine, tamper: Tamper) -> None:
    earlier = "datetime(at, '-1 hour')" if sql_engine.dialect.name == "sqlite" else "at - interval '1 hour'"
    tamper(f"UPDATE audit_events SET at = {earlier} WHERE trace = 't2'")
    assert found(sealed) == [(3, "edited")]


def test_an_event_given_to_another_tenant_is_named(sealed: SqlAudit, tamper: Tamper) -> None:
    tamper("UPDATE audit_events SET tenant = 'elsewhere' WHERE trace = 't2'")
    assert found(sealed) == [(3, "edited")]


def test_two_edits_are_both_named(sealed: SqlAudit, tamper: Tamper) -> None:
    tamper("UPDATE audit_events SET actor = 'x' WHERE trace IN ('t1', 't4')")
    assert found(sealed) == [(2, "edited"), (5, "edited")]


def test_a_deleted_event_is_named(sealed: SqlAudit, tamper: Tamper) -> None:
    tamper("DELETE FROM audit_events WHERE trace = 't2'")
    assert found(sealed) == [(3, "deleted")]


def test_an_event_deleted_with_its_link_is_named(sealed: SqlAudit, tamper: Tamper) -> None:
    tamper("DELETE FROM audit_seals WHERE position = 3", "DELETE FROM audit_events WHERE trace = 't2'")
    assert found(sealed) == [(3, "deleted")]


def test_a_gap_closed_by_renumbering_is_named(sealed: SqlAudit, tamper: Tamper) -> None:
    tamper(
        "DELETE FROM audit_seals WHERE position = 3",
        "DELETE FROM audit_events WHERE trace = 't2'",
        *(f"UPDATE audit_seals SET position = {n - 1} WHERE position = {n}" for n in (4, 5, 6)),
    )
    assert (3, "edited") in found(sealed)
    assert (6, "truncated") in found(sealed)


def test_two_links_that_changed_events_are_reordered(sealed: SqlAudit, sql_engine: Engine, tamper: Tamper) -> None:
    with writing(sql_engine) as conn:
        ids = {row.position: row.event_id for row in conn.execute(text("SELECT position, event_id FROM audit_seals"))}
    tamper(
        "UPDATE audit_seals SET event_id = -1 WHERE position = 2",
        f"UPDATE audit_seals SET event_id = {ids[2]} WHERE position = 5",
        f"UPDATE audit_seals SET event_id = {ids[5]} WHERE position = 2",
    )
    assert found(sealed) == [(2, "reordered"), (5, "reordered")]


def test_two_events_that_changed_ids_are_reordered(sealed: SqlAudit, sql_engine: Engine, tamper: Tamper) -> None:
    with writing(sql_engine) as conn:
        ids = {row.trace: row.id for row in conn.execute(text("SELECT trace, id FROM audit_events"))}
    tamper(
        "UPDATE audit_events SET id = -1 WHERE trace = 't1'",
        f"UPDATE audit_events SET id = {ids['t1']} WHERE trace = 't2'",
        f"UPDATE audit_events SET id = {ids['t2']} WHERE trace = 't1'",
    )
    assert found(sealed) == [(2, "reordered"), (3, "reordered")]


def test_two_whole_links_that_changed_places_are_reordered(sealed: SqlAudit, tamper: Tamper) -> None:
    tamper(
        "UPDATE audit_seals SET position = 99 WHERE position = 2",
        "UPDATE audit_seals SET position = 2 WHERE position = 3",
        "UPDATE audit_seals SET position = 3 WHERE position = 99",
    )
    assert [fault for fault in found(sealed) if fault[1] == "reordered"] == [(2, "reordered"), (3, "reordered")]


def test_a_tail_cut_off_is_named(sealed: SqlAudit, tamper: Tamper) -> None:
    tamper("DELETE FROM audit_seals WHERE position > 4", "DELETE FROM audit_events WHERE trace IN ('t4', 't5')")
    assert found(sealed) == [(5, "truncated")]


def test_a_chain_cut_off_whole_is_named(sealed: SqlAudit, tamper: Tamper) -> None:
    tamper("DELETE FROM audit_seals", "DELETE FROM audit_events")
    assert sealed.tenants() == ("ac-test",)
    assert found(sealed) == [(1, "truncated")]


def test_events_deleted_with_the_head_are_named(sealed: SqlAudit, tamper: Tamper) -> None:
    tamper("DELETE FROM audit_heads", "DELETE FROM audit_events")
    assert sealed.tenants() == ("ac-test",)
    assert (6, "truncated") in found(sealed)
    assert [kind for _, kind in found(sealed)].count("deleted") == 6


def test_a_head_that_is_gone_is_named(sealed: SqlAudit, tamper: Tamper) -> None:
    tamper("DELETE FROM audit_heads")
    assert found(sealed) == [(6, "truncated")]


def test_a_head_moved_back_without_the_key_is_named(sealed: SqlAudit, tamper: Tamper) -> None:
    tamper(
        "DELETE FROM audit_events WHERE trace = 't5'",
        "DELETE FROM audit_seals WHERE position = 6",
        "UPDATE audit_heads SET position = 5, digest = (SELECT digest FROM audit_seals WHERE position = 5)",
    )
    assert found(sealed) == [(5, "forged")]


@pytest.mark.parametrize("signature", ["", "!", "AAAA", "é"])
def test_a_signature_that_is_not_ours_is_named(sealed: SqlAudit, tamper: Tamper, signature: str) -> None:
    tamper(f"UPDATE audit_heads SET signature = '{signature}'")
    assert found(sealed) == [(6, "forged")]


def test_another_installations_signature_is_named(sealed: SqlAudit, sql_engine: Engine) -> None:
    stranger = HeadSigner(MasterSecret(b"s" * 32))
    assert found(SqlAudit(sql_engine, sign=stranger.sign, check=stranger.check)) == [(6, "forged")]


def test_links_added_beyond_the_head_are_named(sealed: SqlAudit, tamper: Tamper) -> None:
    tamper(
        "INSERT INTO audit_seals (tenant, position, event_id, digest, sealed_at)"
        " SELECT tenant, 1000000000, -5, digest, sealed_at FROM audit_seals WHERE position = 6"
    )
    faults = found(sealed)
    assert (7, "forged") in faults
    assert (1000000000, "deleted") in faults
    assert len(faults) < 200


def test_a_chain_that_does_not_match_its_head_is_not_sealed_on(
    sealed: SqlAudit, sql_engine: Engine, tamper: Tamper, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Sealing on would sign what the intruder left."""
    tamper("DELETE FROM audit_seals WHERE position > 4", "DELETE FROM audit_events WHERE trace IN ('t4', 't5')")
    sealed.append([event(clock, 9)])
    assert sealed.seal("ac-test", now=clock(), limit=10) == 0
    assert (5, "truncated") in found(sealed)
    assert "not sealed" in caplog.text
    tamper("DELETE FROM audit_heads")
    assert sealed.seal("ac-test", now=clock(), limit=10) == 0


def test_each_signed_head_is_logged_as_a_witness_elsewhere(
    audit: SqlAudit, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    audit.append(events(clock, 2))
    with caplog.at_level(logging.INFO):
        audit.seal("ac-test", now=clock(), limit=10)
    (record,) = (record for record in caplog.records if record.message == "audit sealed")
    assert (record.tenant, record.position) == ("ac-test", 2)  # type: ignore[attr-defined]
    assert record.signature  # type: ignore[attr-defined]


def test_two_sealers_never_give_one_event_two_places(audit: SqlAudit, sql_engine: Engine, clock: FakeClock) -> None:
    audit.append(events(clock, 60))
    gate = Barrier(4)

    def work(_: int) -> int:
        sealer = SqlAudit(sql_engine, sign=SIGNER.sign, check=SIGNER.check)
        gate.wait()
        return sum(sealer.seal("ac-test", now=clock(), limit=5) for _ in range(12))

    with ThreadPoolExecutor(4) as pool:
        total = sum(pool.map(work, range(4)))
    while rest := audit.seal("ac-test", now=clock(), limit=100):
        total += rest
    assert total == 60
    assert found(audit) == []


def test_what_an_act_rolled_back_leaves_no_hole(audit: SqlAudit, sql_engine: Engine, clock: FakeClock) -> None:
    audit.append([event(clock, 1)])
    with sql_engine.connect() as conn:
        insert_audit(conn, [event(clock, 2)])
        conn.rollback()
    audit.append([event(clock, 3)])
    assert audit.seal("ac-test", now=clock(), limit=10) == 2
    assert found(audit) == []


@pytest.mark.services
def test_an_act_that_commits_late_gets_a_later_place(postgres_engine: Engine, clock: FakeClock) -> None:
    """On PostgreSQL a lower id may become visible after a higher one was sealed."""
    audit = SqlAudit(postgres_engine, sign=SIGNER.sign, check=SIGNER.check)
    with postgres_engine.connect() as slow:
        insert_audit(slow, [event(clock, 1)])
        audit.append([event(clock, 2)])
        assert audit.seal("ac-test", now=clock(), limit=10) == 1
        slow.commit()
    assert [kind for _, kind in found(audit)] == ["unsealed"]
    assert audit.seal("ac-test", now=clock(), limit=10) == 1
    assert found(audit) == []
    with writing(postgres_engine) as conn:
        traces = conn.execute(
            text("SELECT trace FROM audit_seals s JOIN audit_events e ON e.id = s.event_id ORDER BY position")
        ).scalars()
        assert list(traces) == ["t2", "t1"]


def test_an_act_that_commits_within_the_hour_is_sealed_however_much_came_before(
    audit: SqlAudit, sql_engine: Engine, clock: FakeClock, tamper: Tamper
) -> None:
    """The look back goes to what was sealed an hour ago; a new process looks back over everything once."""
    for step in range(4):
        audit.append([event(clock, step)])
        audit.seal("ac-test", now=clock(), limit=10)
        clock.advance(timedelta(minutes=40))
    tamper(
        "INSERT INTO audit_events (id, tenant, at, action, actor, subject, outcome, trace, detail) SELECT -1,"
        " tenant, at, action, actor, subject, outcome, 'ancient', detail FROM audit_events WHERE trace = 't0'"
    )
    audit.append([event(clock, 9)])
    assert audit.seal("ac-test", now=clock(), limit=10) == 1
    assert [kind for _, kind in found(audit)] == ["unsealed"]
    fresh = SqlAudit(sql_engine, sign=SIGNER.sign, check=SIGNER.check)
    assert fresh.seal("ac-test", now=clock(), limit=10) == 1
    assert found(audit) == []


def test_a_long_chain_is_read_in_pages(audit: SqlAudit, clock: FakeClock, tamper: Tamper) -> None:
    audit.append([replace(event(clock, n), detail={}) for n in range(2100)])
    while audit.seal("ac-test", now=clock(), limit=1000):
        pass
    assert found(audit) == []
    tamper("UPDATE audit_events SET actor = 'x' WHERE trace = 't1500'")
    assert found(audit) == [(1501, "edited")]
