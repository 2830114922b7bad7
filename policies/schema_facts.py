"""Reads the schema and holds it against the facts of Python: a value lost from its lists is lost to every rule."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from typing import Any

from policies.engine import SchemaFault, parse_rule, parse_schema, rule_faults
from policies.facts import FACT_TYPES, values_of
from policies.layers import SCHEMA

_TYPE = re.compile(r"`(\w+)::")


def read_schema(text: str, problems: list[str]) -> Any:
    """The schema, parsed once for every rule; None when it cannot be used, and `problems` says why and where."""
    schema = parse_schema(text)
    faults = (schema,) if isinstance(schema, SchemaFault) else tuple(_lost_facts(schema, text))
    problems += dict.fromkeys(f"{SCHEMA}:{fault.line}: {fault.reason}" for fault in faults)
    return None if faults else schema


def _lost_facts(schema: Any, text: str) -> Iterator[SchemaFault]:
    """Facts, or values of facts, of which this schema lets no rule speak: a rule on each is checked as any other."""
    for kind in FACT_TYPES:
        for name, values in values_of(kind).items():
            faults = rule_faults(parse_rule(_rule_on(kind.action, name, values)), schema)
            if faults:
                of_type = _TYPE.search(faults[0])
                yield SchemaFault(_line(text, of_type[1] if of_type else kind.action), faults[0])


def _rule_on(action: str, name: str, values: tuple[Any, ...]) -> str:
    fact = f"context.{name}"
    if isinstance(values[0], Enum):
        listed = ", ".join(f'{type(value).__name__}::"{value.value}"' for value in values)
        fact = f"[{listed}].contains({fact})"
    scope = f'principal == Session::"session", action == Action::"{action}", resource == Service::"service"'
    return f"permit ({scope}) when {{ {fact} }};"


def _line(text: str, word: str) -> int:
    """Line on which a type or an action is declared."""
    declared = re.compile(rf"\s*(entity|action) {re.escape(word)}\b")
    return next((number for number, line in enumerate(text.splitlines(), 1) if declared.match(line)), 1)
