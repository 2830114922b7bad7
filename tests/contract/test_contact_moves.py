"""What a feed changes of how somebody is reached, on every database: held, told, remembered; never told for nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select, update

from broker.directory import ImportRules, Intent
from broker.domain.credentials import ContactKind
from broker.domain.errors import ImportHeld
from broker.domain.feed import Feed
from broker.domain.notices import Channel
from broker.storage import schema
from broker.storage.sql_channels import SqlChannels
from broker.storage.sql_contacts import SqlContacts
from tests import aaf
from tests.clock import FakeClock
from tests.imports import FEED_1D, FEED_2D, MOTHER, Desk

HOLD = timedelta(hours=72)
OLD, NEW, OTHER = "0639980001", "0639980002", "0639980003"
MAIL = "amina@example.org"
INE, BORN = "990000003DK", "02/05/2018"


def e164(number: str) -> str:
    return f"+33{number[1:]}"


def mobile(number: str) -> Channel:
    return Channel(ContactKind.MOBILE, e164(number))


class Town:
    """One mother of one child, whose feed brings another set each time."""

    def __init__(self, engine: Engine, desk: Desk, folder: Path) -> None:
        self.engine, self.desk, self.folder, self.sets = engine, desk, folder, 0

    def brings(self, *, mobile: str = "", mail: str = "") -> None:
        child = aaf.pupil("20", MOTHER, given="TITOUAN", born=BORN, ine=INE)
        self._run([child], [aaf.guardian("500101", mobile=mobile, mail=mail)], FEED_2D)

    def brings_of_the_first_degree(self, *, mobile: str, known: bool) -> None:
        """The same mother by another feed, which has delivered before or comes for the first time."""
        if known:
            self._run([aaf.pupil_1d("42")], [], FEED_1D)
        child = aaf.pupil_1d("41", "610777$10", ine=INE)
        self._run([child], [aaf.guardian("610777", degree="1D", mobile=mobile)], FEED_1D)
        assert ["99-1d:610777", "99-2d:500101"] in self.desk.persons()

    def _run(self, pupils: Sequence[str], adults: Sequence[str], feed: Feed) -> None:
        self.sets += 1
        folder, degree = self.folder / str(self.sets), feed.id[3:].upper()
        aaf.write_set(folder, degree=degree, day=f"202609{self.sets:02}", Eleve=pupils, PersRelEleve=adults)
        self.desk.run(folder, feed=feed)

    @property
    def mother(self) -> str:
        with self.engine.connect() as conn:
            query = select(schema.attachments.c.person_id).where(schema.attachments.c.record_id == "99-2d:500101")
            return str(conn.execute(query).scalar_one())

    def reached(self) -> tuple[set[Channel], set[Channel]]:
        found = SqlChannels(self.engine).reached(self.mother, now=self.desk.clock())
        return set(found.channels), set(found.held)

    def changed(self) -> bool:
        return SqlContacts(self.engine).changed_since(self.mother, self.desk.clock() - HOLD)

    def told(self) -> list[str]:
        return [kind for person, kind in self.desk.rows(schema.notices, "person_id", "kind") if person == self.mother]

    def moves(self) -> list[tuple[str, ...]]:
        return self.desk.rows(schema.contact_moves, "kind", "was", "value")


@pytest.fixture
def town(sql_engine: Engine, clock: FakeClock, tmp_path: Path) -> Town:
    return Town(sql_engine, Desk(sql_engine, clock), tmp_path)


def test_a_first_number_is_no_change_and_tells_nobody(town: Town) -> None:
    town.brings()
    town.brings(mobile=OLD, mail=MAIL)
    assert town.reached() == ({mobile(OLD), Channel(ContactKind.MAIL, MAIL)}, set())
    assert (town.told(), town.moves(), town.changed()) == ([], [], False)


def test_another_number_is_held_and_the_one_before_is_told_in_its_place(town: Town) -> None:
    town.brings(mobile=OLD)
    town.brings(mobile=NEW)
    assert town.reached() == ({mobile(OLD)}, {mobile(NEW)})
    assert (town.told(), town.changed()) == (["contact_changed"], True)
    assert "contact_changed" in [action for (action,) in town.desk.rows(schema.audit_events, "action")]
    town.desk.clock.advance(HOLD)
    assert town.reached() == ({mobile(NEW)}, set())
    assert not town.changed()


def test_another_address_is_held_as_a_number_is(town: Town) -> None:
    town.brings(mail=MAIL)
    town.brings(mail="autre@example.org")
    old, new = Channel(ContactKind.MAIL, MAIL), Channel(ContactKind.MAIL, "autre@example.org")
    assert town.reached() == ({old}, {new})
    assert town.told() == ["contact_changed"]


@pytest.mark.parametrize("written", ["+33 6 39 98 00 01", "06.39.98.00.01", "0033639980001"])
def test_another_way_to_write_it_is_no_change(town: Town, written: str) -> None:
    town.brings(mobile=OLD, mail=MAIL)
    town.brings(mobile=written, mail=MAIL.upper())
    assert (town.told(), town.moves(), town.changed()) == ([], [], False)


def test_a_number_taken_away_and_another_put_in_its_place_later_is_a_change(town: Town) -> None:
    town.brings(mobile=OLD)
    town.brings(mail=MAIL)
    assert (town.reached(), town.told()) == (({mobile(OLD), Channel(ContactKind.MAIL, MAIL)}, set()), [])
    assert town.changed()
    town.desk.clock.advance(timedelta(days=30))
    assert not town.changed()
    town.brings(mobile=NEW, mail=MAIL)
    assert town.reached() == ({mobile(OLD), Channel(ContactKind.MAIL, MAIL)}, {mobile(NEW)})
    assert town.told() == ["contact_changed"]


def test_a_number_put_back_is_told_and_takes_no_code_for_as_long(town: Town) -> None:
    town.brings(mobile=OLD)
    town.brings(mobile=NEW)
    town.brings(mobile=OLD)
    assert town.reached() == ({mobile(OLD)}, {mobile(NEW)})
    assert (town.told(), town.changed()) == (["contact_changed"] * 2, True)


@pytest.mark.parametrize("hours", [24, 70])
def test_a_number_that_was_corrected_in_time_never_counts(town: Town, hours: int) -> None:
    town.brings(mobile=OLD)
    town.brings(mobile=NEW)
    town.desk.clock.advance(timedelta(hours=hours))
    town.brings(mobile=OLD)
    for _ in range(4):
        assert mobile(OLD) in town.reached()[0]
        assert mobile(NEW) not in town.reached()[0]
        town.desk.clock.advance(timedelta(hours=24))
    town.desk.clock.advance(HOLD)
    assert town.reached() == ({mobile(OLD)}, set())


def test_of_two_changes_in_a_row_the_first_never_counts(town: Town) -> None:
    town.brings(mobile=OLD)
    town.brings(mobile=NEW)
    town.desk.clock.advance(timedelta(hours=69))
    town.brings(mobile=OTHER)
    town.desk.clock.advance(timedelta(hours=4))
    assert town.reached() == ({mobile(OLD)}, {mobile(OTHER)})


def test_a_held_number_that_is_withdrawn_and_put_in_again_waits_anew(town: Town) -> None:
    town.brings(mobile=OLD)
    town.brings(mobile=NEW)
    town.desk.clock.advance(timedelta(hours=69))
    town.brings()
    town.brings(mobile=NEW)
    town.desk.clock.advance(timedelta(hours=4))
    assert town.reached() == ({mobile(OLD)}, {mobile(NEW)})
    assert town.told() == ["contact_changed"] * 2


def test_a_second_number_by_a_feed_that_is_known_is_held_and_told(town: Town) -> None:
    """Whoever writes at another school could otherwise bring a number of theirs by a new record."""
    town.brings(mobile=OLD)
    town.brings_of_the_first_degree(mobile=NEW, known=True)
    assert town.reached() == ({mobile(OLD)}, {mobile(NEW)})
    assert (town.told(), town.changed()) == (["contact_changed"], True)


def test_a_number_brought_while_its_record_was_frozen_is_held_and_told_as_any(town: Town) -> None:
    """A correction parts two records, and corrected back they come together by themselves: no way around a hold."""
    town.brings(mobile=OLD)
    town.brings_of_the_first_degree(mobile=OLD, known=False)
    for ine, number in (("990000004DJ", OLD), ("990000004DJ", NEW), (INE, NEW)):
        child = aaf.pupil_1d("41", "610777$10", ine=ine)
        town._run([child], [aaf.guardian("610777", degree="1D", mobile=number)], FEED_1D)
    assert town.reached() == ({mobile(OLD)}, {mobile(NEW)})
    assert (town.told(), town.changed()) == (["contact_changed"], True)


def test_the_first_delivery_of_another_feed_tells_nobody(town: Town) -> None:
    town.brings(mobile=OLD)
    town.brings_of_the_first_degree(mobile=NEW, known=False)
    assert town.reached() == ({mobile(OLD), mobile(NEW)}, set())
    assert town.told() == []


def test_what_changes_while_a_record_is_contested_is_held_too(town: Town) -> None:
    town.brings(mobile=OLD)
    with town.engine.begin() as conn:
        conn.execute(update(schema.attachments).values(state="frozen"))
    town.brings(mobile=NEW)
    with town.engine.begin() as conn:
        conn.execute(update(schema.attachments).values(state="attached"))
    assert town.reached() == ({mobile(OLD)}, {mobile(NEW)})


def test_a_number_that_counts_already_is_no_change(town: Town) -> None:
    town.brings(mobile=OLD)
    town.brings_of_the_first_degree(mobile=NEW, known=False)
    town.brings(mobile=NEW)
    assert (town.told(), town.changed()) == ([], False)


def test_a_number_held_by_one_record_counts_for_no_other(town: Town) -> None:
    town.brings(mobile=OLD)
    town.brings(mobile=NEW)
    town.brings_of_the_first_degree(mobile=NEW, known=True)
    assert town.reached() == ({mobile(OLD)}, {mobile(NEW)})
    assert len(town.moves()) == 2


def test_a_first_number_beside_one_that_the_person_gave_is_a_change(town: Town) -> None:
    town.brings()
    since = town.desk.clock() - 2 * HOLD
    row = {"id": "cnt_1", "person_id": town.mother, "kind": "mobile", "value": e164(OTHER), "actor": "x",
           "asked_at": since, "holds_until": since + HOLD}  # fmt: skip
    with town.engine.begin() as conn:
        conn.execute(insert(schema.contacts), [row])
    town.brings(mobile=NEW)
    assert town.reached() == ({mobile(OTHER)}, {mobile(NEW)})
    assert town.told() == ["contact_changed"]


def test_who_was_merged_into_somebody_brings_the_hold_along(town: Town) -> None:
    town.brings(mobile=OLD)
    town.brings(mobile=NEW)
    mother, kept = town.mother, "prs_kept"
    with town.engine.begin() as conn:
        conn.execute(insert(schema.persons), [{"id": kept, "created_at": town.desk.clock()}])
        conn.execute(update(schema.persons).where(schema.persons.c.id == mother).values(merged_into=kept))
        conn.execute(update(schema.attachments).values(person_id=kept))
    assert town.reached() == ({mobile(OLD)}, {mobile(NEW)})
    assert town.changed()


def test_a_column_that_slipped_waits_for_a_human_and_tells_nobody(
    sql_engine: Engine, clock: FakeClock, tmp_path: Path
) -> None:
    desk = Desk(sql_engine, clock, ImportRules(chunk=50))

    def delivery(day: int, last: int) -> Path:
        adults = [aaf.guardian(str(500_000 + each), mobile=f"06399{each + last:05}") for each in range(120)]
        children = [aaf.pupil(str(each), f"{500_000 + each}$10$1$1$0$1", given=f"Tom {each}") for each in range(120)]
        folder = tmp_path / str(day)
        return aaf.write_set(folder, day=f"202609{day:02}", Eleve=children, PersRelEleve=adults)

    desk.run(delivery(1, 0))
    with pytest.raises(ImportHeld, match="120 people of 240 records"):
        desk.run(delivery(2, 1))
    assert desk.rows(schema.notices, "kind") == []
    desk.run(delivery(2, 1), intent=Intent.CONFIRM)
    assert len(desk.rows(schema.notices, "kind")) == 120
    assert len({person for (person,) in desk.rows(schema.notices, "person_id")}) == 120
