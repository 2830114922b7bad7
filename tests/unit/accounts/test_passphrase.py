"""Which passphrases are taken: long ones that nobody would think of first, whatever they are made of."""

from __future__ import annotations

import math

import pytest

from broker.accounts.passphrase import WORDS_OFFERED, Weakness, draw_words, weakness_of, words

ME = ("Camille", "Lefèvre-Roux", "Collège Jean-Mermoz", "camille.lefevreroux")


@pytest.mark.parametrize(
    "typed",
    [
        "tournevis lagune osier",
        "correct cheval pile agrafe",
        "jaime bien les girafes",
        "kX9#vQ2mLp!w",
        "مفتاح الدار قرب الباب",
        "un peu de tout et surtout de rien, jamais deux fois la même chose, voilà ma phrase",
        "x" * 3 + "orteil" + " bleuet" * 100,
    ],
)
def test_a_long_secret_of_its_own_is_taken_whatever_it_is_made_of(typed: str) -> None:
    assert weakness_of(typed, personal=ME) is None


@pytest.mark.parametrize("typed", ["", "court", "onze signes", "e\u0301" * 11])
def test_fewer_than_twelve_characters_are_not_taken(typed: str) -> None:
    assert weakness_of(typed) is Weakness.SHORT


def test_what_no_form_needs_is_not_hashed() -> None:
    assert weakness_of("ab" * 513) is Weakness.LONG


@pytest.mark.parametrize(
    "typed",
    [
        "motdepasse2026!",
        "MotDePasse123456",
        "m0td3passe!!!!",
        "azertyuiop123",
        "poiuytreza!!1",
        "123456789012",
        "aaaaaaaaaaaaaa",
        "abcabcabcabc",
        "ecole-college-lycee",
        "Soleil Chocolat 75",
        "bonjour.bonjour",
        "preaupreaupreau",
        "jetaimemaman2014",
    ],
)
def test_what_is_tried_first_is_not_taken(typed: str) -> None:
    assert weakness_of(typed) is Weakness.KNOWN


@pytest.mark.parametrize(
    "typed", ["Lefevre.Roux.2014", "CAMILLE lefèvre 75000", "JeanMermoz2026!", "camille.lefevreroux"]
)
def test_what_anybody_may_know_of_the_person_is_not_taken(typed: str) -> None:
    assert weakness_of(typed, personal=ME) is Weakness.PERSONAL
    assert weakness_of("osier" + typed, personal=ME) is None


def test_the_words_offered_are_worth_what_is_said_of_them() -> None:
    listed = words()
    assert len(set(listed)) == len(listed)
    assert WORDS_OFFERED * math.log2(len(listed)) >= 44
    assert all(word.isascii() and word.isalpha() and word.islower() for word in listed)


def test_every_four_words_are_taken_where_they_are_long_enough() -> None:
    drawn = [draw_words() for _ in range(300)]
    assert len(set(drawn)) == 300
    assert {weakness_of(each) for each in drawn} <= {None}
