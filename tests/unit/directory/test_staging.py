"""From delivered items to staged rows: order, batches, malformed records kept."""

from __future__ import annotations

from broker.directory.staging import Stager
from broker.domain.feed import PERSON_FIELDS, FeedFault, FeedRow, PersonRecord, Relation, Removal, SchoolRecord
from broker.domain.guardianship import Quality
from broker.domain.people import PersonName, RecordKind

PUPIL = PersonRecord(
    RecordKind.PUPIL,
    "1",
    PersonName("A", "B"),
    relations=(Relation("5", "10", Quality.LEGAL_GUARDIAN),),
    stated=PERSON_FIELDS,
)
SCHOOL = SchoolRecord("9", "9990002Y", "Collège", None)


def row(record: PersonRecord | SchoolRecord | Removal, *, addition: bool = True) -> FeedRow:
    return FeedRow("f.xml", 3, record, addition)


def stager() -> Stager:
    return Stager(in_charge_sees=False, size=2)


def test_every_kind_of_item_becomes_its_row() -> None:
    items = [
        row(PUPIL),
        row(SCHOOL),
        row(Removal(None, "9")),
        row(Removal(RecordKind.GUARDIAN, "5")),
        row(PUPIL, addition=False),
    ]
    rows = [one for batch in stager().batches(items) for one in batch.rows]
    seen = [(one.phase, one.seq, one.key, one.kind, one.op, one.relations) for one in rows]
    assert seen == [
        (1, 1, "1", "pupil", "add", 1),
        (0, 2, "9", "school", "add", 0),
        (0, 3, "9", "school", "delete", 0),
        (2, 4, "5", "guardian", "delete", 0),
        (1, 5, "1", "pupil", "modify", 1),
    ]


def test_batches_are_cut_at_their_size_and_tell_how_far_they_reach() -> None:
    batches = list(stager().batches([row(PUPIL)] * 5))
    assert [(len(batch.rows), batch.staged) for batch in batches] == [(2, 2), (2, 4), (1, 5)]


def test_faults_count_as_items_and_tell_whether_the_set_is_broken() -> None:
    faults = [FeedFault("f.xml", 1, "bad", breaks=True)]
    reader = stager()
    batches = list(reader.batches([row(PUPIL), *faults, row(PUPIL), row(PUPIL), row(SCHOOL)]))
    found = [(len(batch.rows), len(batch.faults), batch.staged) for batch in batches]
    assert found == [(1, 1, 2), (2, 0, 4), (1, 0, 5)]
    assert (reader.broken, reader.counts) == (True, {"faults": 1})


def test_a_malformed_record_with_a_key_is_kept_and_one_without_is_only_told() -> None:
    items = [FeedFault("f.xml", 1, "bad", kind="pupil", key="1"), FeedFault("f.xml", 2, "bad")]
    (batch,) = stager().batches(items)
    assert [(one.key, one.op) for one in batch.rows] == [("1", "keep")]
    assert len(batch.faults) == 2


def test_warnings_are_kept_up_to_a_thousand_and_counted_beyond() -> None:
    reader = stager()
    warnings = [FeedFault("f.xml", line, "key does not hold", warning=True) for line in range(1200)]
    faults = [fault for batch in reader.batches([*warnings, FeedFault("f.xml", 9, "bad")]) for fault in batch.faults]
    assert len(faults) == 1001
    assert reader.counts == {"warnings": 1200, "faults": 1}
