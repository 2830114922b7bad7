"""Whatever logins join and whatever is undone, in any order: who is one person is decided by the proofs that stand.

The oracle knows nothing of merges: records are nodes, each standing login ties the records it named, each attachment
made beside a record ties the two, and a person is a connected set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from broker.domain.identity import EvidenceKind
from broker.domain.people import RecordKind
from broker.storage.schema import accounts, attachments, persons, sessions, subjects
from broker.storage.sql_links import SqlLinks
from broker.storage.sql_people import SqlPeople
from broker.storage.sql_sessions import SqlSessions
from tests import builders as b
from tests.contract.acts import UNDO_FOR, opening, proof, undoing
from tests.contract.statements import without_fsync

FOUNDERS = 5
RANDOM = (Phase.explicit, Phase.generate)
"""No shrinking: scenarios write to a database, and minimising one costs minutes. The printed seed repeats it."""
SECTORS = ("cantine", "pronote")
_scenarios, _logins = count(), count()

logins = st.tuples(st.just("login"), st.lists(st.integers(0, 7), min_size=1, max_size=3, unique=True))
returns = st.tuples(st.just("again"), st.integers(0, 9))
imports = st.tuples(st.just("import"), st.integers(0, 7))
undos = st.tuples(st.just("undo"), st.integers(0, 9))
Step = tuple[str, int] | tuple[str, list[int]]


@dataclass
class Town:
    """A few persons with one record each, and what has happened to them, as the database and the oracle know it."""

    engine: Engine
    name: str
    moving_clock: bool
    now: datetime = b.NOW
    records: list[str] = field(default_factory=list)
    beside: list[tuple[str, str]] = field(default_factory=list)
    linked: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    """Account id → (its upstream subject, the records it named)."""

    def found(self, known_to: Sequence[frozenset[str]]) -> None:
        with self.engine.begin() as conn:
            for number, sectors in enumerate(known_to):
                person, record = b.add_guardian(conn, f"{self.name}-{number}")
                for sector in sorted(sectors):
                    b.add_subject(conn, person, sector=sector)
                self.records.append(record)

    def person_of(self, record: str) -> str:
        with self.engine.connect() as conn:
            found = select(attachments.c.person_id).where(attachments.c.record_id == record)
            return str(conn.execute(found).scalar_one())

    def tick(self) -> None:
        if self.moving_clock:
            self.now += timedelta(seconds=1)

    # ---- steps ----

    def login(self, wanted: list[int]) -> None:
        named = tuple(dict.fromkeys(self.records[n % len(self.records)] for n in wanted))
        subject = f"{self.name}-{next(_logins)}"
        act = self._enter(subject, named, survivor=self.person_of(named[0]), account="")
        self.linked[act] = (subject, named)

    def again(self, which: int) -> None:
        if self.linked:
            account = sorted(self.linked)[which % len(self.linked)]
            subject, named = self.linked[account]
            with self.engine.connect() as conn:
                person = conn.execute(select(accounts.c.person_id).where(accounts.c.id == account)).scalar_one()
            self._enter(subject, named, survivor=person, account=account)

    def _enter(self, subject: str, named: tuple[str, ...], *, survivor: str, account: str) -> str:
        absorbed = {self.person_of(record) for record in named} - {survivor}
        link = proof(survivor, *sorted(absorbed), subject=subject, records=named, at=self.now)
        act = opening(survivor, account, link=link, at=self.now)
        SqlSessions(self.engine, b.HINTS).open(act)
        return act.session.account_id

    def import_beside(self, which: int) -> None:
        old = self.records[which % len(self.records)]
        new = b.add_record(self.engine, f"{self.name}-{len(self.records)}", RecordKind.GUARDIAN, feed=b.FEED_1D)
        person = self.person_of(old)
        b.attach(self.engine, new, person, kind=EvidenceKind.SHARED_CHILD, beside=old, at=self.now)
        self.records.append(new)
        self.beside.append((new, old))

    def undo(self, which: int) -> None:
        if self.linked:
            account = sorted(self.linked)[which % len(self.linked)]
            _, named = self.linked.pop(account)
            links = SqlLinks(self.engine, undo_for=UNDO_FOR)
            with self.engine.connect() as conn:
                person = conn.execute(select(accounts.c.person_id).where(accounts.c.id == account)).scalar_one()
            links.undo(undoing(account, person, at=self.now))
            assert named

    # ---- what must hold ----

    def components(self) -> set[frozenset[str]]:
        """Connected sets of records by the proofs that stand."""
        ties = [named for _, named in self.linked.values()] + list(self.beside)
        sets = [frozenset({record}) for record in self.records]
        for tie in ties:
            touched = [each for each in sets if each & set(tie)]
            sets = [each for each in sets if each not in touched] + [frozenset().union(*touched)]
        return set(sets)

    def check(self) -> None:
        by_person: dict[str, set[str]] = {}
        for record in self.records:
            by_person.setdefault(self.person_of(record), set()).add(record)
        assert {frozenset(owned) for owned in by_person.values()} == self.components()
        with self.engine.connect() as conn:
            for account, (_, named) in self.linked.items():
                person = conn.execute(select(accounts.c.person_id).where(accounts.c.id == account)).scalar_one()
                assert set(named) <= by_person[person]
            strayed = (
                select(sessions.c.sid)
                .join(accounts, accounts.c.id == sessions.c.account_id)
                .where(sessions.c.person_id != accounts.c.person_id, sessions.c.revoked_at.is_(None))
            )
            assert conn.execute(strayed).first() is None
        assert all(SqlPeople(self.engine).owner(person) == person for person in by_person)

    def check_subjects(self, founding: dict[str, tuple[str, str]]) -> None:
        """Each service that knew one founder of a person still finds exactly one current subject of it."""
        with self.engine.connect() as conn:
            rows = conn.execute(select(subjects).where(subjects.c.value.in_(founding))).fetchall()
        assert len(rows) == len(founding)
        expected = {(self.person_of(record), sector) for record, sector in founding.values()}
        current = [(row.person_id, row.sector) for row in rows if row.retired_at is None]
        assert sorted(current) == sorted(expected)

    def state(self) -> list[tuple[object, ...]]:
        """Persons, founding attachments and subjects, row for row."""
        with self.engine.connect() as conn:
            own = [self.person_of(record) for record in self.records[:FOUNDERS]]
            return sorted(
                tuple(map(str, row))
                for statement in (
                    select(persons).where(persons.c.id.in_(own)),
                    select(attachments).where(attachments.c.record_id.in_(self.records[:FOUNDERS])),
                    select(subjects).where(subjects.c.person_id.in_(own)),
                )
                for row in conn.execute(statement)
            )


def live(town: Town, known_to: Sequence[frozenset[str]], steps: Sequence[Step]) -> None:
    town.found(known_to)
    founding = _founding(town)
    born = town.state()
    doing = {"login": town.login, "again": town.again, "import": town.import_beside, "undo": town.undo}
    for verb, argument in steps:
        doing[verb](argument)  # type: ignore[operator]
        town.tick()
        town.check()
        town.check_subjects(founding)
    while town.linked:
        town.undo(len(steps))
        town.check()
    assert town.state() == born


def _founding(town: Town) -> dict[str, tuple[str, str]]:
    record_of = {town.person_of(record): record for record in town.records}
    with town.engine.connect() as conn:
        rows = conn.execute(select(subjects).where(subjects.c.person_id.in_(record_of))).fetchall()
    return {row.value: (record_of[row.person_id], row.sector) for row in rows}


PROVEN_TWICE: list[Step] = [("login", [3, 2]), ("login", [3, 2]), ("undo", 0)]
CHAIN: list[Step] = [("login", [0, 1]), ("login", [2, 1]), ("login", [3, 0]), ("undo", 0), ("undo", 0), ("undo", 0)]
RESTED_ON_ANOTHER: list[Step] = [("login", [0, 1]), ("import", 1), ("login", [1]), ("login", [5, 4]), ("undo", 0)]


def test_persons_are_what_the_standing_proofs_say(sql_engine: Engine) -> None:
    without_fsync(sql_engine)
    examples = 120 if sql_engine.dialect.name == "sqlite" else 25

    @settings(max_examples=examples, deadline=None, database=None, report_multiple_bugs=False, phases=RANDOM)
    @given(
        known_to=st.lists(st.frozensets(st.sampled_from(SECTORS)), min_size=FOUNDERS, max_size=FOUNDERS),
        steps=st.lists(st.one_of(logins, logins, imports, undos, returns), max_size=9),
        moving_clock=st.booleans(),
    )
    @example(known_to=[frozenset()] * FOUNDERS, steps=PROVEN_TWICE, moving_clock=False)
    @example(known_to=[frozenset(SECTORS)] * FOUNDERS, steps=CHAIN, moving_clock=True)
    @example(known_to=[frozenset(SECTORS)] * FOUNDERS, steps=RESTED_ON_ANOTHER, moving_clock=False)
    def holds(known_to: list[frozenset[str]], steps: list[Step], moving_clock: bool) -> None:
        live(Town(sql_engine, f"town{next(_scenarios)}", moving_clock), known_to, steps)

    holds()
