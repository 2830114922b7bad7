"""Answers that are refused as they are posted: the trail keeps them, and strangers cannot fill it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from broker.domain.audit import Action
from broker.domain.handles import Handle, new_handle
from broker.federation.interactions import Interactions
from broker.storage.memory_store import MemoryStore
from broker.storage.schema import audit_events
from broker.wire.saml.bindings import RELAY_STATE, RESPONSE
from tests import builders
from tests.clock import FakeClock
from tests.flows.test_saml_source import Stand
from tests.oidc_stand import Answer, Browser
from tests.saml_sources import question, write_source
from tests.whole_app import call, open_app

REFUSED = {"no XML": b"<", "another message": b'<samlp:Zut xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"/>'}


@pytest.fixture
def stand(tmp_path: Path, clock: FakeClock) -> Iterator[Stand]:
    clock.set(builders.NOW)
    with open_app(tmp_path, clock, sources=write_source(tmp_path, more='profile = "educonnect"')) as broker:
        yield Stand(broker, clock)


def trail(stand: Stand) -> list[tuple[str, str, dict[str, str]]]:
    """Refusals in the audit trail: outcome, actor, detail."""
    with stand.broker.stores.engine.connect() as conn:
        rows = conn.execute(
            select(audit_events.c.outcome, audit_events.c.actor, audit_events.c.detail).where(
                audit_events.c.action == Action.SIGN_IN_REFUSED.value
            )
        )
        return [(row.outcome, row.actor, row.detail) for row in rows]


def post(stand: Stand, **fields: str) -> Answer:
    return call(stand.broker, "POST", "/saml/sp/essai/acs", Browser(), form=fields)


@pytest.mark.parametrize("what", REFUSED)
def test_an_answer_refused_at_the_gate_is_in_the_trail_once_for_its_login(stand: Stand, what: str) -> None:
    _, state = question(stand.leave().location)
    for _ in range(3):
        assert "PRE-2002" in stand.post(REFUSED[what], state).body.decode()
    assert trail(stand) == [("refused", "source:essai", {"code": "PRE-2002", "source": "essai"})]


def test_so_is_one_that_cannot_even_be_decoded(stand: Stand) -> None:
    _, state = question(stand.leave().location)
    post(stand, **{RESPONSE: "%%%", RELAY_STATE: state})
    assert len(trail(stand)) == 1


def test_whoever_has_no_login_in_progress_writes_nothing_into_the_trail(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hammer() -> int:
        for state in ("", "x", "é", new_handle(Handle.STATE), new_handle(Handle.INTERACTION)):
            stand.post(b"<", state)
        post(stand, **{RESPONSE: "%%%"})
        return len(trail(stand))

    assert hammer() == 0
    monkeypatch.setattr(Interactions, "awaits", lambda *_, **__: True)
    assert hammer() > 0


def test_one_login_fills_no_trail_however_often_something_is_posted_for_it(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, state = question(stand.leave().location)
    for _ in range(5):
        stand.post(b"<", state)
    assert len(trail(stand)) == 1
    monkeypatch.setattr(MemoryStore, "claim_once", lambda *_, **__: True)
    for _ in range(5):
        stand.post(b"<", state)
    assert len(trail(stand)) == 6


def test_a_login_at_another_source_vouches_for_no_answer_of_this_one(stand: Stand) -> None:
    _, state = question(stand.leave().location)
    federation = stand.broker.federation
    assert federation.interactions.awaits(state, source_id="essai")
    assert not federation.interactions.awaits(state, source_id="ent1")
