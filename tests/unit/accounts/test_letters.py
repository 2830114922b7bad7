"""Letters: a code for each, seen once, drawn again where its locator is taken."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from broker.accounts.hashing import HashCost, Hashing
from broker.accounts.letters import Addressee, Batch, issue_letters
from broker.domain.contacts import read_mobile
from broker.domain.credential_acts import IssueCodes
from broker.domain.credentials import Code, read_letter_code
from broker.domain.errors import StorageUnavailable
from policies import load_book
from tests.builders import NOW

TABLE = load_book().installation.codes
CLASS = [Addressee(f"prs_{number}", "0990001A", "ac-test", "Collège") for number in range(5)]
BATCH = Batch("bat_1", "acc_agent", "trace", NOW)


class Shelf:
    """`Codes.issue` alone, on which some locators are taken for a while."""

    def __init__(self, *, taken: int = 0) -> None:
        self.kept: dict[str, Code] = {}
        self.acts: list[IssueCodes] = []
        self.taken = taken

    def issue(self, act: IssueCodes) -> frozenset[str]:
        self.acts.append(act)
        refused = {code.code_id for code in act.codes[: self.taken]}
        self.taken = max(0, self.taken - 1)
        self.kept |= {code.person_id: code for code in act.codes if code.code_id not in refused}
        return frozenset(refused)


@pytest.fixture
def hashing() -> Iterator[Hashing]:
    made = Hashing(HashCost(workers=2))
    yield made
    made.close()


def test_a_class_gets_a_code_each_and_what_is_kept_is_not_what_is_printed(hashing: Hashing) -> None:
    shelf = Shelf()
    letters = issue_letters(CLASS, codes=shelf, hashing=hashing, table=TABLE, batch=BATCH)  # type: ignore[arg-type]
    assert [each.person_id for each in letters] == [each.person_id for each in CLASS]
    assert len({each.code.written for each in letters}) == 5
    for letter in letters:
        kept = shelf.kept[letter.person_id]
        assert read_letter_code(letter.code.written) == letter.code
        assert letter.code.secret not in kept.secret
        assert hashing.verify(kept.secret, letter.code.secret)
        assert (kept.locator, kept.expires_at - NOW, kept.most_tries) == (letter.code.locator, timedelta(days=30), 5)
        assert letter.code.secret not in repr(letter)


def test_whose_locator_is_taken_gets_another_and_is_told_once(hashing: Hashing) -> None:
    shelf = Shelf(taken=2)
    letters = issue_letters(CLASS, codes=shelf, hashing=hashing, table=TABLE, batch=BATCH)  # type: ignore[arg-type]
    assert [len(act.codes) for act in shelf.acts] == [5, 2, 1]
    assert {each.person_id: each.code_id for each in letters} == {
        person: code.code_id for person, code in shelf.kept.items()
    }


def test_where_no_locator_is_ever_free_it_ends(hashing: Hashing) -> None:
    with pytest.raises(StorageUnavailable):
        issue_letters(CLASS[:1], codes=Shelf(taken=99), hashing=hashing, table=TABLE, batch=BATCH)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("06 39 98 12 34", "+33639981234"),
        ("06.39.98.12.34", "+33639981234"),
        ("+33 (0)6 39 98 12 34", "+33639981234"),
        ("0033639981234", "+33639981234"),
        ("+351 912 345 678", "+351912345678"),
        ("01 99 00 12 34", ""),
        ("639981234", ""),
        ("bonjour", ""),
        ("", ""),
    ],
)
def test_a_number_is_read_as_people_write_it(typed: str, number: str) -> None:
    assert read_mobile(typed) == number
