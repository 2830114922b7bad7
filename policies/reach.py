"""Rules that no combination of facts reaches: a typing slip that looks like a protection, refused at load.

Each rule is taken apart into clauses that must all hold. Cedar itself answers each clause, over the few facts that it
reads; the answers are then joined by a search over all facts. So the whole space is covered, and Cedar is asked some
hundred times, not some ten thousand.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import cedarpy

from policies.engine import ParsedRule, policy_set
from policies.facts import FACT_TYPES, values_of
from policies.language import Expression, clauses, facts_read, word_of

_KNOWN = 4096
"""Clauses kept: a process that runs for months meets many texts."""
Space = Mapping[str, tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class _Clause:
    """What must hold: these facts, by name, have one of these combinations of values."""

    reads: tuple[str, ...]
    holds: frozenset[tuple[Any, ...]]

    def is_true(self, values: Mapping[str, Any]) -> bool:
        return tuple(values[name] for name in self.reads) in self.holds


class Reach:
    """Answers whether rules can speak. What was asked of Cedar once is kept: tenants share most rules."""

    def __init__(self) -> None:
        self._spaces = {kind.action: values_of(kind) for kind in FACT_TYPES}
        self._known: dict[str, _Clause] = {}

    def is_satisfiable(self, rule: ParsedRule) -> bool:
        """Tell whether some combination of facts satisfies the rule."""
        return self._search(rule, ())

    def is_heard(self, permit: ParsedRule, forbids: Iterable[ParsedRule]) -> bool:
        """Tell whether the permit allows some combination of facts that none of these forbids closes."""
        return self._search(permit, [forbid for forbid in forbids if forbid.action == permit.action])

    def _search(self, rule: ParsedRule, against: Sequence[ParsedRule]) -> bool:
        wanted = self._clauses(rule)
        closed = [self._clauses(forbid) for forbid in against]
        if not all(clause.holds for clause in wanted) or not all(closed):
            return False  # a clause that is never true; or a forbid without conditions
        read = {name for clause in (*wanted, *(each for group in closed for each in group)) for name in clause.reads}
        space = {name: values for name, values in self._spaces[rule.action].items() if name in read}
        return _extend({}, list(space.items()), wanted, closed)

    def _clauses(self, rule: ParsedRule) -> tuple[_Clause, ...]:
        return tuple(self._clause(expression, self._spaces[rule.action]) for expression in clauses(rule.body))

    def _clause(self, expression: Expression, space: Space) -> _Clause:
        text = json.dumps(expression, sort_keys=True)
        if text not in self._known:
            if len(self._known) >= _KNOWN:
                self._known.clear()
            self._known[text] = _asked(expression, space)
        return self._known[text]


def _extend(
    values: dict[str, Any],
    left: Sequence[tuple[str, tuple[Any, ...]]],
    wanted: Sequence[_Clause],
    closed: Sequence[Sequence[_Clause]],
) -> bool:
    """Search one fact at a time, leaving a branch as soon as what is known of it decides."""
    if not all(clause.is_true(values) for clause in wanted if values.keys() >= set(clause.reads)):
        return False
    if any(all(values.keys() >= set(each.reads) and each.is_true(values) for each in group) for group in closed):
        return False
    if not left:
        return True
    (name, choices), *rest = left
    return any(_extend({**values, name: value}, rest, wanted, closed) for value in choices)


def _asked(expression: Expression, space: Space) -> _Clause:
    """Ask Cedar for each combination of the facts that the expression reads."""
    reads = tuple(sorted(facts_read(expression)))
    rule = policy_set({"clause": {**_EVERYONE, "conditions": [{"kind": "when", "body": expression}]}})
    combinations = tuple(product(*(space[name] for name in reads)))
    requests = [
        {**_ANYONE, "context": json.dumps({name: word_of(value) for name, value in zip(reads, values, strict=True)})}
        for values in combinations
    ]
    answers = cedarpy.is_authorized_batch(requests, rule, _NO_ENTITIES)
    return _Clause(reads, frozenset(each for each, answer in zip(combinations, answers, strict=True) if answer.allowed))


_EVERYONE = {"effect": "permit", "principal": {"op": "All"}, "action": {"op": "All"}, "resource": {"op": "All"}}
_ANYONE = {"principal": 'Session::"s"', "action": 'Action::"a"', "resource": 'Service::"s"'}
_NO_ENTITIES = "[]"
