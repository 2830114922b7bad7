"""The page "Mes moyens": a passphrase for whoever signed in by anything, and changes that are held and told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from broker.accounts.reaching import masked, read_channel
from broker.domain.credentials import ContactKind
from broker.domain.notices import Channel
from broker.storage import schema
from broker.storage.sql_contacts import SqlContacts
from policies import load_book
from tests.clock import FakeClock
from tests.flows.test_ways_in import OWN, choose, handle_in, sign_in
from tests.own_accounts import GOOD
from tests.web_stand import Client, WebStand, open_web


@pytest.fixture
def stand(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_web(sqlite_url, clock, own=OWN) as opened:
        yield opened


@pytest.fixture
def mother(stand: WebStand) -> Client:
    stand.add_mother("Léa")
    client = stand.client()
    client.sign_in()
    return client


def give(client: Client, **channel: str) -> int:
    return client.post("/moyens", {"csrf": client.get("/moyens").token, **channel}).status


def test_whoever_came_by_another_login_chooses_a_passphrase_and_comes_in_by_it(stand: WebStand, mother: Client) -> None:
    handle = handle_in(mother.post("/moyens/passe", {"csrf": mother.get("/moyens").token}))
    done = choose(mother, handle)
    assert "dominique.martin" in mother.get(done.location).text
    assert "Léa" in mother.get("/").text
    assert sign_in(stand.client(), "dominique.martin", GOOD).status == 303


def test_a_new_number_is_held_told_and_shown_by_its_end_alone(
    stand: WebStand, mother: Client, clock: FakeClock
) -> None:
    assert give(mother, mobile="06 39 98 12 34") == 303
    page = mother.get("/moyens").text
    assert "•• •• 34" in page
    assert "98 12" not in page
    assert SqlContacts(stand.world.engine).holders(ContactKind.MOBILE, "+33639981234", now=clock()) == ()
    with stand.world.engine.connect() as conn:
        assert list(conn.scalars(select(schema.notices.c.kind))) == ["contact_asked"]
    clock.advance(timedelta(hours=72))
    assert SqlContacts(stand.world.engine).holders(ContactKind.MOBILE, "+33639981234", now=clock()) != ()


def test_what_a_school_put_in_place_of_a_number_is_shown_as_waiting(
    stand: WebStand, mother: Client, clock: FakeClock
) -> None:
    with stand.world.engine.begin() as conn:
        record = schema.records.c.kind == "guardian"
        conn.execute(update(schema.records).where(record).values(content='{"mobile": "+33639980099"}'))
        row = {"kind": "mobile", "was": "+33639980011", "value": "+33639980099", "at": clock()}
        guardian = conn.execute(select(schema.records.c.id).where(record)).scalar_one()
        conn.execute(
            insert(schema.contact_moves).values(record_id=guardian, holds_until=clock() + timedelta(hours=72), **row)
        )
    page = mother.get("/moyens").text
    assert page.index("•• •• 11") < page.index("L'école a donné") < page.index("•• •• 99")


def test_how_long_a_new_number_waits_is_told_as_the_policies_say(
    stand: WebStand, mother: Client, tmp_path: Path
) -> None:
    assert "Le nouveau compte après 3 jours." in mother.get("/moyens").text
    overrides = tmp_path / "policies"
    overrides.mkdir()
    (overrides / "codes.toml").write_text('contact_hold = "7 d"\n', encoding="utf-8")
    stand.world.live_policies.value = load_book(None, overrides)
    assert give(mother, mobile="06 39 98 12 34") == 303
    page = mother.get("/moyens?fait=oui").text
    assert "Cela compte dans 7 jours." in page
    assert "3 jours" not in page


@pytest.mark.parametrize("channel", [{"mobile": "01 99 00 12 34"}, {"mail": "sans arobase"}, {"autre": "x"}, {}])
def test_what_is_neither_a_number_nor_an_address_is_not_taken(mother: Client, channel: dict[str, str]) -> None:
    assert give(mother, **channel) == 400


def test_a_login_of_some_time_ago_changes_nothing(stand: WebStand, mother: Client, clock: FakeClock) -> None:
    token = mother.get("/moyens").token
    clock.advance(timedelta(minutes=6))
    for path, form in (("/moyens", {"mobile": "06 39 98 12 34"}), ("/moyens/passe", {})):
        assert mother.post(path, {"csrf": token, **form}).status == 403
    with stand.world.engine.connect() as conn:
        assert conn.execute(select(schema.contacts)).fetchall() == []
        assert conn.execute(select(schema.codes)).fetchall() == []


def test_strangers_are_led_to_the_sign_in_page(stand: WebStand) -> None:
    assert stand.client().get("/moyens").location == "/connexion"


@pytest.mark.parametrize(
    ("kind", "typed", "to"),
    [
        ("mail", " Amina.Diallo@Exemple.FR ", "amina.diallo@exemple.fr"),
        ("mail", "a@b", ""),
        ("mail", "a@b.fr\r\nBcc: x@y.fr", ""),
        ("mail", "a b@exemple.fr", ""),
        ("mobile", "07 39 98 12 34", "+33739981234"),
        ("autre", "07 39 98 12 34", ""),
    ],
)
def test_a_channel_is_read_whole_or_not_at_all(kind: str, typed: str, to: str) -> None:
    channel = read_channel(kind, typed)
    assert (channel.to if channel else "") == to


def test_an_address_is_shown_by_its_beginning() -> None:
    assert masked(Channel(ContactKind.MAIL, "amina@exemple.fr")) == "am•••@exemple.fr"
