"""LR-12, LR-13, A-13: a number is put under somebody by a school's software, by a merge, by noise; and what it opens.

The attacker sits at a school's desk, or holds a stolen login of an ENT: neither a code, nor a window, nor a passphrase
is had by it, and the owner is told where they were reached before.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from broker.domain.access_notices import AccessNotice, NoticeKind
from broker.domain.assurance import Assurance
from broker.domain.audit import Action, AuditEvent
from broker.domain.places import Freeze
from broker.federation import WaysIn
from broker.storage import schema, sql_imports_write
from broker.storage.sql_channels import SqlChannels
from broker.storage.sql_contacts import SqlContacts
from broker.storage.sql_search_index import SqlSearchIndex
from tests import aaf, desks
from tests import builders as b
from tests.attacks.test_pre_hijacking import plant_number
from tests.clock import FakeClock
from tests.flows.test_desk import AGENTS, DESK, PAPER, act, agent
from tests.flows.test_ways_in import OWN, ask_sms, choose, digits_of, handle_in, number_on, sign_in, write_digits
from tests.imports import Desk
from tests.own_accounts import GOOD, MOBILE, family, sent
from tests.web_stand import Client, WebStand, open_web

THEIRS = "+33639989999"
HOLD, MONTH = timedelta(hours=72), timedelta(days=30)
ENT = "ent2"


@pytest.fixture
def stand(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_web(sqlite_url, clock, own=OWN, agents=AGENTS, levels={ENT: Assurance.LOW}) as opened:
        yield opened


def secretary_writes(stand: WebStand, clock: FakeClock, folder: Path, mobile: str, key: str = "G501") -> None:
    """A colluding secretary edits the mobile in the school's software, and the next delivery brings it."""
    edit = aaf.modify("PersRelEleve", key, ENTPersonJointure=key, ENTPersRelEleveTelMobile=mobile)
    delta = aaf.write_set(folder / mobile, mode="Delta", day="20260920", PersRelEleve=[edit])
    Desk(stand.world.engine, clock).run(delta)
    SqlSearchIndex(stand.world.engine).catch_up(clock())


def codes_sent(stand: WebStand) -> list[str]:
    assert stand.parts.ways_in is not None
    return [channel.to for channel, _ in sent(stand.parts.ways_in)]


def told(stand: WebStand) -> list[str]:
    with stand.world.engine.connect() as conn:
        return list(conn.scalars(select(schema.notices.c.kind).order_by(schema.notices.c.id)))


# ---- by the feed ---------------------------------------------------------------------------------------------------


def test_a_number_put_in_by_a_secretary_takes_no_code_and_its_owner_is_told(
    stand: WebStand, clock: FakeClock, tmp_path: Path
) -> None:
    mother = family(stand.world.engine, mobile=MOBILE)
    secretary_writes(stand, clock, tmp_path, THEIRS)
    for step in (timedelta(0), HOLD - timedelta(minutes=1)):
        clock.advance(step)
        for number in (THEIRS, MOBILE):
            ask_sms(stand.client(), number)
        reached = SqlChannels(stand.world.engine).reached(mother, now=clock())
        assert ({each.to for each in reached.channels}, {each.to for each in reached.held}) == ({MOBILE}, {THEIRS})
    assert (codes_sent(stand), told(stand)) == ([], ["contact_changed"])
    clock.advance(timedelta(minutes=1))
    ask_sms(stand.client(), THEIRS)
    assert codes_sent(stand) == [THEIRS]


def test_a_number_put_in_beside_none_after_the_owners_was_taken_out_takes_no_code_either(
    stand: WebStand, clock: FakeClock, tmp_path: Path
) -> None:
    mother = family(stand.world.engine, mobile=MOBILE)
    secretary_writes(stand, clock, tmp_path, "")
    clock.advance(timedelta(days=10))
    secretary_writes(stand, clock, tmp_path, THEIRS)
    ask_sms(stand.client(), THEIRS)
    assert (codes_sent(stand), told(stand)) == ([], ["contact_changed"])
    assert MOBILE in {each.to for each in SqlChannels(stand.world.engine).reached(mother, now=clock()).channels}


def test_the_number_of_a_secretary_is_sent_a_code_where_imports_note_nothing(
    stand: WebStand, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can fail: with the note taken out, the attack goes through, and nobody hears of it."""
    monkeypatch.setattr(sql_imports_write, "note_moves", lambda *_args, **_named: None)
    family(stand.world.engine, mobile=MOBILE)
    secretary_writes(stand, clock, tmp_path, THEIRS)
    ask_sms(stand.client(), THEIRS)
    assert (codes_sent(stand), told(stand)) == ([THEIRS], ["code_sent"])


def test_a_desk_opens_no_window_within_three_days_of_what_a_feed_changed(
    stand: WebStand, clock: FakeClock, tmp_path: Path
) -> None:
    engine = stand.world.engine
    b.add_school(engine, desks.HERE)
    mother = desks.family(engine, "1", name="Khadidja BENSALEM", child="Inès", mobile=MOBILE)
    secretary_writes(stand, clock, tmp_path, THEIRS, key="1")
    assert "contact a changé" in act(agent(stand, DESK), mother, "fenetre", **PAPER).text
    clock.advance(HOLD + timedelta(minutes=1))
    assert act(agent(stand, DESK), mother, "fenetre", **PAPER).status == 303


def test_a_number_that_its_owner_doubts_counts_no_sooner_than_the_school_can_correct_it(
    stand: WebStand, clock: FakeClock, tmp_path: Path
) -> None:
    mother = family(stand.world.engine, mobile=MOBILE)
    secretary_writes(stand, clock, tmp_path, THEIRS)
    event = AuditEvent("ville", clock(), Action.ACCESS_CLOSED, mother, mother)
    notice = AccessNotice(mother, NoticeKind.ACCESS_CLOSED, clock())
    stand.parts.places.freeze(Freeze(mother, "", "ville", "not me", clock(), event, notice))
    reached = SqlChannels(stand.world.engine).reached
    counts = [THEIRS in {each.to for each in reached(mother, now=clock() + later).channels} for later in (HOLD, MONTH)]
    assert counts == [False, True]


# ---- by a merge ----------------------------------------------------------------------------------------------------


def absorb(stand: WebStand, gone: str, kept: str, clock: FakeClock) -> None:
    with stand.world.engine.begin() as conn:
        conn.execute(update(schema.persons).where(schema.persons.c.id == gone).values(merged_into=kept))
        conn.execute(insert(schema.merges).values(survivor=kept, absorbed=gone, at=clock(), evidence={}))


def test_a_number_planted_under_one_person_is_held_for_the_one_they_become(stand: WebStand, clock: FakeClock) -> None:
    mother, other = family(stand.world.engine, mobile=MOBILE), b.add_person(stand.world.engine)
    plant_number(stand, other, clock)
    absorb(stand, other, mother, clock)
    planted = SqlContacts(stand.world.engine).of_person(mother)[0].value
    for number in (planted, MOBILE):
        ask_sms(stand.client(), number)
    assert codes_sent(stand) == []


def test_a_number_that_both_gave_before_they_were_one_opens_their_access(stand: WebStand, clock: FakeClock) -> None:
    """As one holder: as two it was refused, for nobody could say which of them was meant."""
    mother, other = family(stand.world.engine), b.add_person(stand.world.engine)
    for person in (mother, other):
        row = {"id": f"cnt_{person}", "person_id": person, "kind": "mobile", "value": MOBILE, "actor": person}
        with stand.world.engine.begin() as conn:
            asked = clock() - 2 * HOLD
            conn.execute(insert(schema.contacts).values(**row, asked_at=asked, holds_until=asked + HOLD))
    absorb(stand, other, mother, clock)
    client = stand.client()
    handle = ask_sms(client)
    write_digits(client, handle, digits_of(stand))
    assert choose(client, handle).location.startswith("/code/pret")


# ---- by a stolen login ---------------------------------------------------------------------------------------------


def by_ent(stand: WebStand) -> Client:
    stand.add_mother("Léa")
    client = stand.client()
    client.sign_in(ENT)
    assert "Léa" in client.get("/").text
    return client


def test_a_stolen_login_of_an_ent_sets_no_passphrase_and_is_told_what_does(stand: WebStand) -> None:
    thief = by_ent(stand)
    page = thief.get("/moyens")
    assert 'action="/moyens/passe"' not in page.text
    assert all(way in page.text for way in ("/perdu/mobile", '"/code"', "/connexion?but=joindre"))
    refused = thief.post("/moyens/passe", {"csrf": page.token})
    assert (refused.status, "PRE-2022" in refused.text) == (403, True)
    with stand.world.engine.connect() as conn:
        assert conn.execute(select(schema.codes)).fetchall() == []
    assert "Léa" in thief.get("/").text


def test_it_sets_one_where_what_a_login_proves_is_not_asked(stand: WebStand, monkeypatch: pytest.MonkeyPatch) -> None:
    """It can fail: with that check taken out, the thief has an access of their own."""
    monkeypatch.setattr(WaysIn, "may_choose", lambda *_: True)
    thief = by_ent(stand)
    handle = handle_in(thief.post("/moyens/passe", {"csrf": thief.get("/moyens").token}))
    choose(thief, handle)
    assert sign_in(stand.client(), "dominique.martin", GOOD).status == 303


def test_a_stolen_login_of_an_ent_opens_no_window_for_a_child_either(stand: WebStand) -> None:
    """The child's secret would be the thief's."""
    thief = by_ent(stand)
    page = thief.get("/enfants")
    assert 'name="numero"' not in page.body
    assert "peut aussi lui ouvrir quelques minutes" in page.text
    with stand.world.engine.connect() as conn:
        (child,) = conn.execute(
            select(schema.attachments.c.person_id)
            .join(schema.records, schema.records.c.id == schema.attachments.c.record_id)
            .where(schema.records.c.kind == "pupil")
        ).scalars()
    refused = thief.post("/enfants", {"csrf": page.token, "enfant": child, "numero": number_on(stand.client())})
    assert (refused.status, "PRE-2022" in refused.text) == (403, True)
    with stand.world.engine.connect() as conn:
        assert conn.execute(select(schema.codes)).fetchall() == []


def test_whoever_signed_in_by_their_passphrase_changes_it(stand: WebStand) -> None:
    stand.add_mother("Léa")
    mother = stand.client()
    mother.sign_in()
    choose(mother, handle_in(mother.post("/moyens/passe", {"csrf": mother.get("/moyens").token})))
    again = stand.client()
    sign_in(again, "dominique.martin", GOOD)
    handle = handle_in(again.post("/moyens/passe", {"csrf": again.get("/moyens").token}))
    assert choose(again, handle, "osier lagune tournevis").location.startswith("/code/pret")
