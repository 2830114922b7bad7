"""Who may see whom, a hundred thousand times: the SQL that decides and the pure rule say the same."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from random import Random

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, given
from sqlalchemy import Engine, text

from broker.domain.guardianship import may_see
from broker.storage.sql_people import SqlPeople
from tests import builders as b
from tests.contract.test_may_see_property import Drawn, build, guardianships, restrictions, shows, towns, withdrawals
from tests.proof.evidence import Proof, prove

pytestmark = [pytest.mark.proof, pytest.mark.services, pytest.mark.timeout(0)]

TOWNS = 100
MOMENTS = [b.NOW + timedelta(days=day) for day in range(-3, 4)]
"""The very instants at which drawn facts begin and end, so that every edge is met."""
_names = count()

PROOF = Proof(
    name="may_see",
    what=(
        "SQL children_of equals the pure may_see. A situation is a drawn town (3 adults and 3 children "
        "with 4 records each side, attached, proposed or undone, some retired, dated relations and restrictions, a "
        "merge, rights that another feed took back) at one instant, each of the 3 adults asked; three in four on "
        "SQLite, the others on PostgreSQL"
    ),
    count=100_000,
    seed=20260914,
    covers=(
        "broker/domain/guardianship.py",
        "broker/storage/may_see.py",
        "broker/storage/withdrawals.py",
        "broker/storage/sql_people.py",
        "broker/storage/schema/columns.py",
        "broker/storage/schema/directory.py",
        "tests/contract/test_may_see_property.py",
    ),
)


def situations(engine: Engine, *, draw: int) -> int:
    """Draw towns from a seed and compare at every moment; returns how many situations were compared."""
    compared: list[int] = []

    @hypothesis.seed(draw)
    @hypothesis.settings(
        max_examples=TOWNS,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(town=towns)
    def holds(town: Drawn) -> None:
        compare(engine, town)
        compared.append(len(MOMENTS))

    holds()
    return sum(compared)


def compare(engine: Engine, town: Drawn) -> None:
    name, people = f"t{next(_names)}", SqlPeople(engine)
    with engine.begin() as conn:
        adults, children = build(conn, name, town)
    facts, limits = list(guardianships(name, town)), list(restrictions(name, town))
    taken = list(withdrawals(name, town))
    carded = {child for child in children if shows(name, town, child)}
    for now in MOMENTS:
        for adult in adults:
            shown = {card.child_id for card in people.children_of(adult, now=now)}
            assert shown == {
                child
                for child in carded
                if may_see(adult, child, guardianships=facts, restrictions=limits, now=now, withdrawals=taken)
            }


def test_the_sql_equals_the_pure_rule(sqlite_engine: Engine, postgres_engine: Engine) -> None:
    engines = (sqlite_engine, sqlite_engine, sqlite_engine, postgres_engine)

    def batch(random: Random) -> int:
        held = sum(situations(engine, draw=random.getrandbits(64)) for engine in engines)
        with postgres_engine.begin() as conn:
            conn.execute(text("ANALYZE"))  # as autovacuum would, which the test server does not run
        return held

    prove(PROOF, batch)
