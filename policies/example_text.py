"""Reads examples from TOML: what a rule or a number is said to do, in values. Every fault is told with its line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from itertools import product
from typing import Any, TypeAlias

from broker.domain.toml_text import TomlText, TomlUnreadable, parse_toml
from policies.example_shapes import (
    EdgeExample,
    Example,
    MomentExample,
    Position,
    RuleExample,
    ValueExample,
    WhereExample,
)
from policies.facts import FACT_TYPES, Facts, values_of

_PART = re.compile(r"(\d{1,6}) ?(s|min|h|d)")
_UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}
_KINDS = {kind.action: kind for kind in FACT_TYPES}
_DECISIONS = {"allowed": True, "refused": False}
_RULE_KEYS = {"rule", "says", "facts", "decision", "speak"}
_NUMBER_KEYS = {"number", "says", "after", "at", "is", "holds"}
_MOMENT_KEYS = {"date", "says", "at", "open", "quiet_until", "school", "academie"}
_WHERE_KEYS = {"date", "says", "departements", "academies", "zone", "time_zone", "public_holidays"}
USUAL = "usual"

Usual: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Facts of the usual case, by action: an example writes only those that differ."""


class Unclear(ValueError):
    """An example does not say what it must; the text says why."""


@dataclass(frozen=True, slots=True)
class _File:
    """A file of examples as parsed."""

    name: str
    text: TomlText

    def position(self, *path: str | int) -> Position:
        return Position(self.name, self.text.line(path))


def read_texts(texts: Mapping[str, str], problems: list[str], *, usual: Usual) -> tuple[Usual, tuple[Example, ...]]:
    """Read the examples of one folder, file name to text; `usual` is what the folder beneath calls usual.

    Returns what is usual from here on, and the examples. Faults go to `problems` as `file:line: reason`.
    """
    files = [file for name, text in sorted(texts.items()) if (file := _parsed(name, text, problems))]
    own = dict(usual)
    for file in files:
        own |= _usual(file, problems)
    return own, tuple(example for file in files for example in _examples(file, own, problems))


def _parsed(name: str, text: str, problems: list[str]) -> _File | None:
    try:
        return _File(name, parse_toml(text))
    except TomlUnreadable as fault:
        problems.append(f"{Position(name, fault.line)}: {fault.args[0]}")
        return None


def _usual(file: _File, problems: list[str]) -> Usual:
    found: dict[str, Mapping[str, Any]] = {}
    told = file.text.table.get(USUAL, {})
    for action, facts in told.items() if isinstance(told, dict) else [(USUAL, told)]:
        if action not in _KINDS or not isinstance(facts, dict):
            position = file.position(USUAL, action)
            problems.append(f"{position}: {USUAL}.{action}: the facts of {', '.join(_KINDS)} may be usual")
            continue
        found[action] = facts
    return found


def _examples(file: _File, usual: Usual, problems: list[str]) -> Iterator[Example]:
    for section, entries in file.text.table.items():
        if section == USUAL:
            continue
        if not isinstance(entries, list):
            problems.append(f"{file.position(section)}: examples are written [[{section}]]")
            continue
        for number, entry in enumerate(entries):
            position = file.position(section, number)
            try:
                yield _example(section, position, entry, usual)
            except Unclear as fault:
                problems.append(f"{position}: {fault}")


def _example(section: str, position: Position, entry: Any, usual: Usual) -> Example:
    if not isinstance(entry, dict):
        raise Unclear("an example is a table")
    if section in _READERS:
        return _READERS[section](position, entry)
    if section not in _KINDS:
        raise Unclear(f"[[{section}]] is not of {', '.join((*_KINDS, *_READERS))}")
    _check_keys(entry, _RULE_KEYS)
    stated, _ = _wanted(entry, "facts", dict), _wanted(entry, "speak", list)
    return RuleExample(
        of=_wanted(entry, "rule", str),
        position=position,
        says=_wanted(entry, "says", str),
        facts=_facts(_KINDS[section], {**usual.get(section, {}), **stated}),
        allowed=_one_of(_DECISIONS, _wanted(entry, "decision", str), "decision"),
        speak=frozenset(_words(entry, "speak")),
    )


def _facts(kind: type[Facts], stated: Mapping[str, Any]) -> tuple[Facts, ...]:
    """Every combination of what is stated: a fact is a value, or a list of values that all come to the same."""
    space = values_of(kind)
    if unknown := sorted(stated.keys() - space.keys()):
        raise Unclear(f"unknown fact {', '.join(unknown)}; there are {', '.join(space)}")
    if missing := [name for name in space if name not in stated]:
        raise Unclear(f"fact {', '.join(missing)} is not stated, here or as usual")
    chosen = [_values(name, stated[name], _by_word(values)) for name, values in space.items()]
    return tuple(kind(**dict(zip(space, values, strict=True))) for values in product(*chosen))


def _values(name: str, stated: Any, known: Mapping[Any, Any]) -> tuple[Any, ...]:
    words = stated if isinstance(stated, list) and stated else [stated]
    return tuple(_one_of(known, word, name) for word in words)


def _by_word(values: tuple[Any, ...]) -> Mapping[Any, Any]:
    return {value.value if isinstance(value, Enum) else value: value for value in values}


def _number(position: Position, entry: Mapping[str, Any]) -> EdgeExample | ValueExample:
    _check_keys(entry, _NUMBER_KEYS)
    of, says = _wanted(entry, "number", str), _wanted(entry, "says", str)
    told = [key for key in ("after", "at", "is") if key in entry]
    if len(told) != 1:
        raise Unclear("one of after, at, is says what is tried")
    (key,) = told
    if key == "is":
        return ValueExample(of, position, says, _wanted(entry, "is", (str, bool)))
    reached: timedelta | float = _elapsed(entry["after"]) if key == "after" else _amount(entry["at"])
    return EdgeExample(of, position, says, reached, _wanted(entry, "holds", bool))


def _moment(position: Position, entry: Mapping[str, Any]) -> MomentExample:
    _check_keys(entry, _MOMENT_KEYS)
    if ("quiet_until" in entry) == (entry.get("open") is True):
        raise Unclear("either open = true or quiet_until says what comes")
    told = entry.get("at")
    return MomentExample(
        of=_wanted(entry, "date", str),
        position=position,
        says=_wanted(entry, "says", str),
        at=tuple(_instant(each, "at") for each in (told if isinstance(told, list) and told else [told])),
        until=_instant(entry["quiet_until"], "quiet_until") if "quiet_until" in entry else None,
        uai=_word(entry, "school"),
        academie=_word(entry, "academie"),
    )


def _where(position: Position, entry: Mapping[str, Any]) -> WhereExample:
    _check_keys(entry, _WHERE_KEYS)
    departements, academies = _words(entry, "departements"), _words(entry, "academies")
    if not departements and not academies:
        raise Unclear("departements or academies say which schools")
    return WhereExample(
        of=_wanted(entry, "date", str),
        position=position,
        says=_wanted(entry, "says", str),
        departements=departements,
        academies=academies,
        zone=_word(entry, "zone"),
        time_zone=_wanted(entry, "time_zone", str),
        public_holidays=_wanted(entry, "public_holidays", str),
    )


_READERS: Mapping[str, Callable[[Position, Mapping[str, Any]], Example]] = {
    "number": _number,
    "moment": _moment,
    "where": _where,
}


def _instant(told: object, key: str) -> datetime:
    if not isinstance(told, datetime) or told.tzinfo is None:
        raise Unclear(f"{key}: an instant with its offset is wanted, as 2026-11-20T19:59:59+01:00")
    return told


def _elapsed(told: object) -> timedelta:
    parts = _PART.findall(told) if isinstance(told, str) else []
    if not parts or _PART.sub("", str(told)).strip():
        raise Unclear('after: an elapsed time is wanted, as "19 min 59 s"')
    return sum((timedelta(**{_UNITS[unit]: int(count)}) for count, unit in parts), timedelta())


def _amount(told: object) -> float:
    if isinstance(told, bool) or not isinstance(told, int | float):
        raise Unclear("at: a number is wanted")
    return float(told)


def _check_keys(entry: Mapping[str, Any], keys: set[str]) -> None:
    if unknown := sorted(entry.keys() - keys):
        raise Unclear(f"unknown key {', '.join(unknown)}")


def _wanted(entry: Mapping[str, Any], key: str, kind: type[Any] | tuple[type[Any], ...]) -> Any:
    value = entry.get(key)
    if not isinstance(value, kind) or value == "":
        raise Unclear(f"{key} is missing or has not its shape")
    return value


def _word(entry: Mapping[str, Any], key: str) -> str:
    """A word that may be left out."""
    return str(_wanted(entry, key, str)) if key in entry else ""


def _words(entry: Mapping[str, Any], key: str) -> tuple[str, ...]:
    words = entry.get(key, [])
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise Unclear(f"{key}: a list of words is wanted")
    return tuple(words)


def _one_of(values: Mapping[Any, Any], word: Any, what: str) -> Any:
    for known, value in values.items():
        if type(known) is type(word) and known == word:
            return value
    raise Unclear(f"{what}: one of {', '.join(map(_shown, values))} is wanted")


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
