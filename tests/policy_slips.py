"""Slips in the shipped policy files, and what comes of each: refused where it stands, shown by an example, nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from policies.example_shapes import RuleExample
from policies.examples import Examples, missing_examples, read_examples, try_examples, values_of_tables
from policies.facts import FACT_TYPES, Facts, every
from policies.layers import RULES, SCHEMA, TABLES, Layer, LocatedRule, join_tables, read_folder, read_layer
from policies.loader import SHIPPED, Policies, Reader
from policies.schema_facts import read_schema

FILES = (SCHEMA, *RULES, *TABLES)
_PLACED = re.compile(r"([\w.]+):(\d+): .")
_LETTERS = " \n\"'#/=[]{}().,:;&|!_-0123456789abcdefghijklmnopqrstuvwxyz"


class Outcome(StrEnum):
    """What comes of a slip."""

    REFUSED = "refused with file and line"
    SHOWN = "an example fails"
    SAME = "only text changed"


@dataclass(frozen=True, slots=True)
class Slip:
    """A shipped file as one slip leaves it."""

    file: str
    what: str
    text: str


@cache
def text_of(file: str) -> str:
    """A shipped file."""
    return (SHIPPED / file).read_text(encoding="utf-8")


def deletion(file: str, position: int) -> Slip:
    """One character deleted."""
    text = text_of(file)
    return Slip(file, f"{text[position]!r} deleted at {_place(text, position)}", text[:position] + text[position + 1 :])


def draw(random: Random) -> Slip:
    """Two neighbours deleted, or one or two characters replaced, anywhere."""
    file = random.choices(FILES, weights=[len(text_of(name)) for name in FILES])[0]
    text = text_of(file)
    position, length = random.randrange(len(text) - 1), random.choice((1, 2))
    put = random.choice(("", *("".join(random.choices(_LETTERS, k=length)) for _ in range(2))))
    length = length if put else 2
    was = text[position : position + length]
    return Slip(
        file,
        f"{put!r} for {was!r} at {_place(text, position)}",
        text[:position] + put + text[position + length :],
    )


def _place(text: str, position: int) -> str:
    return f"line {text.count(chr(10), 0, position) + 1}"


class Judge:
    """Reads a slipped file as loading does, and everything else once: thirty thousand slips are to be judged.

    `tests/unit/policies/test_slips.py` holds it against `policies.load` itself.
    """

    def __init__(self) -> None:
        self._problems: list[str] = []
        self._reader = Reader(SHIPPED)
        self._texts = read_folder(SHIPPED, self._problems, label="", complete=True)
        self._schema = read_schema(self._texts[SCHEMA], self._problems)
        self._rules = self._reader.shipped.rules
        shipped = self._reader.join([self._reader.shipped])
        assert shipped is not None
        self._shipped: Policies = shipped
        self._examples = read_examples()
        self._tried = {file: _tried(file, self._examples) for file in FILES}

    def problems(self, slip: Slip) -> tuple[str, ...]:
        """What refuses the slipped file."""
        found = self._read(slip)
        return found if isinstance(found, tuple) else ()

    def judge(self, slip: Slip) -> Outcome:
        """Tell what comes of a slip. Raises `AssertionError` when it passes unseen and changes something."""
        found = self._read(slip)
        if isinstance(found, tuple):
            lines = slip.text.count("\n") + 1
            wrong = [told for told in found if not _is_placed(told, slip.file, lines)]
            assert not wrong, f"{slip.file}, {slip.what}: {wrong}"
            return Outcome.REFUSED
        if found is self._shipped:
            return Outcome.SAME
        if any(outcome.fault for outcome in try_examples(found, self._tried[slip.file])):
            return Outcome.SHOWN
        if missing_examples(found, self._examples):
            return Outcome.SHOWN
        assert self._is_same(slip.file, found), f"{slip.file}, {slip.what}: decisions change and no example shows it"
        return Outcome.SAME

    def _read(self, slip: Slip) -> Policies | tuple[str, ...]:
        problems: list[str] = []
        if slip.file == SCHEMA:
            return self._with_schema(slip, problems)
        layer = read_layer({slip.file: slip.text}, self._schema, problems, label="")
        if problems:
            return tuple(problems)
        return self._with_table(slip, layer) if slip.file in TABLES else self._with_rules(slip, layer)

    def _with_schema(self, slip: Slip, problems: list[str]) -> Policies | tuple[str, ...]:
        schema = read_schema(slip.text, problems)
        read_layer({name: self._texts[name] for name in RULES}, schema, problems, label="")
        assert problems or _words(slip.text) == _words(text_of(SCHEMA)), f"{SCHEMA}, {slip.what}: nothing tells it"
        return tuple(problems) or self._shipped

    def _with_table(self, slip: Slip, layer: Layer) -> Policies | tuple[str, ...]:
        problems: list[str] = []
        table = join_tables(slip.file, [layer], problems)
        if problems:
            return tuple(problems)
        field = slip.file.removesuffix(".toml")
        calendars = {"disconnect", "zones"}
        if field in calendars:
            return replace(self._shipped, calendar=replace(self._shipped.calendar, **{field: table}))
        return replace(self._shipped, **{field: table})

    def _with_rules(self, slip: Slip, layer: Layer) -> Policies | tuple[str, ...]:
        others = tuple(each for each in self._rules if each.file != slip.file)
        if _decided(layer.rules) == _decided(each for each in self._rules if each.file == slip.file):
            return self._shipped
        self._reader.problems.clear()
        found = self._reader.join([replace(self._reader.shipped, rules=(*others, *layer.rules))])
        return tuple(self._reader.problems) if found is None else found

    def _is_same(self, file: str, found: Policies) -> bool:
        if file in RULES:
            return _decides_alike(file, found, self._shipped)
        numbers = values_of_tables(found) == values_of_tables(self._shipped)
        return numbers and found.calendar == self._shipped.calendar


def _words(schema: str) -> list[str]:
    """What a schema says, without its comments and the commas that may be left out."""
    return re.findall(r"\w+|[^\s\w,]", re.sub(r"//[^\n]*", "", schema))


def _decided(rules: Iterable[LocatedRule]) -> dict[str, Mapping[str, Any]]:
    """What decides of rules, by id: all but their annotations."""
    return {each.id: {key: part for key, part in each.rule.body.items() if key != "annotations"} for each in rules}


def _decides_alike(file: str, one: Policies, other: Policies) -> bool:
    (kind,) = (kind for kind in FACT_TYPES if f"{kind.action}.cedar" == file)
    return all(_said(one, facts) == _said(other, facts) for facts in every(kind))


def _said(policies: Policies, facts: Facts) -> tuple[bool, frozenset[str]]:
    decision = policies.engine.decide(facts)
    return decision.allowed, frozenset(rule.id for rule in decision.rules)


def _tried(file: str, examples: Examples) -> Examples:
    """The examples that a slip in this file may fail: the rules of one action, or numbers and dates."""
    of_rules = file in RULES
    return replace(
        examples,
        all=tuple(
            each
            for each in examples.all
            if (isinstance(each, RuleExample) and f"{each.facts[0].action}.cedar" == file)
            or (not of_rules and not isinstance(each, RuleExample))
        ),
    )


def _is_placed(told: str, file: str, lines: int) -> bool:
    match = _PLACED.match(told)
    if match is None:
        return False
    in_rules = file == SCHEMA and match[1] in RULES
    return in_rules or (match[1] == file and 1 <= int(match[2]) <= lines)


def copy_with(slip: Slip, folder: Path) -> Path:
    """The shipped files in a folder, one of them slipped."""
    for name in FILES:
        (folder / name).write_text(slip.text if name == slip.file else text_of(name), encoding="utf-8")
    return folder


def deletions() -> Iterator[tuple[str, int]]:
    """Every position of every shipped file."""
    return ((file, position) for file in FILES for position in range(len(text_of(file))))
