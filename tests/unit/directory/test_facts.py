"""Dated facts: whatever is wanted, however often in one run, one pair has one open row and the past stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from broker.directory.facts import change_facts

T0 = datetime(2026, 9, 1, tzinfo=UTC)


class Row(NamedTuple):
    """A dated fact."""

    who: str
    since: datetime
    until: datetime | None
    terms: str


def change(current: list[Row], wanted: dict[str, str], now: datetime) -> list[Row]:
    """Apply the changes as the database does: rewrites by (who, since), then inserts. Two rows never share a key."""
    facts = {who: Row(who, now, None, terms) for who, terms in wanted.items()}
    changes = change_facts(
        [row for row in current if row.until is None or row.since == now],
        dict(facts),
        identity=lambda row: row.who,
        now=now,
        dated=lambda row, since, until: row._replace(since=since, until=until),
    )
    table = {(row.who, row.since): row for row in current}
    for row in changes.rewritten:
        assert (row.who, row.since) in table
        table[row.who, row.since] = row
    for row in changes.inserted:
        assert (row.who, row.since) not in table
        table[row.who, row.since] = row
    return sorted(table.values())


def test_a_fact_that_stays_is_left_alone() -> None:
    rows = change([], {"a": "x"}, T0)
    assert change(rows, {"a": "x"}, T0 + timedelta(days=1)) == rows == [Row("a", T0, None, "x")]


def test_a_fact_that_falls_gets_its_end() -> None:
    later = T0 + timedelta(days=1)
    assert change(change([], {"a": "x"}, T0), {}, later) == [Row("a", T0, later, "x")]


def test_a_fact_whose_terms_change_is_ended_and_followed() -> None:
    later = T0 + timedelta(days=1)
    rows = change(change([], {"a": "x"}, T0), {"a": "y"}, later)
    assert rows == [Row("a", T0, later, "x"), Row("a", later, None, "y")]


WANTED = st.dictionaries(st.sampled_from("abc"), st.sampled_from("xyz"))


@given(st.lists(st.tuples(st.booleans(), WANTED), max_size=12))
def test_any_sequence_of_runs_and_repeats_keeps_one_open_row_and_every_past(
    steps: list[tuple[bool, dict[str, str]]],
) -> None:
    now, rows = T0, []
    for again_in_this_run, wanted in steps:
        if not again_in_this_run:
            now += timedelta(days=1)
        past = [row for row in rows if row.until is not None and row.since < now]
        rows = change(rows, wanted, now)
        assert {row.who: row.terms for row in rows if row.until is None} == wanted
        assert len([row for row in rows if row.until is None]) == len(wanted)
        assert all(row in rows for row in past)
        assert change(rows, wanted, now) == rows
