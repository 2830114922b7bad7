"""Records in doubt, and the logins that named them: whom they still let in, and what goes along with a split."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, delete, null, select, update

from broker.directory.grounds import review
from broker.domain.acts import JudgeRecord, OpenSession
from broker.domain.audit import Action, AuditEvent, Topic
from broker.domain.errors import LinkAmbiguous
from broker.domain.founding import Surroundings
from broker.domain.identity import EvidenceKind
from broker.domain.people import AttachmentState, RecordKind, Reference
from broker.storage import schema
from broker.storage.sql_attachments import SqlAttachments
from broker.storage.sql_grounds import PersonMoved, grounds_of, write_changes
from broker.storage.sql_links import SqlLinks
from broker.storage.sql_people import SqlPeople
from broker.storage.sql_sessions import SqlSessions
from tests import builders as b
from tests.contract.acts import UNDO_FOR, export, opening, proof, undoing

NOW = b.NOW


class Town:
    """A mother's record of each feed, joined by the child they share; beside them a third one, a person of its own."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.people, self.sessions = SqlPeople(engine), SqlSessions(engine, b.HINTS)
        self.desk, self.links = SqlAttachments(engine), SqlLinks(engine, undo_for=UNDO_FOR)
        with engine.begin() as conn:
            b.add_school(conn)
            self.first, self.record = b.add_guardian(conn, "610777", feed=b.FEED_1D)
            self.joined = b.add_record(conn, "500101", RecordKind.GUARDIAN, given="Dominique")
            b.attach(conn, self.joined, self.first, kind=EvidenceKind.SHARED_CHILD, beside=self.record)
            self.third, self.third_record = b.add_guardian(conn, "700101", given="Dominique")
            _, child = b.add_pupil(conn, "41", feed=b.FEED_1D, given="Shared")
            again = b.add_record(conn, "20", RecordKind.PUPIL, given="Shared")
            b.attach(conn, again, self.person_of(child, conn), kind=EvidenceKind.SAME_INE, beside=child)
            for record, pupil in ((self.record, child), (self.joined, again)):
                b.add_guardianship(conn, record, pupil)
            for record, given in ((self.record, "One"), (self.joined, "Two"), (self.third_record, "Three")):
                feed = b.FEED_1D if record == self.record else b.FEED_2D
                _, own = b.add_pupil(conn, f"own-{given}", given=given, feed=feed)
                b.add_guardianship(conn, record, own)
                b.enrol(conn, own)
            civil = update(schema.records).where(schema.records.c.kind == "guardian")
            conn.execute(civil.values(civility="Mme"))

    def person_of(self, record: str, conn: object = None) -> str:
        row = schema.attachments.c
        query = select(row.person_id).where(row.record_id == record, row.state.in_(["attached", "frozen"]))
        if conn is not None:
            return str(conn.execute(query).scalar_one())  # type: ignore[attr-defined]
        with self.engine.connect() as own:
            return str(own.execute(query).scalar_one())

    def log_in(self, name: str, *records: str, survivor: str = "") -> OpenSession:
        persons = {self.person_of(record) for record in records}
        home = survivor or self.person_of(records[0])
        joined = proof(home, *sorted(persons - {home}), subject=name, records=records)
        act = opening(home, link=joined)
        self.sessions.open(act)
        return act

    def correct(self, link_code: str = "50") -> None:
        """The second feed corrects in what relation the mother stands to the shared child, and the import looks."""
        changed = update(schema.guardianships).where(
            schema.guardianships.c.adult_record == self.joined, schema.guardianships.c.child_record == f"{b.FEED_2D}:20"
        )
        with self.engine.begin() as conn:
            conn.execute(changed.values(link_code=link_code))
            found = grounds_of(conn, RecordKind.GUARDIAN, [self.joined])
            around = Surroundings(belongings=found.belongings, beside=found.beside, ties=found.ties)
            write_changes(conn, review(around), now=NOW)

    def states(self) -> dict[str, str]:
        row = schema.attachments.c
        with self.engine.connect() as conn:
            rows = conn.execute(select(row.record_id, row.state).where(row.state != "undone"))
            mothers = {self.record, self.joined, self.third_record}
            return {record: state for record, state in rows if record in mothers}

    def frozen(self) -> set[str]:
        return {record for record, state in self.states().items() if state == "frozen"}

    def sees(self, record: str) -> set[str]:
        cards = self.people.children_of(self.person_of(record), now=NOW)
        return {card.given for card in cards}

    def is_in(self, act: OpenSession) -> bool:
        return self.sessions.find(act.session.handle_digest, now=NOW + timedelta(seconds=1)) is not None

    def judge(self, record: str, action: Action = Action.RECORD_SPLIT) -> str:
        event = AuditEvent("ac-test", NOW, action, "cli:chef", detail={"record": record})
        act = JudgeRecord(record, "seen", NOW, event)
        return self.desk.split(act) if action is Action.RECORD_SPLIT else self.desk.thaw(act)

    def leads_to(self, act: OpenSession) -> str:
        account = self.links.account(act.link.key) if act.link else None
        assert account is not None
        return account.person_id


@pytest.fixture
def town(sql_engine: Engine) -> Town:
    return Town(sql_engine)


def test_a_frozen_record_opens_nothing_and_is_found_as_frozen(town: Town) -> None:
    assert town.sees(town.record) == {"One", "Two"}
    town.correct()
    assert town.frozen() == {town.joined}
    assert town.sees(town.record) == {"One"}
    (found,) = town.people.by_reference((Reference("99", "500101"),), feeds=frozenset({b.FEED_2D}))
    assert (found.state, found.person_id) == (AttachmentState.FROZEN, town.first)
    assert [one.record_id for one in town.desk.frozen()] == [town.joined]


def test_a_login_that_named_only_the_frozen_record_is_signed_out_and_the_others_stay(town: Town) -> None:
    own, doubtful = town.log_in("own", town.record), town.log_in("doubtful", town.joined)
    with town.engine.begin() as conn:
        conn.execute(delete(schema.outbox))
    town.correct()
    assert (town.is_in(own), town.is_in(doubtful)) == (True, False)
    with town.engine.connect() as conn:
        told = conn.execute(select(schema.outbox.c.key, schema.outbox.c.topic)).all()
    assert (town.first, Topic.SESSIONS_CHANGED.value) in [tuple(row) for row in told]


def test_a_proof_that_names_a_record_frozen_meanwhile_links_nothing(town: Town) -> None:
    decided = proof(town.first, subject="late", records=(town.joined,))
    town.correct()
    with pytest.raises(LinkAmbiguous):
        town.sessions.open(opening(town.first, link=decided))
    town.judge(town.joined, Action.RECORD_THAWED)
    town.sessions.open(opening(town.first, link=decided))


def test_what_a_login_joined_through_the_frozen_record_freezes_with_it(town: Town) -> None:
    """Another school's record that only the doubtful record's own login brought: it is not the first mother's."""
    both = town.log_in("both", town.joined, town.third_record, survivor=town.first)
    assert town.sees(town.record) == {"One", "Two", "Three"}
    town.correct()
    assert town.frozen() == {town.joined, town.third_record}
    assert town.sees(town.record) == {"One"}
    assert not town.is_in(both)
    town.correct("1")
    assert town.frozen() == set()
    assert town.sees(town.record) == {"One", "Two", "Three"}


def test_what_a_later_visit_of_a_login_joined_freezes_too(town: Town) -> None:
    first = town.log_in("both", town.joined)
    joined = proof(town.first, town.third, subject="both", records=(town.joined, town.third_record))
    town.sessions.open(opening(town.first, first.session.account_id, link=joined))
    assert town.sees(town.record) == {"One", "Two", "Three"}
    town.correct()
    assert town.sees(town.record) == {"One"}


def test_the_adults_beside_a_frozen_child_are_told_too(town: Town) -> None:
    """The first mother's own copies must not go on showing what the second school told of the child."""
    town.log_in("own", town.record)
    with town.engine.begin() as conn:
        conn.execute(delete(schema.outbox))
        conn.execute(update(schema.records).where(schema.records.c.id == f"{b.FEED_2D}:20").values(given_name="Zoé"))
        found = grounds_of(conn, RecordKind.PUPIL, [f"{b.FEED_2D}:20"])
        pupils = [one for one in found.belongings if one.kind == RecordKind.PUPIL]
        write_changes(conn, review(Surroundings(belongings=pupils)), now=NOW)
        told = set(conn.scalars(select(schema.outbox.c.key)))
    assert told == {town.first}


@pytest.mark.parametrize("erased", [False, True], ids=["in the time to undo", "after it"])
def test_a_split_takes_along_what_its_logins_proved(town: Town, erased: bool) -> None:
    subject = b.add_subject(town.engine, town.third, sector="pronote")
    own = town.log_in("own", town.record)
    both = town.log_in("both", town.joined, town.third_record, survivor=town.first)
    if erased:
        with town.engine.begin() as conn:
            conn.execute(update(schema.merges).values(pre_image=null()))
    town.correct()
    person = town.judge(town.joined)
    assert {town.person_of(town.joined), town.person_of(town.third_record), town.leads_to(both)} == {person}
    assert (town.leads_to(own), town.person_of(town.record)) == (town.first, town.first)
    assert (town.sees(town.record), town.sees(town.joined)) == ({"One"}, {"Two", "Three"})
    assert (town.frozen(), town.is_in(own)) == (set(), True)
    with town.engine.connect() as conn:
        owner = conn.execute(select(schema.subjects.c.person_id).where(schema.subjects.c.value == subject)).scalar_one()
    assert owner == (town.first if erased else person)


def test_a_split_login_signs_in_at_its_new_home(town: Town) -> None:
    doubtful = town.log_in("doubtful", town.joined)
    person = town.judge(town.joined)
    assert (town.leads_to(doubtful), town.is_in(doubtful)) == (person, False)
    town.sessions.open(opening(person, doubtful.session.account_id))


def test_what_a_login_proved_of_both_stays_until_the_login_is_undone(town: Town) -> None:
    both = town.log_in("both", town.record, town.joined)
    town.correct()
    assert town.frozen() == set()
    before = export(town.engine)
    with pytest.raises(LookupError, match="undo that link first"):
        town.judge(town.joined)
    assert export(town.engine) == before
    town.links.undo(undoing(both.session.account_id, town.first))
    assert town.frozen() == {town.joined}
    with town.engine.connect() as conn:
        row = schema.audit_events.c
        told = conn.execute(select(row.subject, row.detail).where(row.action == Action.RECORD_FROZEN)).one()
    assert (told.subject, told.detail["record"]) == (town.first, town.joined)
    town.judge(town.joined)
    assert town.sees(town.record) == {"One"}


def test_an_undo_freezes_nothing_whose_grounds_hold(town: Town) -> None:
    both = town.log_in("both", town.record, town.joined)
    town.correct()
    town.correct("1")
    town.links.undo(undoing(both.session.account_id, town.first))
    assert town.frozen() == set()


def test_another_login_s_proof_keeps_what_an_undo_leaves(town: Town) -> None:
    first, _second = (town.log_in(name, town.record, town.joined) for name in ("first", "second"))
    town.correct()
    town.links.undo(undoing(first.session.account_id, town.first))
    assert town.frozen() == set()


def test_what_changed_between_look_and_write_is_looked_at_again(town: Town) -> None:
    with town.engine.begin() as conn:
        found = grounds_of(conn, RecordKind.GUARDIAN, [town.joined])
        bare = [one._replace(given_name="Zoé") if one.record_id == town.joined else one for one in found.belongings]
        changes = review(Surroundings(belongings=bare, beside=found.beside, ties=found.ties))
    assert [one.record_id for one in changes] == [town.joined]
    town.judge(town.joined)
    with pytest.raises(PersonMoved), town.engine.begin() as conn:
        write_changes(conn, changes, now=NOW)


def test_what_a_human_froze_no_import_thaws(town: Town) -> None:
    with town.engine.begin() as conn:
        mine = schema.attachments.c.record_id == town.joined
        conn.execute(update(schema.attachments).where(mine).values(state="frozen"))
    town.correct()
    town.correct("1")
    assert town.frozen() == {town.joined}
    town.judge(town.joined, Action.RECORD_THAWED)
    assert town.frozen() == set()


def test_a_merge_takes_a_frozen_record_along_and_its_undo_gives_it_back(town: Town) -> None:
    town.correct()
    merged = town.log_in("merged", town.third_record, town.record)
    assert town.person_of(town.joined) == town.third
    assert town.sees(town.third_record) == {"One", "Three"}
    town.links.undo(undoing(merged.session.account_id, town.third))
    assert (town.person_of(town.joined), town.frozen()) == (town.first, {town.joined})


def test_the_act_of_the_desk_is_audited_with_its_person(town: Town) -> None:
    town.correct()
    town.judge(town.joined, Action.RECORD_THAWED)
    person = town.judge(town.joined)
    row = schema.audit_events.c
    with town.engine.connect() as conn:
        told = {
            found.action: found for found in conn.execute(select(schema.audit_events).where(row.actor == "cli:chef"))
        }
    assert told["record_thawed"].subject == told["record_split"].subject == town.first
    assert told["record_split"].detail == {"record": town.joined, "into": person}
    assert replace(town.desk.of_person(person)[0], at=NOW).evidence is EvidenceKind.OWN_RECORD
