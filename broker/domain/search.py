"""Searching for people at the desk: what an agent typed, by which keys a record is found, and what is shown of it.

A name that is found proves nothing (§1 of the design): agents read it, and the person proves who they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from broker.domain.credentials import CROCKFORD, LOCATOR
from broker.domain.names import fold
from broker.domain.people import RecordKind

MOST_ROWS = 20
"""More than an agent reads: who has more than this asks more narrowly, or turns the page."""
MOST_WORDS = 4
PHONE_END = 4
_LEAST_PREFIX = 2
_SHORT, _LONG = 4, 5
"""Sounds of a name: with fewer than the first, one less says nothing; beyond the second, its beginning says enough."""
_MOST_KEY = 64
_NATIONAL = 10
_PHONE = re.compile(r"\+?[0-9][0-9 .()/-]*")
_TRACE = re.compile(r"([0-9]{3})-?([0-9]{4})-?([0-9]{3})")
"""As `web.edge.new_trace` draws it. Written without hyphens it may be a telephone number: it is looked for as both."""


class KeyKind(StrEnum):
    """The first letter of a key: what it finds a record by."""

    NAME = "n"
    NEAR = "s"
    CLASS = "c"
    PHONE_END = "p"
    MOBILE = "m"


@dataclass(frozen=True, slots=True)
class Want:
    """One word that was asked for: one of these keys, or with `prefix` any key that begins by one of them."""

    kind: KeyKind
    keys: tuple[str, ...]
    prefix: bool = False

    @property
    def weight(self) -> tuple[int, int]:
        """What narrows most comes first: a telephone, then a class, then the longest name."""
        order = (KeyKind.MOBILE, KeyKind.PHONE_END, KeyKind.CLASS, KeyKind.NAME, KeyKind.NEAR)
        return order.index(self.kind), -max(len(key) for key in self.keys)


@dataclass(frozen=True, slots=True)
class SearchAsked:
    """What was typed, read. `near`: the same with names as they may be misspelt; `letter`: a letter's number."""

    exact: tuple[Want, ...] = ()
    near: tuple[Want, ...] = ()
    letter: str = ""
    trace: str = ""
    name: str = ""
    """The name alone, folded, as it was typed."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One person at one school, as a row of results. `children`: given names and classes, for an adult."""

    person_id: str
    kind: RecordKind
    family: str
    given: str
    civility: str
    uai: str
    school: str
    class_label: str = ""
    children: tuple[str, ...] = ()

    @property
    def name_key(self) -> str:
        """The name as homonyms share it."""
        return fold(f"{self.family} {self.given}")


@dataclass(frozen=True, slots=True)
class Hits:
    """A page of results. `after`: what the next page begins after, empty at the last. `near`: by likeness alone.

    `outside`: how many accounts of just this name, number or letter are at schools that the agent does not cover.
    """

    rows: tuple[Hit, ...]
    after: str = ""
    near: bool = False
    outside: int = 0


def read_asked(typed: str) -> SearchAsked:
    """Read what an agent typed: names, a class, the end or whole of a telephone number, a letter or trace."""
    text = " ".join(typed.split())[:80]
    traced, number = _TRACE.fullmatch(text), _telephone(text)
    if traced or number:
        return SearchAsked(
            exact=(_of_number(number),) if number else (),
            letter=number if len(number) == LOCATOR else "",
            trace="-".join(traced.groups()) if traced else "",
        )
    words = fold(text).split()[:MOST_WORDS]
    wants = tuple(_want(word) for word in words if len(word) >= _LEAST_PREFIX)
    names = [word for word in words if word.isalpha()]
    return SearchAsked(
        exact=tuple(sorted(wants, key=lambda each: each.weight)),
        near=tuple(sorted(map(_near, wants), key=lambda each: each.weight)),
        letter=_letter(text),
        name=" ".join(names),
    )


def name_keys(family: str, given: str) -> frozenset[str]:
    """The keys of a name: each of its words, and its skeleton."""
    words = {word[:_MOST_KEY] for word in fold(f"{family} {given}").split()}
    return frozenset(
        {_key(KeyKind.NAME, word) for word in words} | {_key(KeyKind.NEAR, skeleton(word)) for word in words}
    )


def class_key(label: str) -> frozenset[str]:
    """The key of a class, by its label without spaces."""
    plain = fold(label).replace(" ", "")[:_MOST_KEY]
    return frozenset({_key(KeyKind.CLASS, plain)} if plain else ())


def mobile_key(number: str) -> str:
    """The key of a whole telephone number, written as E.164 where that can be told."""
    return _key(KeyKind.MOBILE, _international("".join(c for c in number if c.isdigit() or c == "+")))


def phone_keys(number: str) -> frozenset[str]:
    """The keys of a telephone number: the whole of it, and its end."""
    digits = "".join(c for c in number if c.isdigit())
    if len(digits) < PHONE_END:
        return frozenset()
    return frozenset({mobile_key(number), _key(KeyKind.PHONE_END, digits[-PHONE_END:])})


_SOUNDS: tuple[tuple[str, str], ...] = (
    ("ph", "f"), ("sch", "j"), ("ch", "j"), ("sh", "j"), ("tion", "sn"), ("gn", "n"), ("qu", "k"), ("gu", "g"),
    ("sc", "s"), ("ck", "k"), ("th", "t"), ("rh", "r"), ("kh", "k"), ("dj", "j"), ("ss", "s"), ("mb", "nb"),
    ("mp", "np"), ("w", "v"), ("q", "k"), ("z", "s"), ("x", "s"),
)  # fmt: skip
"""What sounds alike in French, in this order."""
_SOFT = re.compile(r"[cg](?=[eiy])")
_SILENT = "tdspxz"
_VOWELS = frozenset("aeiouyh")


def skeleton(word: str) -> str:
    """A folded word as it sounds without its vowels: what most misspellings leave as it is.

    One key a word. Every word with one letter left out instead (a deletion neighbourhood) took 2.3 times the rows of
    the whole index for the few more that it found, so a letter too many is looked for when asked (`_near`).
    """
    plain = word[:-1] if len(word) > _SHORT and word[-1] in _SILENT else word
    for written, heard in _SOUNDS:
        plain = plain.replace(written, heard)
    plain = _SOFT.sub(lambda found: "s" if found[0] == "c" else "j", plain).replace("c", "k")
    first = "a" if plain[:1] in _VOWELS else ""
    bones = [letter for letter in plain if letter not in _VOWELS]
    once = [letter for place, letter in enumerate(bones) if place == 0 or letter != bones[place - 1]]
    return (first + "".join(once))[:_MOST_KEY] or "a"


def _near(want: Want) -> Want:
    """A short name as it sounds, also with one sound too many; of a long one the beginning is enough."""
    if want.kind is not KeyKind.NAME:
        return want
    bones = skeleton(want.keys[0][2:])
    if len(bones) > _LONG:
        return Want(KeyKind.NEAR, (_key(KeyKind.NEAR, bones[: _LONG - 1]),), prefix=True)
    shorter = _one_less(bones) if len(bones) >= _SHORT else ()
    return Want(KeyKind.NEAR, tuple(_key(KeyKind.NEAR, each) for each in dict.fromkeys((bones, *shorter))))


def _one_less(bones: str) -> Iterable[str]:
    return (bones[:place] + bones[place + 1 :] for place in range(len(bones)))


def _want(word: str) -> Want:
    if word.isalpha():
        return Want(KeyKind.NAME, (_key(KeyKind.NAME, word),), prefix=True)
    return Want(KeyKind.CLASS, (_key(KeyKind.CLASS, word),), prefix=True)


def _of_number(number: str) -> Want:
    if len(number) == PHONE_END:
        return Want(KeyKind.PHONE_END, (_key(KeyKind.PHONE_END, number),))
    return Want(KeyKind.MOBILE, (mobile_key(number),))


def _telephone(text: str) -> str:
    """The digits, where the whole text is the end of a telephone number or one; empty otherwise."""
    if not _PHONE.fullmatch(text):
        return ""
    plain = "".join(c for c in text if c.isdigit() or c == "+")
    return plain if len(plain) == PHONE_END or len(plain) >= _NATIONAL - 1 else ""


def _international(number: str) -> str:
    if number.startswith("00"):
        return "+" + number[2:]
    return "+33" + number[1:] if len(number) == _NATIONAL and number.startswith("0") else number


def _letter(text: str) -> str:
    plain = text.upper().removeprefix("LETTRE").removeprefix(" N°").strip()
    return plain if len(plain) == LOCATOR and set(plain) <= set(CROCKFORD) else ""


def _key(kind: KeyKind, text: str) -> str:
    return f"{kind.value}:{text}"[: _MOST_KEY + 2]
