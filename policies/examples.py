"""Examples as tests: every rule, number and date is shown at work, for those who review the texts and for machines.

Examples stand in `examples/*.toml` beside the policies they speak of. A folder that overrides a rule or a number brings
examples of its own for it, which take the place of those beneath; the others must still come true.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any, TypeAlias

from broker.domain.errors import PolicyError
from policies.example_dates import dates_wanting, moment_fault, where_fault
from policies.example_shapes import (
    EdgeExample,
    Example,
    MomentExample,
    Position,
    RuleExample,
    ValueExample,
)
from policies.example_text import Usual, read_texts
from policies.facts import Facts
from policies.loader import SHIPPED, Policies
from policies.text import line_of_key, statements

FOLDER = "examples"
TABLES = ("sessions", "linking", "assurance", "throttle", "codes", "keys", "retention", "trust")
"""The tables of numbers and orders, as `Policies` names them and as their files are called."""
OWED = "an override brings examples of its own"
_ID = re.compile(r'@id\("([^"]*)"\)')
_SECOND = timedelta(seconds=1)
_NEAR = 0.02
"""How near, in parts of a number without unit, an example stands to its edge; counts: one less or more."""
_AT_LEAST = {"linking.propose_from", "assurance.outage_failures"}
"""Numbers that hold from there on; the others hold up to there."""

Value: TypeAlias = timedelta | float | bool | str


@dataclass(frozen=True, slots=True)
class Layer:
    """A folder of policies as far as faults must be placed. `label` comes before the names of its files."""

    label: str
    rules: Mapping[str, Position]
    tables: Mapping[str, str]

    def position(self, name: str) -> Position | None:
        """Where a rule, a number or a date stands here."""
        table, _, path = name.partition(".")
        line = line_of_key(self.tables.get(table, ""), path)
        return Position(f"{self.label}{table}.toml", line) if line else self.rules.get(name)


@dataclass(frozen=True, slots=True)
class Examples:
    """The examples in force for one set of policies, and the folders these come from, the last on top."""

    all: tuple[Example, ...]
    layers: tuple[Layer, ...]
    owed: tuple[str, ...] = ()
    """Rules overridden without an example of their own, in words."""

    def position(self, name: str) -> Position:
        """Where a rule, a number or a date was last stated."""
        found = (layer.position(name) for layer in reversed(self.layers))
        return next(filter(None, found), Position("policies", 0))


@dataclass(frozen=True, slots=True)
class Outcome:
    """An example tried. `fault` is None when it came true, else what came instead."""

    example: Example
    fault: str | None

    def __str__(self) -> str:
        """Where it stands, what it is of, what it says, and what is wrong."""
        return f"{self.example.position}: {self.example.of}: {self.example.says}: {self.fault or 'true'}"


def read_examples(*overrides: Path, shipped: Path = SHIPPED) -> Examples:
    """Read the examples beside the shipped policies and beside each folder of overrides, the last on top.

    Raises `PolicyError` with every problem found, each as `file:line: reason`.
    """
    problems: list[str] = []
    usual, here = _read_examples(shipped, {}, problems, label="")
    by_target, layers, owed = _by_target(here), [_layer(shipped, label="")], []
    for folder in overrides:
        usual, here = _read_examples(folder, usual, problems, label=f"{folder}/")
        own, layer = _by_target(here), _layer(folder, label=f"{folder}/")
        owed += [f"{position}: {name}: {OWED}" for name, position in layer.rules.items() if name not in own]
        by_target |= own
        layers.append(layer)
    if problems:
        raise PolicyError(tuple(problems))
    return Examples(tuple(example for found in by_target.values() for example in found), tuple(layers), tuple(owed))


def try_examples(policies: Policies, examples: Examples) -> Iterator[Outcome]:
    """Try each example in turn."""
    values = values_of_tables(policies)
    rules = {rule.id for rule in policies.rules()}
    for example in examples.all:
        yield Outcome(example, _fault(example, policies, rules, values))


def missing_examples(policies: Policies, examples: Examples) -> tuple[str, ...]:
    """Tell what no example shows: a rule speaking or keeping silent, one side of the edge of a number."""
    wanting = [
        *_rules_wanting(policies, examples),
        *_numbers_wanting(policies, examples),
        *dates_wanting(policies.calendar, examples.all),
    ]
    told = (f"{examples.position(name)}: {name}: {what}" for name, what in wanting)
    return (*examples.owed, *told)


def values_of_tables(policies: Policies) -> dict[str, Value]:
    """Every number and word of the tables, by its name: `sessions.shared_idle`, `assurance.acr.eidas1`."""
    return {name: value for table in TABLES for name, value in _leaves(table, getattr(policies, table))}


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Value]]:
    if is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, tuple):
        yield name, ", ".join(value)
        return
    if not isinstance(value, Mapping):
        if isinstance(value, Enum) or not isinstance(value, str):  # a plain text decides nothing
            yield name, value.value if isinstance(value, Enum) else value
        return
    for key, inner in value.items():
        yield from _leaves(f"{name}.{key}", inner)


def _fault(example: Example, policies: Policies, rules: set[str], values: Mapping[str, Value]) -> str | None:
    match example:
        case RuleExample():
            return _rule_fault(example, policies, rules)
        case EdgeExample():
            return _edge_fault(example, values)
        case ValueExample():
            return _value_fault(example, values)
        case MomentExample():
            return moment_fault(example, policies.calendar)
    return where_fault(example, policies.calendar)


def _rule_fault(example: RuleExample, policies: Policies, rules: set[str]) -> str | None:
    if strangers := sorted({example.of, *example.speak} - rules):
        return f"no such rule: {', '.join(strangers)}"
    for facts in example.facts:
        decision = policies.engine.decide(facts)
        spoke = frozenset(rule.id for rule in decision.rules)
        if (decision.allowed, spoke) != (example.allowed, example.speak):
            came, wanted = _told(decision.allowed, spoke), _told(example.allowed, example.speak)
            return f"{wanted} is expected, {came} comes{_which(facts, example.facts)}"
    return None


def _told(allowed: bool, speak: frozenset[str]) -> str:
    by = f"by {', '.join(sorted(speak))}" if speak else "without a rule"
    return f"{'allowed' if allowed else 'refused'} {by}"


def _which(facts: Facts, among: tuple[Facts, ...]) -> str:
    """Which of several combinations of facts: those that differ between them."""
    named = [field.name for field in fields(facts) if len({getattr(each, field.name) for each in among}) > 1]
    return f" for {', '.join(f'{name} {getattr(facts, name)}' for name in named)}" if named else ""


def _edge_fault(example: EdgeExample, values: Mapping[str, Value]) -> str | None:
    number = values.get(example.of)
    if isinstance(number, bool | str | None) or isinstance(number, timedelta) != isinstance(example.at, timedelta):
        return "no such number, or one of another kind"
    if number == example.at and isinstance(number, timedelta):
        return "the very instant belongs to neither side; say one second less or more"
    if _holds(example, number) == example.holds:
        return None
    return f"{'no longer' if example.holds else 'still'} holds: it is {number}"


def _holds(example: EdgeExample, number: Any) -> bool:
    at: Any = example.at
    return bool(at >= number if example.of in _AT_LEAST else at <= number)


def _value_fault(example: ValueExample, values: Mapping[str, Value]) -> str | None:
    if example.of not in values:
        return "no such word"
    value = values[example.of]
    if type(value) is type(example.value) and value == example.value:
        return None
    return f"it is {value}"


def _rules_wanting(policies: Policies, examples: Examples) -> Iterator[tuple[str, str]]:
    shown = {(example.of, example.of in example.speak) for example in examples.all if isinstance(example, RuleExample)}
    for rule in policies.rules():
        if (rule.id, True) not in shown:
            yield rule.id, "no example in which this rule speaks"
        if (rule.id, False) not in shown:
            yield rule.id, "no example in which this rule keeps silent"


def _numbers_wanting(policies: Policies, examples: Examples) -> Iterator[tuple[str, str]]:
    by_target = _by_target(examples.all)
    for name, value in values_of_tables(policies).items():
        own = by_target.get(name, ())
        if isinstance(value, bool | str):
            if not own:
                yield name, f"no example says that this is {value}"
            continue
        edges = [example for example in own if isinstance(example, EdgeExample)]
        for holds in (True, False):
            if not any(example.holds == holds and _is_near(example.at, value) for example in edges):
                yield name, f"no example {'just before' if holds else 'just past'} its edge, {value}"


def _is_near(at: Any, edge: Any) -> bool:
    if isinstance(edge, timedelta):
        return bool(abs(at - edge) <= _SECOND)
    whole = float(at).is_integer() and float(edge).is_integer()
    return bool(abs(at - edge) <= (1 if whole else edge * _NEAR))


def _by_target(examples: Iterable[Example]) -> dict[str, tuple[Example, ...]]:
    found: dict[str, tuple[Example, ...]] = {}
    for example in examples:
        found[example.of] = (*found.get(example.of, ()), example)
    return found


def _read_examples(folder: Path, usual: Usual, problems: list[str], *, label: str) -> tuple[Usual, tuple[Example, ...]]:
    texts: dict[str, str] = {}
    for path in sorted((folder / FOLDER).glob("*.toml")):
        try:
            texts[f"{label}{FOLDER}/{path.name}"] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            problems.append(f"{label}{FOLDER}/{path.name}: cannot be read as UTF-8 text")
    return read_texts(texts, problems, usual=usual)


def _layer(folder: Path, *, label: str) -> Layer:
    """What stands where in a folder, as far as it can be read: what cannot, loading tells."""
    rules = {
        name: Position(label + path.name, line)
        for path in sorted(folder.glob("*.cedar"))
        for line, text in statements(_text(path))
        for name in _ID.findall(text)[:1]
    }
    return Layer(label, rules, {path.stem: _text(path) for path in folder.glob("*.toml")})


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
