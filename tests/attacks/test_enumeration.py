"""Is there somebody? Sign-in, codes and recovery answer alike: same text, same status, same work, counted.

What is counted: statements sent to the database and hashes compared. Times are measured in `bench/enumeration.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest
from sqlalchemy import event

from broker.accounts.hashing import Hashing
from broker.domain.credentials import new_letter_code
from tests.clock import FakeClock
from tests.flows.test_ways_in import (
    ANOTHER_DAY,
    OWN,
    activate,
    ask_sms,
    come_in,
    give_letter,
    number_on,
    open_window,
    sign_in,
    write_code,
    write_digits,
)
from tests.own_accounts import MOBILE, TYPED, family, sent
from tests.web_stand import Answer, WebStand, open_web

DRAWN = re.compile(r"p[a-z]{2}_[\w-]{43,64}|&#34;[\w-]{86}&#34;")
"""Handles, tokens and challenges: drawn anew for every page."""


@pytest.fixture
def stand(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_web(sqlite_url, clock, own=OWN) as opened:
        yield opened


@dataclass(frozen=True)
class Work:
    """What an answer cost, and what it said (without what differs between any two answers)."""

    statements: int
    hashes: int
    status: int
    text: str


@pytest.fixture
def measured(stand: WebStand, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Answer]], Work]:
    counted = {"statements": 0, "hashes": 0}
    compare = Hashing._compare

    def counting(self: Hashing, kept: str, secret: str) -> bool:
        counted["hashes"] += 1
        return compare(self, kept, secret)

    monkeypatch.setattr(Hashing, "_compare", counting)

    @event.listens_for(stand.world.engine, "before_cursor_execute")
    def _count(*_: object) -> None:
        counted["statements"] += 1

    def measure(act: Callable[[], Answer]) -> Work:
        settle(stand)
        counted.update(statements=0, hashes=0)
        answer = act()
        # what is done behind the answer is not part of it, and nobody can time it: see `Behind`
        return Work(counted["statements"], counted["hashes"], answer.status, plain(answer))

    return measure


def settle(stand: WebStand) -> None:
    assert stand.parts.ways_in is not None
    sent(stand.parts.ways_in)


def plain(answer: Answer) -> str:
    """The page without its tokens and without what was typed."""
    return DRAWN.sub("", answer.body)


def test_a_login_that_nobody_has_costs_what_a_wrong_passphrase_costs(
    stand: WebStand, measured: Callable[[Callable[[], Answer]], Work]
) -> None:
    activate(stand.client(), give_letter(stand, family(stand.world.engine)).code.written)
    known, unknown = stand.client(), stand.client()
    first = measured(lambda: sign_in(known, "dominique.lefevre", "osier lagune tournevis"))
    second = measured(lambda: sign_in(unknown, "dominique.lefevra", "osier lagune tournevis"))
    assert replace(first, text="") == replace(second, text="")
    assert first.text.replace("dominique.lefevre", "") == second.text.replace("dominique.lefevra", "")
    assert first.hashes == 1


def test_another_spelling_of_a_login_that_nobody_has_costs_what_that_of_an_account_costs(
    stand: WebStand, measured: Callable[[Callable[[], Answer]], Work]
) -> None:
    """By the second spelling the account was guessed at before, and whoever is nobody was not (S-62)."""
    activate(stand.client(), give_letter(stand, family(stand.world.engine)).code.written)

    def of_second_spelling(login: str) -> Work:
        sign_in(stand.client(), login, "osier lagune tournevis")
        other = stand.client()
        return measured(lambda: sign_in(other, login.replace(".", " ."), "osier lagune tournevis"))

    known, unknown = of_second_spelling("dominique.lefevre"), of_second_spelling("dominique.lefevra")
    assert replace(known, text="") == replace(unknown, text="")
    assert known.hashes == 1


def test_an_account_that_was_guessed_at_too_often_costs_by_another_spelling_what_nobody_costs(
    stand: WebStand, measured: Callable[[Callable[[], Answer]], Work]
) -> None:
    activate(stand.client(), give_letter(stand, family(stand.world.engine)).code.written)

    def once_spent(login: str) -> Work:
        while sign_in(stand.client(), login, "osier lagune tournevis").status == 403:
            pass
        sign_in(stand.client(), login.replace(".", "  ."), "osier lagune tournevis")
        other = stand.client()
        return measured(lambda: sign_in(other, login.replace(".", " . "), "osier lagune tournevis"))

    known, unknown = once_spent("dominique.lefevre"), once_spent("dominique.lefevra")
    assert replace(known, text="") == replace(unknown, text="")
    assert known.hashes == 1


def test_a_letter_that_nobody_has_costs_what_a_wrong_code_costs(
    stand: WebStand, measured: Callable[[Callable[[], Answer]], Work]
) -> None:
    code = give_letter(stand, family(stand.world.engine)).code
    one, two, three = stand.client(), stand.client(), stand.client()
    wrong = measured(lambda: write_code(one, replace(new_letter_code(), locator=code.locator).written))
    unknown = measured(lambda: write_code(two, new_letter_code().written))
    nonsense = measured(lambda: write_code(three, "bonjour"))
    assert wrong == unknown == nonsense
    assert wrong.hashes == 1


def test_a_number_that_nobody_has_costs_the_answer_what_a_known_one_costs(
    stand: WebStand, measured: Callable[[Callable[[], Answer]], Work], monkeypatch: pytest.MonkeyPatch
) -> None:
    family(stand.world.engine, mobile=MOBILE)
    assert stand.parts.ways_in is not None
    behind: list[Callable[[], object]] = []
    monkeypatch.setattr(type(stand.parts.ways_in.behind), "do", lambda _self, work: behind.append(work))
    known, unknown = stand.client(), stand.client()

    def ask(client: object, number: str) -> Answer:
        handle = ask_sms(client, number)  # type: ignore[arg-type]
        return client.get(f"/perdu/code?c={handle}")  # type: ignore[attr-defined,no-any-return]

    monkeypatch.setattr("tests.attacks.test_enumeration.settle", lambda _stand: None)
    first = measured(lambda: ask(known, TYPED))
    second = measured(lambda: ask(unknown, "06 39 98 00 34"))
    assert first == second
    assert len(behind) == 2


def test_digits_for_a_number_that_nobody_has_cost_what_wrong_ones_cost(
    stand: WebStand, measured: Callable[[Callable[[], Answer]], Work]
) -> None:
    family(stand.world.engine, mobile=MOBILE)
    known, unknown = stand.client(), stand.client()
    handles = ask_sms(known), ask_sms(unknown, "06 39 98 00 34")
    first = measured(lambda: write_digits(known, handles[0], "000000", ANOTHER_DAY))
    second = measured(lambda: write_digits(unknown, handles[1], "000000", ANOTHER_DAY))
    assert first == second
    assert first.hashes == 1


def test_a_browser_without_a_window_is_told_the_same_whoever_has_one_elsewhere(
    stand: WebStand, measured: Callable[[Callable[[], Answer]], Work]
) -> None:
    """And costs the same: what is asked for is this browser's window alone."""
    mother, stranger = family(stand.world.engine), stand.client()
    number_on(stranger)
    before = measured(lambda: come_in(stranger))
    open_window(stand, stand.client(), mother)
    assert before == measured(lambda: come_in(stranger)) == measured(lambda: come_in(stranger, day=ANOTHER_DAY))
    assert before.status == 409


def test_the_count_sees_a_hash_that_is_left_out(
    stand: WebStand, measured: Callable[[Callable[[], Answer]], Work], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can fail: without the decoy an unknown login costs nothing."""
    verify = Hashing.verify
    monkeypatch.setattr(Hashing, "verify", lambda self, kept, secret: bool(kept) and verify(self, kept, secret))
    activate(stand.client(), give_letter(stand, family(stand.world.engine)).code.written)
    first = measured(lambda: sign_in(stand.client(), "dominique.lefevre", "osier lagune tournevis"))
    second = measured(lambda: sign_in(stand.client(), "dominique.lefevra", "osier lagune tournevis"))
    assert (first.hashes, second.hashes) == (1, 0)
