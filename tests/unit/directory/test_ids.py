"""Identifiers drawn in blocks are like the others, and none comes twice."""

from __future__ import annotations

from broker.directory.ids import IdSource
from broker.domain.handles import Id, new_id


def test_ten_thousand_ids_are_all_different_and_of_the_usual_shape() -> None:
    draw = IdSource()
    ids = [draw(Id.PERSON) for _ in range(10_000)]
    assert len(set(ids)) == len(ids)
    assert {(type(one), len(one), one[:4]) for one in ids} == {(str, len(new_id(Id.PERSON)), Id.PERSON.value)}
    assert draw(Id.ATTACHMENT).startswith(Id.ATTACHMENT)
