"""A login that names a record of which it is in doubt whose it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from broker.domain.errors import LinkAmbiguous, LinkUndone
from broker.domain.identity import AccountState, LinkedAccount
from broker.domain.people import AttachmentState, RecordView
from broker.federation.linking import Link, LinkDecision, Refuse, SignIn, decide_link
from tests.unit.federation.test_linking import NOW, account, facts, record


def decided(
    records: Iterable[RecordView] = (), *frozen: str, known: LinkedAccount | None = None, keys: tuple[str, ...] = ("2",)
) -> LinkDecision:
    doubtful = tuple(replace(record(key), state=AttachmentState.FROZEN) for key in frozen)
    return decide_link(replace(facts(records, known=known, keys=keys), frozen=doubtful), now=NOW)


def test_a_first_login_that_names_nothing_else_is_left_to_the_school() -> None:
    refused = decided((), "2")
    assert isinstance(refused, Refuse)
    assert refused.error is LinkAmbiguous


def test_a_first_login_is_linked_by_what_is_not_in_doubt() -> None:
    linked = decided((record("1", person="prs_1"),), "2", keys=("1", "2"))
    assert isinstance(linked, Link)
    assert linked.proof.evidence.detail["records"] == record("1").record_id


@pytest.mark.parametrize("others", [(), (record("3", person="prs_3"),)], ids=["nothing else", "a stranger's record"])
def test_a_known_login_does_not_open_its_person_by_a_record_in_doubt(others: tuple[RecordView, ...]) -> None:
    keys = ("2", *(view.reference.key for view in others))
    refused = decided(others, "2", known=account(references="99$2"), keys=keys)
    assert isinstance(refused, Refuse)
    assert refused.error is LinkAmbiguous
    assert isinstance(decided((record("2", person="prs_1"),), known=account(references="99$2")), SignIn)


def test_a_known_login_that_also_names_a_record_of_its_person_signs_in() -> None:
    mine = record("1", person="prs_1")
    assert isinstance(decided((mine,), "2", known=account(references="99$1,99$2"), keys=("1", "2")), SignIn)


def test_an_undone_login_is_told_that_it_was_undone() -> None:
    refused = decided((), "2", known=account(state=AccountState.UNDONE, references="99$2"))
    assert isinstance(refused, Refuse)
    assert refused.error is LinkUndone
