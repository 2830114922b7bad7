"""How the youngest come in: their class by its code, themselves by their first name, then four pictures in order.

The code of a class proves nothing: it shows the first names of one class of an école, so that a child of six types
nothing but it. What proves is the row of pictures, 24 to the power of 4 (331,776), behind the same count of guesses as
any password (ux §1.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PICTURES = 24
CHOSEN = 4
LEAST_DIFFERENT = 3
"""Four times the same one is what a child at the next table tries first."""


@dataclass(frozen=True, slots=True)
class YoungClass:
    """A class of an école, found by its code."""

    code: str
    uai: str
    school: str
    label: str


@dataclass(frozen=True, slots=True)
class YoungPupil:
    """A pupil of such a class. `account_id`: the own account that pictures open; empty: none yet."""

    person_id: str
    given: str
    family: str
    account_id: str


def read_pictures(typed: Sequence[str]) -> tuple[int, ...] | None:
    """The pictures that were chosen, in order; None unless there are four, each one of ours."""
    numbers = [int(each) for each in typed if each.isascii() and each.isdecimal() and len(each) <= len(str(PICTURES))]
    if len(typed) != CHOSEN or len(numbers) != CHOSEN or not all(number < PICTURES for number in numbers):
        return None
    return tuple(numbers)


def is_weak(pictures: Sequence[int]) -> bool:
    """Tell whether a row of pictures is one that others would try first."""
    return len(set(pictures)) < LEAST_DIFFERENT


def written(pictures: Sequence[int]) -> str:
    """A row of pictures as the text that is hashed."""
    return "pictures " + " ".join(str(number) for number in pictures)
