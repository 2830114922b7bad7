"""The SQL condition of `may_see` equals the pure rule, on towns drawn at random.

The town knows who everybody really is; the database only has records, attachments and dated facts between records.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count

from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, update

from broker.domain.guardianship import Guardianship, Quality, Restriction, Right, Withdrawal, may_see
from broker.domain.names import name_key
from broker.domain.people import AttachmentState, RecordKind
from broker.storage.schema import persons
from broker.storage.sql_people import SqlPeople
from tests import builders as b
from tests.contract.statements import without_fsync

BINDING = (AttachmentState.ATTACHED, AttachmentState.FROZEN)
ADULTS = CHILDREN = 3
RECORDS = 4
_towns = count()

moments = st.integers(-3, 3).map(lambda days: b.NOW + timedelta(days=days))
spans = st.tuples(moments, st.none() | moments)
whose = st.tuples(
    st.integers(0, 2),
    st.sampled_from(
        [*[AttachmentState.ATTACHED] * 4, AttachmentState.FROZEN, AttachmentState.PROPOSED, AttachmentState.UNDONE]
    ),
    st.sampled_from([False] * 5 + [True]),
)
pairs = st.tuples(st.integers(0, RECORDS - 1), st.integers(0, RECORDS - 1))
said = st.tuples(st.sampled_from([b.FEED_1D, b.FEED_2D]), st.none() | moments, st.sampled_from([None] * 3) | moments)
Whose = tuple[int, AttachmentState, bool]
Fact = tuple[tuple[int, int], tuple[datetime, datetime | None]]
Said = tuple[str, datetime | None, datetime | None]
ALWAYS_SAID = (b.FEED_2D, None, None)


@dataclass(frozen=True)
class Drawn:
    """Who each record belongs to (person, state, retired), the relations with a right or none, the restrictions.

    Each relation comes with the feed that says so, since when it gives it, and when it took it back. `names` are those
    of the adults' records: namesakes, with the same civility or not.
    """

    adults: list[Whose]
    children: list[Whose]
    relations: list[tuple[Fact, bool, Said]]
    restrictions: list[Fact]
    merged: bool
    names: list[tuple[str, str]]


towns = st.builds(
    Drawn,
    adults=st.lists(whose, min_size=RECORDS, max_size=RECORDS),
    children=st.lists(whose, min_size=RECORDS, max_size=RECORDS),
    relations=st.lists(
        st.tuples(st.tuples(pairs, spans), st.sampled_from([True, True, False]), said),
        max_size=8,
        unique_by=lambda each: each[0][0],
    ),
    restrictions=st.lists(st.tuples(pairs, spans), max_size=3),
    merged=st.booleans(),
    names=st.lists(
        st.tuples(st.sampled_from(["Paul", "PAUL", "Jean"]), st.sampled_from(["M.", "M.", "Mme"])),
        min_size=RECORDS,
        max_size=RECORDS,
    ),
)


_OWN = [(person, AttachmentState.ATTACHED, False) for person in (0, 1, 2, 2)]
_ALWAYS = (b.BEFORE, None)
NAMESAKES = Drawn(
    adults=_OWN,
    children=_OWN,
    relations=[(((adult, 0), _ALWAYS), True, ALWAYS_SAID) for adult in range(3)]
    + [(((3, 3), _ALWAYS), True, ALWAYS_SAID)],
    restrictions=[((0, 0), _ALWAYS)],
    merged=False,
    names=[("Paul", "M."), ("PAUL", "M."), ("Jean", "M."), ("Paul", "Mme")],
)
"""Three adults beside one child, one of them barred, another of his name: random towns seldom draw it."""
FROZEN_ADULT = replace(NAMESAKES, adults=[(0, AttachmentState.FROZEN, False), *_OWN[1:3], (0, *_OWN[3][1:])])
FROZEN_CHILD = replace(NAMESAKES, children=[(0, AttachmentState.FROZEN, False), *_OWN[1:3], (0, *_OWN[3][1:])])
"""The barred adult's, and the child's, record is in doubt, and another one is not."""
_LATE = (b.FEED_1D, b.BEFORE, None)
WITHDRAWN = Drawn(
    adults=[(0, AttachmentState.ATTACHED, False), (0, AttachmentState.FROZEN, False), *_OWN[1:3]],
    children=[(0, AttachmentState.ATTACHED, False), (0, AttachmentState.FROZEN, False), *_OWN[2:]],
    relations=[
        (((0, 0), _ALWAYS), True, _LATE),
        (((2, 0), _ALWAYS), True, (b.FEED_1D, b.NOW, None)),
        (((3, 0), _ALWAYS), True, _LATE),
        (((1, 1), (b.BEFORE, b.NOW)), True, (b.FEED_2D, b.BEFORE, b.BEFORE)),
    ],
    restrictions=[],
    merged=False,
    names=[("Paul", "M."), ("Jean", "M."), ("Jean", "M."), ("Jean", "M.")],
)
"""One feed took the right of one record of a father back; another one gave it to him and to two of that name before."""
HOMONYM, RENAMED = (
    replace(
        WITHDRAWN,
        adults=[(0, AttachmentState.ATTACHED, False), (0, AttachmentState.FROZEN, False), *_OWN[1:3]],
        relations=[
            (((0, 0), _ALWAYS), True, _LATE),
            (((1, 1), (b.BEFORE, b.NOW)), True, (b.FEED_2D, b.BEFORE, b.BEFORE)),
            (((2, 1), (since, None)), True, (b.FEED_2D, b.BEFORE, None)),
        ],
    )
    for since in (b.BEFORE, b.NOW)
)
"""Beside him stands another of his given name and civility: all along, or since the right was taken back."""


def build(conn: Connection, name: str, town: Drawn) -> tuple[list[str], list[str]]:
    adults = [b.add_person(conn, f"{name}-a{n}") for n in range(ADULTS)]
    children = [b.add_person(conn, f"{name}-c{n}") for n in range(CHILDREN)]
    uai = b.add_school(conn, f"{name}-u")
    for kind, rows, people in (
        (RecordKind.GUARDIAN, town.adults, adults),
        (RecordKind.PUPIL, town.children, children),
    ):
        for number, (person, state, retired) in enumerate(rows):
            given_name, civility = town.names[number] if kind is RecordKind.GUARDIAN else ("Camille", "")
            record = b.add_record(
                conn,
                f"{name}-{kind}-{number}",
                kind,
                given=given_name,
                civility=civility,
                retired_at=b.BEFORE if retired else None,
            )
            b.attach(
                conn,
                record,
                people[_real(person, town)] if kind is RecordKind.GUARDIAN else people[person],
                state=state,
            )
            if kind is RecordKind.PUPIL:
                b.enrol(conn, record, uai)
    for ((adult, child), (since, until)), sees, (feed, given_at, withdrawn) in town.relations:
        b.add_guardianship(
            conn, *_records(name, adult, child),
            may_see=sees, since=since, until=until, feed=feed, given=given_at, withdrawn=withdrawn,
        )  # fmt: skip
    for (adult, child), (since, until) in town.restrictions:
        b.add_restriction(conn, *_records(name, adult, child), since=since, until=until)
    if town.merged:
        conn.execute(update(persons).where(persons.c.id == adults[1]).values(merged_into=adults[0]))
    return adults, children


def _records(name: str, adult: int, child: int) -> tuple[str, str]:
    return f"{b.FEED_2D}:{name}-guardian-{adult}", f"{b.FEED_2D}:{name}-pupil-{child}"


def _real(person: int, town: Drawn) -> int:
    """After the merge, what was attached to the second adult is attached to the first."""
    return 0 if town.merged and person == 1 else person


def guardianships(name: str, town: Drawn) -> Iterator[Guardianship]:
    """Facts between records, told of persons: only live and attached records tell any."""
    for ((adult, child), (since, until)), sees, (feed, given_at, _) in town.relations:
        (a, a_state, a_gone), (c, c_state, c_gone) = town.adults[adult], town.children[child]
        if a_state is c_state is AttachmentState.ATTACHED and not a_gone and not c_gone:
            rights = frozenset({Right.SEE}) if sees else frozenset()
            yield Guardianship(
                f"{name}-a{_real(a, town)}",
                f"{name}-c{c}",
                Quality.LEGAL_GUARDIAN,
                rights,
                since,
                until,
                _name(adult, town),
                feed,
                given_at,
            )


def restrictions(name: str, town: Drawn) -> Iterator[Restriction]:
    """Restrictions between records, told of persons: a retired record tells of its human, a loose one of a name.

    A frozen record shows nobody anything, and what it closed stays closed.
    """
    for (adult, child), (since, until) in town.restrictions:
        (a, a_state, _), (c, c_state, _) = town.adults[adult], town.children[child]
        if c_state in BINDING:
            barred = f"{name}-a{_real(a, town)}" if a_state in BINDING else ""
            yield Restriction(barred, f"{name}-c{c}", since, until, _name(adult, town))


def withdrawals(name: str, town: Drawn) -> Iterator[Withdrawal]:
    """Rights taken back, told of persons as restrictions are, but those that their feed gives under another key."""
    for ((adult, child), (_, until)), _, (feed, _, at) in town.relations:
        (a, a_state, _), (c, c_state, _) = town.adults[adult], town.children[child]
        if at is not None and c_state in BINDING and not _kept(town, adult, child, feed, until):
            who = f"{name}-a{_real(a, town)}" if a_state in BINDING else ""
            yield Withdrawal(who, f"{name}-c{c}", feed, at, _name(adult, town))


def _kept(town: Drawn, adult: int, child: int, feed: str, ended: datetime | None) -> bool:
    """Tell whether another record took the place when the relation ended: not one that stood there already."""
    return any(
        (other_feed, other_child, until, sees) == (feed, child, None, True)
        and town.names[other] == town.names[adult]
        and not town.adults[other][2]
        and ended is not None
        and since >= ended
        for ((other, other_child), (since, until)), sees, (other_feed, _, _) in town.relations
    )


def _name(adult: int, town: Drawn) -> str:
    given_name, civility = town.names[adult]
    return name_key(family="Martin", given=given_name, civility=civility)


def shows(name: str, town: Drawn, child: str) -> bool:
    """A child that may be seen has a card when a live attached record of it has a place."""
    return any(
        f"{name}-c{person}" == child and state is AttachmentState.ATTACHED and not retired
        for person, state, retired in town.children
    )


def test_children_of_equals_the_pure_rule(sql_engine: Engine) -> None:
    examples = 200 if sql_engine.dialect.name == "sqlite" else 40
    people = SqlPeople(without_fsync(sql_engine))

    @settings(max_examples=examples, deadline=None, database=None, report_multiple_bugs=False)
    @given(town=towns, now=moments)
    @example(town=NAMESAKES, now=b.NOW)
    @example(town=FROZEN_ADULT, now=b.NOW)
    @example(town=FROZEN_CHILD, now=b.NOW)
    @example(town=WITHDRAWN, now=b.NOW)
    @example(town=HOMONYM, now=b.NOW)
    @example(town=RENAMED, now=b.NOW)
    def holds(town: Drawn, now: datetime) -> None:
        name = f"t{next(_towns)}"
        with sql_engine.begin() as conn:
            adults, children = build(conn, name, town)
        facts = list(guardianships(name, town)), list(restrictions(name, town))
        taken = list(withdrawals(name, town))
        for adult in adults:
            expected = {
                child
                for child in children
                if may_see(adult, child, guardianships=facts[0], restrictions=facts[1], now=now, withdrawals=taken)
            }
            shown = {card.child_id for card in people.children_of(adult, now=now)}
            assert shown == {child for child in expected if shows(name, town, child)}
            assert {reason.child_id for reason in people.why(adult, now=now)} == shown
            assert people.sees_a_child((adult,), now=now) == bool(expected)

    holds()
