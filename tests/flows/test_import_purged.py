"""What a purge forgets freezes nobody at the next delivery; what is corrected afterwards still does."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from broker.domain.audit import Action
from broker.storage import schema
from broker.storage.sql_purge import SqlPurge
from tests import aaf
from tests.clock import FakeClock
from tests.flows.test_import_corrected import CHILD_2D, INE, MOTHER_1D, MOTHER_2D, joined, person_of, sees, states
from tests.imports import FEED_1D, Desk
from tests.retention import shipped_spans


@pytest.fixture
def desk(sql_engine: Engine, clock: FakeClock) -> Desk:
    return Desk(sql_engine, clock)


def without_records() -> Mapping[str, timedelta]:
    return {**shipped_spans(), "retired_records": timedelta(days=4000)}


@pytest.mark.parametrize("spans", [shipped_spans, without_records], ids=["the record goes", "only its relations go"])
def test_a_child_who_left_long_ago_keeps_its_parents_together(desk: Desk, tmp_path: Path, spans: object) -> None:
    joined(desk, tmp_path, given="Aline")
    desk.run(aaf.write_set(tmp_path / "x", degree="1D", mode="Delta", Eleve=[aaf.delete("Eleve", "41")]), feed=FEED_1D)
    desk.clock.advance(timedelta(days=740))
    SqlPurge(desk.engine, kept=spans).purge(now=desk.clock(), limit=1000)  # type: ignore[arg-type]
    told = [
        detail
        for action, detail in desk.rows(schema.audit_events, "action", "detail")
        if action == Action.JOINS_SETTLED
    ]
    assert sorted(int(detail["joins"]) for detail in told) in ([1], [1, 1], [2])
    mother, child = (
        aaf.modify("PersRelEleve", "500101", mail="a@example.org"),
        aaf.modify("Eleve", "20", ENTEleveClasses="9002$4B"),
    )
    desk.run(aaf.write_set(tmp_path / "y", mode="Delta", day="20280915", Eleve=[child], PersRelEleve=[mother]))
    assert set(states(desk).values()) == {"attached"}
    assert person_of(desk, MOTHER_1D) == person_of(desk, MOTHER_2D)
    assert "Enora at 9990002Y" in sees(desk, MOTHER_1D)
    other = aaf.modify("PersRelEleve", "500101", givenName="Goulvena")
    desk.run(aaf.write_set(tmp_path / "z", mode="Delta", day="20280916", PersRelEleve=[other]))
    assert states(desk)[MOTHER_2D] == "frozen"


def test_what_was_in_doubt_when_it_was_purged_stays_in_doubt(desk: Desk, tmp_path: Path) -> None:
    joined(desk, tmp_path, given="Aline")
    change = aaf.modify("Eleve", "20", ENTEleveINE="990000004DJ")
    desk.run(aaf.write_set(tmp_path / "w", mode="Delta", day="20260902", Eleve=[change]))
    desk.run(aaf.write_set(tmp_path / "x", degree="1D", mode="Delta", Eleve=[aaf.delete("Eleve", "41")]), feed=FEED_1D)
    desk.clock.advance(timedelta(days=740))
    SqlPurge(desk.engine, kept=shipped_spans).purge(now=desk.clock(), limit=1000)
    back = aaf.modify("Eleve", "20", ENTEleveINE=INE)
    desk.run(aaf.write_set(tmp_path / "y", mode="Delta", day="20280915", Eleve=[back]))
    assert (states(desk)[CHILD_2D], states(desk)[MOTHER_2D]) == ("frozen", "frozen")
