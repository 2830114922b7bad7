"""Every mutant of a Cedar rule, from its parsed form: a condition dropped, flipped or widened, the effect turned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from policies.engine import ParsedRule
from policies.facts import FACT_TYPES, values_of

TRUE, FALSE = {"Value": True}, {"Value": False}
TURNED = {"permit": "forbid", "forbid": "permit"}
OTHER_JOINT = {"&&": "||", "||": "&&"}
OTHER_KIND = {"when": "unless", "unless": "when"}

Expression = Mapping[str, Any]
Worlds = Mapping[str, tuple[Expression, ...]]
Slip = tuple[str, Expression]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A rule as it would be after one slip. `rule` is None where it was dropped; `what` says what was done to it."""

    of: str
    what: str
    rule: ParsedRule | None


def mutants(rule: ParsedRule) -> Iterator[Mutant]:
    """Every mutant of a rule, each other than the rule."""
    name = rule.annotations["id"]
    yield Mutant(name, "dropped", None)
    turned = TURNED[rule.effect]
    yield Mutant(name, f"made a {turned}", replace(rule, effect=turned, body={**rule.body, "effect": turned}))
    for what, conditions in _conditions(rule):
        yield Mutant(name, what, replace(rule, body={**rule.body, "conditions": conditions}))


def _conditions(rule: ParsedRule) -> Iterator[tuple[str, list[Any]]]:
    conditions = rule.body["conditions"]
    for place, condition in enumerate(conditions):
        before, after = conditions[:place], conditions[place + 1 :]
        yield f"condition {place} dropped", [*before, *after]
        yield f"condition {place} flipped", [*before, {**condition, "kind": OTHER_KIND[condition["kind"]]}, *after]
        for what, body in _expressions(condition["body"], _worlds(rule.action)):
            yield what, [*before, {**condition, "body": body}, *after]


def _worlds(action: str) -> Worlds:
    """Every value that may stand in a list of some type of fact, as Cedar writes it."""
    (kind,) = (kind for kind in FACT_TYPES if kind.action == action)
    values = (value for each in values_of(kind).values() for value in each if not isinstance(value, bool))
    found: dict[str, tuple[Expression, ...]] = {}
    for value in dict.fromkeys(values):
        entity = {"Value": {"__entity": {"type": type(value).__name__, "id": value.value}}}
        found[type(value).__name__] = (*found.get(type(value).__name__, ()), entity)
    return found


def _expressions(expression: Expression, worlds: Worlds) -> Iterator[Slip]:
    """What one slip makes of a condition: true is the same as leaving it out of a conjunction."""
    told = shown(expression)
    yield f"true for {told}", TRUE
    yield f"false for {told}", FALSE
    yield f"not {told}", {"!": {"arg": expression}}
    yield from _parts(expression, worlds)


def _parts(expression: Expression, worlds: Worlds) -> Iterator[Slip]:
    ((operator, operands),) = expression.items()
    if operator in OTHER_JOINT:
        yield f"{OTHER_JOINT[operator]} for {operator} in {shown(expression)}", {OTHER_JOINT[operator]: operands}
    if operator == "Set":
        yield from _sets(operands, worlds)
    elif operator == "Value":
        yield from _values(expression, worlds)
    elif operator not in {"Var", "."}:
        inner = _expressions if operator in OTHER_JOINT else _parts
        for name, operand in operands.items():
            for what, slipped in inner(operand, worlds):
                yield what, {operator: {**operands, name: slipped}}


def shown(expression: Expression) -> str:
    """An expression as one would say it."""
    ((operator, operands),) = expression.items()
    if operator == "Value":
        return _id(expression)
    if operator == ".":
        return str(operands["attr"])
    if operator == "Set":
        return f"[{' '.join(map(_id, operands))}]"
    if operator == "!":
        return f"!{shown(operands['arg'])}"
    return f"({shown(operands['left'])} {operator} {shown(operands['right'])})"


def _sets(members: list[Expression], worlds: Worlds) -> Iterator[Slip]:
    for place, member in enumerate(members):
        yield f"without {_id(member)}", {"Set": [*members[:place], *members[place + 1 :]]}
    kind = members[0]["Value"]["__entity"]["type"]
    for value in worlds[kind]:
        if value not in members:
            yield f"with {_id(value)}", {"Set": [*members, value]}


def _values(expression: Expression, worlds: Worlds) -> Iterator[Slip]:
    value = expression.get("Value")
    if isinstance(value, Mapping):
        for other in worlds[value["__entity"]["type"]]:
            if other != expression:
                yield f"{_id(other)} for {_id(expression)}", other


def _id(value: Expression) -> str:
    return str(value["Value"]["__entity"]["id"])
