"""What fits into a text message, counted as a telephone network counts it."""

from __future__ import annotations

import pytest

from broker.notify.gsm import segments, strangers


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", 0),
        ("a", 1),
        ("é" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("ê" * 70, 1),
        ("ê" * 71, 2),
        ("ê" * 134, 2),
        ("ê" * 135, 3),
        ("\U0001f600" * 35, 1),
        ("\U0001f600" * 36, 2),
    ],
)
def test_a_text_takes_as_many_segments_as_the_network_makes_of_it(text: str, parts: int) -> None:
    assert segments(text) == parts


def test_an_escape_is_never_cut_from_its_character() -> None:
    assert segments("a" * 152 + "€" + "a" * 152) == 3
    assert segments("a" * 151 + "€" + "a" * 153) == 2


def test_half_of_a_pair_is_never_cut_from_the_other() -> None:
    assert segments("ê" * 66 + "\U0001f600" + "ê" * 66) == 3


def test_french_letters_that_the_alphabet_lacks_are_named() -> None:
    assert strangers("reçu même être") == {"ç", "ê"}
    assert strangers("changé à l'école où É") == frozenset()
