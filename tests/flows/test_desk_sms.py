"""A code by SMS from the desk: to the number on file, now or not at all, and to nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from broker.domain.audit import Action
from broker.domain.people import Profil, RecordKind
from broker.storage.schema import audit_events, codes, contacts, notices, outbox
from tests import builders as b
from tests.clock import FakeClock
from tests.desks import BORN, HERE, family, open_desk_web
from tests.flows.test_desk import DESK, PAPER, act, agent, counted, sheet
from tests.flows.test_ways_in import choose, handle_in, write_birth_date, write_code
from tests.own_accounts import CODES, Gateway
from tests.web_stand import WebStand


@pytest.fixture
def stand(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_desk_web(sqlite_url, clock) as stand:
        yield stand


def gateway(stand: WebStand) -> Gateway:
    assert stand.parts.helpdesk is not None
    assert stand.parts.helpdesk.texts is not None
    found = stand.parts.helpdesk.texts.sender
    assert isinstance(found, Gateway)
    return found


def test_a_code_by_sms_goes_to_the_number_on_file_and_leads_to_a_secret(stand: WebStand) -> None:
    mother = family(stand.world.engine, "1", name="Nadia BENALI", child="Inès", mobile="+33639981242")
    done = act(agent(stand, DESK), mother, "sms", **PAPER)
    assert (done.status, done.location) == (303, f"{sheet(mother)}?fait=sms")
    ((channel, code),) = gateway(stand).sent
    assert (channel.to, len(code.replace(" ", ""))) == ("+33639981242", 16)
    with stand.world.engine.connect() as conn:
        (row,) = conn.execute(select(codes)).fetchall()
        (told,) = conn.execute(select(notices)).fetchall()
        kept = repr([conn.execute(select(each)).fetchall() for each in (codes, notices, outbox, audit_events)])
    assert (row.kind, row.person_id, row.locator, row.expires_at - b.NOW) == (
        "sms", mother, code[:4], CODES.sms_life,
    )  # fmt: skip
    assert row.secret.startswith("$argon2id$")
    assert told.kind == "code_texted"
    assert not any(group in kept for group in code.split()[1:])
    person = stand.client()
    handle = handle_in(write_code(person, code))
    handle = handle_in(write_birth_date(person, handle, BORN))
    assert choose(person, handle).location.startswith("/code/pret")
    assert write_code(stand.client(), code).location.startswith("/code/deja")


def test_a_number_that_strangers_bear_too_gets_no_code(stand: WebStand) -> None:
    """A school's own telephone in the place of one, a slip of typing; one family's in two records gets it."""
    shared, both = "+33639981242", "+33639981243"
    mother = family(stand.world.engine, "1", name="Nadia BENALI", child="Inès", mobile=shared)
    family(stand.world.engine, "2", name="Zoé DURAND", child="Max", mobile=shared)
    one = family(stand.world.engine, "3", name="Lia MOREAU-PETIT", child="Tom", mobile=both)
    family(stand.world.engine, "4", name="Lia PETIT", child="Eva", mobile=both)
    client = agent(stand, DESK)
    refused = act(client, mother, "sms", **PAPER)
    assert (refused.status, "une autre famille" in refused.text, gateway(stand).sent) == (403, True, [])
    assert "DURAND" not in refused.text
    assert act(client, one, "sms", **PAPER).status == 303


def test_a_code_by_sms_lasts_no_longer_than_it_says(stand: WebStand, clock: FakeClock) -> None:
    mother = family(stand.world.engine, "1", name="Nadia BENALI", child="Inès", mobile="+33639981242")
    act(agent(stand, DESK), mother, "sms", **PAPER)
    ((_, code),) = gateway(stand).sent
    clock.advance(CODES.sms_life)
    assert write_code(stand.client(), code).status == 410


def test_a_code_that_did_not_go_out_is_ended_and_the_agent_is_told(stand: WebStand) -> None:
    mother = family(stand.world.engine, "1", name="Nadia BENALI", child="Inès", mobile="+33639981242")
    client = agent(stand, DESK)
    gateway(stand).down = True
    refused = act(client, mother, "sms", **PAPER)
    assert (refused.status, "Le SMS n'est pas parti" in refused.text) == (403, True)
    with stand.world.engine.connect() as conn:
        assert [each is not None for each in conn.execute(select(codes.c.ended_at)).scalars()] == [True]
    assert counted(stand, Action.SHORT_CODE_UNSENT) == 1
    gateway(stand).down = False
    assert act(client, mother, "sms", **PAPER).status == 303


def test_what_opened_nothing_does_not_count_as_an_opening(stand: WebStand) -> None:
    mother = family(stand.world.engine, "1", name="Nadia BENALI", child="Inès", mobile="+33639981242")
    client = agent(stand, DESK)
    gateway(stand).down = True
    assert {act(client, mother, "sms", **PAPER).status for _ in range(7)} == {403}
    assert {act(client, mother, "fenetre", numero="123456", **PAPER).status for _ in range(7)} == {403}
    assert act(client, mother, "fenetre", **PAPER).status == 303


def test_no_code_by_sms_without_a_mobile_or_a_gateway(stand: WebStand) -> None:
    engine = stand.world.engine
    without = family(engine, "1", name="Nadia BENALI", child="Inès")
    mother = family(engine, "2", name="Anne DUPONT", child="Zoé", mobile="+33639981242")
    client = agent(stand, DESK)
    assert "ne connaît aucun mobile" in act(client, without, "sms", **PAPER).text
    gateway(stand).sends_texts = False
    assert "Aucun envoi de SMS n'est réglé ici." in act(client, mother, "sms", **PAPER).text
    assert 'value="sms"' not in client.get(sheet(mother)).text
    gateway(stand).sends_texts = True
    assert 'value="sms"' in client.get(sheet(mother)).text
    assert act(client, mother, "sms", **PAPER).status == 303


@pytest.mark.parametrize("asked_ago", [71, 80])
def test_no_code_by_sms_while_a_new_number_waits(stand: WebStand, asked_ago: int) -> None:
    """For three days whatever became of it; and after them where the tenant holds it longer."""
    mother = family(stand.world.engine, "1", name="Nadia BENALI", child="Inès", mobile="+33639981242")
    client = agent(stand, DESK)
    with stand.world.engine.begin() as conn:
        row = {
            "id": "cnt_1", "person_id": mother, "kind": "mobile", "value": "+33639980000", "actor": mother,
            "asked_at": b.NOW - timedelta(hours=asked_ago), "holds_until": b.NOW + timedelta(hours=1),
        }  # fmt: skip
        conn.execute(contacts.insert(), [row])
    assert "Un contact a changé" in act(client, mother, "sms", **PAPER).text
    assert gateway(stand).sent == []
    with stand.world.engine.begin() as conn:
        conn.execute(contacts.delete())
    assert act(client, mother, "sms", **PAPER).status == 303


def test_five_codes_a_day_go_to_one_number(stand: WebStand) -> None:
    mother = family(stand.world.engine, "1", name="Nadia BENALI", child="Inès", mobile="+33639981242")
    client = agent(stand, DESK)
    answers = [act(client, mother, "sms", **PAPER) for _ in range(6)]
    assert [answer.status for answer in answers] == [303] * 5 + [403]
    assert "Trop de SMS" in answers[-1].text
    assert len(gateway(stand).sent) == 5


def test_whoever_became_staff_meanwhile_comes_in_by_no_sms(stand: WebStand) -> None:
    mother = family(stand.world.engine, "1", name="Nadia BENALI", child="Inès", mobile="+33639981242")
    client = agent(stand, DESK)
    act(client, mother, "sms", **PAPER)
    ((_, code),) = gateway(stand).sent
    with stand.world.engine.begin() as conn:
        record = b.add_record(conn, "600", RecordKind.STAFF)
        b.attach(conn, record, mother)
        b.add_post(conn, record, HERE, profil=Profil.ENSEIGNANT)
    assert write_code(stand.client(), code).status == 403
    assert act(client, mother, "sms", **PAPER).status == 403
    assert len(gateway(stand).sent) == 1
