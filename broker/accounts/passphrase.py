"""Passphrases: twelve characters or more, none that others would think of first; four drawn words for whoever wants.

No rule of composition, no age, nothing cut off (NIST SP 800-63B §3.1.1.2, ANSSI-PG-078). What a guesser tries first is
refused by looking at what is left once it is taken out: well-known words, runs of a keyboard, repetitions, and what
anybody may know of this very person (name, school, identifier).
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from importlib.resources import files

from broker.accounts.hashing import plain
from broker.domain.names import fold

LEAST = 12
MOST = 1024
"""Far beyond any passphrase; it bounds what a form makes this machine fold and hash."""
WORDS_OFFERED = 4
_LEFT = 4
"""So many letters must remain that are in no word a guesser tries first."""
_SHORTEST_WORD = 3
_SHORTEST_RUN = 4
_ROWS = ("azertyuiop", "qsdfghjklm", "wxcvbn", "qwertyuiop", "asdfghjkl", "zxcvbnm", "abcdefghijklmnopqrstuvwxyz")
_LEET = str.maketrans("013457@$", "oieastas")


class Weakness(StrEnum):
    """Why a passphrase is not taken."""

    SHORT = "short"
    LONG = "long"
    KNOWN = "known"
    """Well-known words, runs or repetitions make nearly all of it."""
    PERSONAL = "personal"
    """What anybody may know of the person makes nearly all of it."""


def weakness_of(typed: str, *, personal: Iterable[str] = ()) -> Weakness | None:
    """Why this passphrase is not taken; None when it is. `personal`: the person's names, schools, towns, identifier."""
    secret = plain(typed)
    if len(secret) < LEAST:
        return Weakness.SHORT
    if len(secret) > MOST:
        return Weakness.LONG
    letters = _letters(secret)
    if _left(letters, _known()) < _LEFT:
        return Weakness.KNOWN
    own = frozenset(part for word in personal for part in fold(word).split() if len(part) >= _SHORTEST_WORD)
    return Weakness.PERSONAL if _left(letters, _known() | own) < _LEFT else None


def draw_words() -> str:
    """Four words drawn from a list of 2,048 or more: 44 bits or more, far beyond what the throttle lets anybody try.

    Against guesses at a stolen hash, argon2id makes each cost what a sign-in costs: thousands of years of one core.
    """
    return " ".join(secrets.choice(words()) for _ in range(WORDS_OFFERED))


@cache
def words() -> tuple[str, ...]:
    """The words that are offered: French, short, written without accents, none of those guessed first."""
    return tuple(word for word in _listed("words.txt") if word not in _known())


@cache
def _known() -> frozenset[str]:
    return frozenset(_listed("weak.txt"))


def _listed(name: str) -> list[str]:
    return (files("broker.accounts") / name).read_text(encoding="ascii").split()


def _letters(secret: str) -> str:
    """The letters of a secret as a guesser reads them: no case, no accent, `0` for o; digits that stand apart go."""
    bare = unicodedata.normalize("NFKD", secret.casefold())
    bare = re.sub(r"\d{2,}|\d+$", " ", bare)
    spelt = "".join(char for char in bare.translate(_LEET) if char.isalpha())
    return _without_runs(spelt)


def _without_runs(letters: str) -> str:
    for row in (*_ROWS, *(row[::-1] for row in _ROWS)):
        for length in range(len(row), _SHORTEST_RUN - 1, -1):
            for start in range(len(row) - length + 1):
                letters = letters.replace(row[start : start + length], "")
    return letters


def _once(letters: str) -> str:
    """What is repeated counts once: `abcabcabcabc` says `abc`."""
    return re.sub(r"(.{1,8}?)\1+", r"\1", letters)


def _left(letters: str, guessed_first: frozenset[str]) -> int:
    """How many letters are in no such word, the longest words taken out first."""
    for word in sorted(guessed_first, key=lambda each: (-len(each), each)):
        letters = letters.replace(word, " ")
    return sum(char.isalpha() for char in _once(letters))
