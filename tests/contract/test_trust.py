"""Which of several feeds is shown, on every database: by the declared order, then by the day of the delivery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Engine, insert, update

from broker.domain.people import RecordKind
from broker.domain.trust import DeclaredTrust, Disputed, Trust
from broker.storage import schema
from broker.storage.sql_details import SqlDetails
from broker.storage.sql_holdings import SqlHoldings
from broker.storage.sql_people import SqlPeople
from tests import builders as b

FEEDS = {b.FEED_1D: "aaf", b.FEED_2D: "aaf", "siecle": "siecle"}
SCHOOL = "siecle.0990001a"


@dataclass(frozen=True)
class Order:
    """One order for all, the same on every day."""

    words: tuple[str, ...]

    @property
    def trust(self) -> Trust:
        return DeclaredTrust(FEEDS, lambda _feed, _attribute: {date(2026, 1, 1): self.words})


def delivered(engine: Engine, days: Mapping[str, int]) -> str:
    """A mother whom each feed names by itself, on its day of September; returns her person."""
    person = b.add_person(engine)
    for feed, day in days.items():
        record = b.add_record(
            engine, "1", RecordKind.GUARDIAN, feed=feed, family=feed, academie="99" if feed[0] == "9" else ""
        )
        b.attach(engine, record, person)
        with engine.begin() as conn:
            conn.execute(
                insert(schema.imports).values(
                    id=f"imp_{feed}", feed=feed, tenant="t", academie="99", complete=True, checksum="",
                    made_on=date(2026, 9, day), state="done", started_at=b.BEFORE, applied_at=b.BEFORE, counts={},
                )
            )  # fmt: skip
            conn.execute(update(schema.records).where(schema.records.c.id == record).values(seen_in=f"imp_{feed}"))
    return person


def shown(engine: Engine, person: str, *words: str) -> str:
    view = SqlPeople(engine, trust=Order(words).trust).person(person, now=b.NOW)
    assert view is not None
    return view.name.family


def test_a_person_is_called_as_the_most_trusted_feed_does(sql_engine: Engine) -> None:
    person = delivered(sql_engine, {b.FEED_1D: 2, b.FEED_2D: 5, SCHOOL: 9})
    assert shown(sql_engine, person, "aaf", "siecle") == b.FEED_2D  # of two files of académies the later one
    assert shown(sql_engine, person, "siecle", "aaf") == SCHOOL
    assert shown(sql_engine, person, b.FEED_1D, "siecle", "aaf") == b.FEED_1D
    details = SqlDetails(sql_engine, trust=Order(("siecle", "aaf")).trust)
    ranks = {one.feed: one.ranks[Disputed.CONTACTS] for one in details.records_of(person, now=b.NOW)}
    assert ranks == {b.FEED_1D: 1, b.FEED_2D: 1, SCHOOL: 0}


def test_every_value_is_kept_with_the_day_it_was_told(sql_engine: Engine) -> None:
    person = delivered(sql_engine, {b.FEED_1D: 2, SCHOOL: 9})
    told = {held.feed: held.told_on for held in SqlHoldings(sql_engine).records_of(person)}
    assert told == {b.FEED_1D: date(2026, 9, 2), SCHOOL: date(2026, 9, 9)}


def test_the_most_trusted_feed_tells_the_class(sql_engine: Engine) -> None:
    mother, mothers = b.add_guardian(sql_engine, "1")
    child, childs = b.add_pupil(sql_engine, "2")
    uai = b.add_school(sql_engine)
    other = b.add_record(sql_engine, "3", RecordKind.PUPIL, feed=SCHOOL, academie="")
    b.attach(sql_engine, other, child)
    b.add_guardianship(sql_engine, mothers, childs)
    b.enrol(sql_engine, childs, uai, class_code="6A")
    b.enrol(sql_engine, other, uai, class_code="6B")
    for words, label in ((("aaf", "siecle"), "6A"), (("siecle", "aaf"), "6B")):
        people = SqlPeople(sql_engine, trust=Order(words).trust)
        assert [card.class_label for card in people.children_of(mother, now=b.NOW)] == [label]
