"""The port `Registrations` on every database: what is kept, for how long, and what each act leaves in the trail."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from broker.domain.audit import Action, AuditEvent
from broker.domain.registrations import Registration
from broker.storage.schema import audit_events
from broker.storage.sql_registrations import SqlRegistrations
from tests import builders as b

NOW = b.NOW
LASTS = timedelta(days=30)
FIRST = Registration(
    "clt_un", "ville", "5" * 64, "7" * 64, {"client_name": "Essai", "redirect_uris": ["https://un.example/r"]},
    NOW, NOW, NOW + LASTS,
)  # fmt: skip
SECOND = replace(FIRST, client_id="clt_deux", registered_at=NOW + timedelta(1), expires_at=NOW + LASTS + timedelta(1))


def event(action: Action = Action.CLIENT_REGISTERED) -> AuditEvent:
    return AuditEvent("ville", NOW, action, actor="clt_un", subject="clt_un")


@pytest.fixture
def port(sql_engine: Engine) -> SqlRegistrations:
    return SqlRegistrations(sql_engine)


def test_what_was_kept_is_found_as_it_was(port: SqlRegistrations) -> None:
    assert port.add(FIRST, most=2, audit=event())
    assert port.add(SECOND, most=2, audit=event())
    assert port.find("clt_un", now=NOW) == FIRST
    assert port.find("clt_trois", now=NOW) is None
    assert port.live(now=NOW) == (FIRST, SECOND)


def test_no_more_than_so_many_live_at_once(port: SqlRegistrations, sql_engine: Engine) -> None:
    assert port.add(FIRST, most=1, audit=event())
    assert not port.add(SECOND, most=1, audit=event())
    assert port.find("clt_deux", now=NOW) is None
    assert port.add(replace(SECOND, registered_at=NOW + LASTS), most=1, audit=event()), "the first has expired"
    assert actions(sql_engine) == ["client_registered"] * 2


def test_what_has_expired_is_nowhere(port: SqlRegistrations) -> None:
    port.add(FIRST, most=9, audit=event())
    before, after = NOW + LASTS - timedelta(seconds=1), NOW + LASTS
    assert (port.find("clt_un", now=before), len(port.live(now=before)), len(port.stamps(now=before))) == (FIRST, 1, 1)
    assert (port.find("clt_un", now=after), port.live(now=after), port.stamps(now=after)) == (None, (), ())


def test_the_stamps_tell_of_every_change(port: SqlRegistrations, sql_engine: Engine) -> None:
    seen = {port.stamps(now=NOW)}
    port.add(FIRST, most=9, audit=event())
    seen.add(port.stamps(now=NOW))
    changed = replace(FIRST, metadata={"client_name": "Autre"}, changed_at=NOW + timedelta(seconds=1))
    assert port.change(changed, audit=event(Action.CLIENT_CHANGED))
    assert port.live(now=NOW) == (changed,)
    seen.add(port.stamps(now=NOW))
    assert len(seen) == 3
    assert port.remove("clt_un", audit=event(Action.CLIENT_REMOVED))
    assert port.stamps(now=NOW) == ()
    assert actions(sql_engine) == ["client_registered", "client_changed", "client_removed"]


def test_nothing_is_said_of_what_was_not_there(port: SqlRegistrations, sql_engine: Engine) -> None:
    assert not port.change(FIRST, audit=event())
    assert not port.remove("clt_un", audit=event())
    assert (port.live(now=NOW), actions(sql_engine)) == ((), [])


def actions(engine: Engine) -> list[str]:
    with engine.connect() as conn:
        return list(conn.execute(select(audit_events.c.action).order_by(audit_events.c.id)).scalars())
