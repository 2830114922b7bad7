"""The port `Attachments` on every database."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from broker.domain.identity import EvidenceKind
from broker.domain.people import AttachmentState, RecordKind
from broker.storage.sql_attachments import SqlAttachments
from tests import builders as b


@pytest.fixture
def attachments(sql_engine: Engine) -> SqlAttachments:
    return SqlAttachments(sql_engine)


def test_a_persons_records_stand_with_their_evidence(sql_engine: Engine, attachments: SqlAttachments) -> None:
    person, record = b.add_guardian(sql_engine, "1")
    b.add_guardian(sql_engine, "2")
    (found,) = attachments.of_person(person)
    assert (found.record_id, found.person_id, found.kind) == (record, person, RecordKind.GUARDIAN)
    assert (found.state, found.evidence) == (AttachmentState.ATTACHED, EvidenceKind.OWN_RECORD)
    assert (found.at, found.score, found.retired_at) == (b.BEFORE, None, None)


def test_a_proposal_is_told_on_both_sides(sql_engine: Engine, attachments: SqlAttachments) -> None:
    left, mine = b.add_guardian(sql_engine, "1")
    right, theirs = b.add_guardian(sql_engine, "2", feed=b.FEED_1D)
    b.attach(sql_engine, theirs, left, state=AttachmentState.PROPOSED, kind=EvidenceKind.RESEMBLANCE)
    told = [{(a.record_id, a.person_id, a.state) for a in attachments.of_person(who)} for who in (left, right)]
    proposal = (theirs, left, AttachmentState.PROPOSED)
    assert told[0] == {(mine, left, AttachmentState.ATTACHED), proposal}
    assert told[1] == {(theirs, right, AttachmentState.ATTACHED), proposal}


def test_undone_attachments_are_told_too(sql_engine: Engine, attachments: SqlAttachments) -> None:
    person, _ = b.add_guardian(sql_engine, "1")
    other = b.add_record(sql_engine, "2", RecordKind.GUARDIAN, retired_at=b.NOW)
    b.attach(sql_engine, other, person, state=AttachmentState.UNDONE)
    undone = [each for each in attachments.of_person(person) if each.state is AttachmentState.UNDONE]
    assert [(each.record_id, each.retired_at) for each in undone] == [(other, b.NOW)]


def test_nobody_has_no_attachment(attachments: SqlAttachments) -> None:
    assert attachments.of_person("prs_nobody") == ()
