"""Undo of an earlier link after later logins and imports rested on it: what each of them proved decides."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, update

from broker.domain.acts import OpenSession
from broker.domain.errors import LinkAmbiguous
from broker.domain.identity import EvidenceKind
from broker.domain.people import RecordKind, Space
from broker.storage.schema import accounts
from broker.storage.sql_grants import SqlGrants
from broker.storage.sql_links import SqlLinks
from broker.storage.sql_people import SqlPeople
from broker.storage.sql_sessions import SqlSessions
from tests import builders as b
from tests.contract.acts import UNDO_FOR, export, opening, proof, undoing

NOW = b.NOW


class Town:
    """Mothers with a child each; what they see and who they are, through the ports."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.people, self.sessions = SqlPeople(engine), SqlSessions(engine, b.HINTS)
        self.links, self.grants = SqlLinks(engine, undo_for=UNDO_FOR), SqlGrants(engine)
        self.person: list[str] = []
        self.record: list[str] = []
        with engine.begin() as conn:
            b.add_school(conn)
            for number in range(4):
                person, record = b.add_guardian(conn, f"g{number}")
                _, child = b.add_pupil(conn, f"e{number}", given=f"Enfant {number}")
                b.add_guardianship(conn, record, child)
                b.enrol(conn, child)
                self.person.append(person)
                self.record.append(record)

    def link(
        self, name: str, survivor: int, *absorbed: int, named: tuple[int, ...] = (), at: datetime = NOW
    ) -> OpenSession:
        records = tuple(self.record[n] for n in named or (survivor, *absorbed))
        others = (self.person[n] for n in absorbed)
        joined = proof(self.person[survivor], *others, subject=name, records=records, at=at)
        act = opening(self.person[survivor], link=joined, at=at)
        self.sessions.open(act)
        return act

    def undo(self, act: OpenSession) -> None:
        """Asked for by the person whom the login leads to now."""
        self.links.undo(undoing(act.session.account_id, self.person[self.logs_in(act)]))

    def sees(self, number: int) -> list[str]:
        return [card.given[-1] for card in self.people.children_of(self.person[number], now=NOW)]

    def logs_in(self, act: OpenSession) -> int:
        """Number of the person that this login leads to."""
        account = self.links.account(act.link.key) if act.link else None
        assert account is not None
        return self.person.index(account.person_id)


@pytest.fixture
def town(sql_engine: Engine) -> Town:
    return Town(sql_engine)


def test_a_login_linked_since_goes_home_and_shows_no_stranger_s_child(town: Town) -> None:
    wrong = town.link("wrong", 0, 1)
    own = town.link("own", 0, named=(1,))
    assert town.logs_in(own) == 0
    town.undo(wrong)
    assert town.logs_in(own) == 1
    assert (town.sees(0), town.sees(1)) == (["0"], ["1"])
    assert town.sessions.find(own.session.handle_digest, now=NOW) is None


def test_a_record_attached_since_goes_with_the_record_beside_it(town: Town) -> None:
    wrong = town.link("wrong", 0, 1)
    beside = town.record[1]
    for number in range(2):
        newer = b.add_record(town.engine, f"n{number}", RecordKind.GUARDIAN, feed=b.FEED_1D)
        b.attach(town.engine, newer, town.person[0], kind=EvidenceKind.SHARED_CHILD, beside=beside, at=NOW)
        beside = newer
    b.add_guardianship(town.engine, beside, f"{b.FEED_2D}:e3")
    assert town.sees(0) == ["0", "1", "3"]
    town.undo(wrong)
    assert (town.sees(0), town.sees(1)) == (["0"], ["1", "3"])


def test_a_login_begun_before_the_merge_and_linked_after_it_goes_home(town: Town) -> None:
    wrong = town.link("wrong", 0, 1)
    slow = town.link("slow", 0, named=(1,), at=NOW - timedelta(seconds=3))
    town.undo(wrong)
    assert town.logs_in(slow) == 1
    assert town.sessions.find(slow.session.handle_digest, now=NOW) is None


def test_a_record_of_an_import_begun_before_the_merge_goes_with_the_record_beside_it(town: Town) -> None:
    wrong = town.link("wrong", 0, 1)
    newer = b.add_record(town.engine, "n", RecordKind.GUARDIAN, feed=b.FEED_1D)
    begun = NOW - timedelta(minutes=5)
    b.attach(town.engine, newer, town.person[0], kind=EvidenceKind.SHARED_CHILD, beside=town.record[1], at=begun)
    b.add_guardianship(town.engine, newer, f"{b.FEED_2D}:e3")
    town.undo(wrong)
    assert (town.sees(0), town.sees(1)) == (["0"], ["1", "3"])


def test_a_proof_whose_record_went_back_to_another_person_links_nothing(town: Town) -> None:
    wrong = town.link("wrong", 0, 1)
    decided = proof(town.person[0], subject="late", records=(town.record[1],))
    town.undo(wrong)
    before = export(town.engine)
    with pytest.raises(LinkAmbiguous):
        town.sessions.open(opening(town.person[0], link=decided))
    assert export(town.engine) == before
    town.sessions.open(opening(town.person[1], link=replace(decided, person_id=town.person[1])))


def test_a_later_merge_is_replayed_on_the_persons_it_proved(town: Town) -> None:
    wrong = town.link("wrong", 0, 1)
    right = town.link("right", 0, 2, named=(1, 2))
    town.undo(wrong)
    assert town.sees(0) == ["0"]
    assert town.logs_in(right) in {1, 2}
    assert town.people.owner(town.person[1]) == town.people.owner(town.person[2])
    assert town.sees(town.logs_in(right)) == ["1", "2"]
    town.undo(right)
    assert [town.sees(n) for n in range(4)] == [["0"], ["1"], ["2"], ["3"]]


def test_a_survivor_absorbed_later_gives_back_what_was_not_its_own(town: Town) -> None:
    wrong = town.link("wrong", 0, 1)
    right = town.link("right", 2, 0)
    assert town.sees(2) == ["0", "1", "2"]
    town.undo(wrong)
    assert (town.sees(2), town.sees(1)) == (["0", "2"], ["1"])
    town.undo(right)
    assert [town.sees(n) for n in range(4)] == [["0"], ["1"], ["2"], ["3"]]


def test_two_logins_that_prove_the_same_are_both_to_be_undone(town: Town) -> None:
    before = export(town.engine)
    first, second = town.link("first", 0, 1), town.link("second", 0, named=(0, 1))
    town.undo(first)
    assert town.sees(0) == ["0", "1"]
    town.undo(second)
    ours = [act.session.account_id for act in (first, second)] + [act.session.sid for act in (first, second)]
    assert export(town.engine, without=tuple(ours)) == before


def test_a_merge_whose_proof_names_no_record_is_kept_between_the_same_persons(town: Town) -> None:
    wrong = town.link("wrong", 0, 1)
    bare = opening(town.person[0], link=proof(town.person[0], town.person[2], subject="bare"))
    town.sessions.open(bare)
    town.undo(wrong)
    assert (town.sees(0), town.sees(1)) == (["0", "2"], ["1"])


def test_a_subject_retired_by_a_later_merge_is_current_again_when_it_alone_remains(town: Town) -> None:
    for number in (1, 2):
        b.add_subject(town.engine, town.person[number])
    wrong = town.link("wrong", 0, 1)
    town.link("right", 0, 2)

    def subject(number: int) -> str:
        return town.grants.subject(town.person[number], sector="cantine", space=Space.FAMILY, now=NOW)

    shared = subject(0)
    town.undo(wrong)
    assert subject(1) == shared
    assert subject(0) == subject(2) != shared


def test_what_left_the_family_since_is_not_drawn_back_in(town: Town) -> None:
    wrong = town.link("wrong", 0, 1)
    later = town.link("later", 0, named=(1,))
    with town.engine.begin() as conn:
        conn.execute(update(accounts).where(accounts.c.id == later.session.account_id).values(person_id=town.person[3]))
    town.undo(wrong)
    assert town.logs_in(later) == 3
    assert town.sees(3) == ["3"]
