"""The part of Cedar that rules are written in: the facts of the context, compared and joined.

Facts have no hierarchy and a rule knows no person, so that `in`, `is`, `has`, `like`, arithmetic, `principal` and
`resource` would say nothing here. What is left can be read aloud, tried over every combination, and told to Cedar in
words: an entity reference costs Cedar its whole grammar at each request, the same value as a word costs a fifth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

Expression = Mapping[str, Any]
"""An expression as Cedar's own JSON writes it: one operator and its operands."""

_OPERANDS = {
    "==": ("left", "right"),
    "!=": ("left", "right"),
    "&&": ("left", "right"),
    "||": ("left", "right"),
    "contains": ("left", "right"),
    "containsAny": ("left", "right"),
    "containsAll": ("left", "right"),
    "if-then-else": ("if", "then", "else"),
    "isEmpty": ("arg",),
    "!": ("arg",),
}
_CONTEXT = {"Var": "context"}


def foreign_words(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Operators and variables of a policy's conditions that rules do not know, sorted."""
    return tuple(sorted({word for condition in body["conditions"] for word in _foreign(condition["body"])}))


def _foreign(expression: Expression) -> Iterator[str]:
    ((operator, operands),) = expression.items()
    if operator == "Value" or _is_fact(operator, operands):
        return
    if operator == "Var":
        yield str(operands)
    elif operator == "Set" or operator in _OPERANDS:
        for inner in _inner(operator, operands):
            yield from _foreign(inner)
    else:
        yield str(operator)


def facts_read(expression: Expression) -> frozenset[str]:
    """Names of the facts that an expression reads."""
    ((operator, operands),) = expression.items()
    if _is_fact(operator, operands):
        return frozenset({operands["attr"]})
    return frozenset(name for inner in _inner(operator, operands) for name in facts_read(inner))


def clauses(body: Mapping[str, Any]) -> tuple[Expression, ...]:
    """What must all hold for a policy to speak: its conditions, taken apart at each `&&`."""
    found: list[Expression] = []
    for condition in body["conditions"]:
        found += _apart(condition["body"], holds=condition["kind"] == "when")
    return tuple(found)


def _apart(expression: Expression, *, holds: bool) -> Iterator[Expression]:
    """By De Morgan: what does not hold is taken apart at each `||`."""
    ((operator, operands),) = expression.items()
    if operator == "!":
        yield from _apart(operands["arg"], holds=not holds)
    elif operator == ("&&" if holds else "||"):
        yield from _apart(operands["left"], holds=holds)
        yield from _apart(operands["right"], holds=holds)
    else:
        yield expression if holds else {"!": {"arg": expression}}


def in_words(expression: Expression) -> Expression:
    """The same expression with each `Role::"pupil"` as the word `Role::pupil`: equal words are equal values."""
    ((operator, operands),) = expression.items()
    if operator == "Value" and isinstance(operands, Mapping):
        entity = operands["__entity"]
        return {"Value": f"{entity['type']}::{entity['id']}"}
    if operator == "Set":
        return {"Set": [in_words(member) for member in operands]}
    if operator in _OPERANDS:
        return {operator: {name: in_words(operand) for name, operand in operands.items()}}
    return expression


def word_of(value: object) -> object:
    """A fact's value as the context tells it to rules in words."""
    return f"{type(value).__name__}::{value.value}" if isinstance(value, Enum) else value


def _is_fact(operator: str, operands: Any) -> bool:
    return operator == "." and operands["left"] == _CONTEXT


def _inner(operator: str, operands: Any) -> tuple[Expression, ...]:
    if operator == "Set":
        return tuple(operands)
    return tuple(operands[name] for name in _OPERANDS.get(operator, ()))
