"""The port `Holdings` on every database."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from broker.domain.identity import EvidenceKind
from broker.domain.people import AttachmentState, RecordKind, Reference
from broker.storage.sql_holdings import SqlHoldings
from tests import builders as b


@pytest.fixture
def holdings(sql_engine: Engine) -> SqlHoldings:
    return SqlHoldings(sql_engine)


def test_a_persons_records_stand_with_their_text_and_what_made_them_theirs(
    sql_engine: Engine, holdings: SqlHoldings
) -> None:
    person, _ = b.add_guardian(sql_engine, "1", given="Nadia")
    b.add_guardian(sql_engine, "2", given="Karim")
    (found,) = holdings.records_of(person)
    assert (found.feed, found.kind, found.reference) == (b.FEED_2D, RecordKind.GUARDIAN, Reference("99", "1"))
    assert (found.evidence, found.attached_at, found.since) == (EvidenceKind.OWN_RECORD, b.BEFORE, b.BEFORE)
    assert "Nadia" in found.content


def test_a_record_that_its_feed_no_longer_names_is_still_held(sql_engine: Engine, holdings: SqlHoldings) -> None:
    person, _ = b.add_guardian(sql_engine, "1")
    old = b.add_record(sql_engine, "0", RecordKind.GUARDIAN, retired_at=b.NOW)
    b.attach(sql_engine, old, person, kind=EvidenceKind.REFERENCE)
    assert [(held.reference.key, held.retired_at) for held in holdings.records_of(person)] == [
        ("0", b.NOW),
        ("1", None),
    ]


@pytest.mark.parametrize("state", [state for state in AttachmentState if state is not AttachmentState.ATTACHED])
def test_what_is_not_proven_to_be_theirs_is_not_told(
    sql_engine: Engine, holdings: SqlHoldings, state: AttachmentState
) -> None:
    person, _ = b.add_guardian(sql_engine, "1")
    _, stranger = b.add_guardian(sql_engine, "2")
    b.attach(sql_engine, stranger, person, state=state, kind=EvidenceKind.RESEMBLANCE)
    assert [held.reference.key for held in holdings.records_of(person)] == ["1"]


def test_nobody_holds_nothing(holdings: SqlHoldings) -> None:
    assert holdings.records_of("prs_nobody") == ()
