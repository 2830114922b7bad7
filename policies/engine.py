"""The one place that speaks to Cedar: rules are parsed and checked here once, then answer for closed facts.

Cedar skips a rule whose evaluation fails, so that a broken `forbid` would let a `permit` through: here any error is a
refusal. Nothing permits by default, and `forbid` beats `permit`.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any

import cedarpy

from policies.decision import Decision, Rule
from policies.facts import Facts

log = logging.getLogger(__name__)

MEMO_SIZE = 4096
_ITS_NAME = re.compile(r"^for policy `policy0`[,:] ")
_PRINCIPAL = 'Session::"session"'
_RESOURCE = 'Service::"service"'


@dataclass(frozen=True, slots=True)
class ParsedRule:
    """One Cedar policy. `body` is Cedar's own JSON of it; `annotations` are its `@name("value")` lines."""

    action: str
    effect: str
    annotations: Mapping[str, str]
    body: Mapping[str, Any]
    text: str


class RuleUnreadable(ValueError):
    """A statement is not one Cedar policy for one action."""


def parse_rule(text: str) -> ParsedRule:
    """Parse one Cedar statement. Raises `RuleUnreadable`: a slice by action needs `action == Action::"…"`."""
    try:
        document = json.loads(cedarpy.policies_to_json_str(text))
    except ValueError as fault:
        raise RuleUnreadable(str(fault)) from fault
    if document["templates"]:
        raise RuleUnreadable("a rule has no ?principal or ?resource")
    (body,) = document["staticPolicies"].values()
    if body["action"]["op"] != "==":
        raise RuleUnreadable('a rule names one action: action == Action::"…"')
    annotations = {name: value or "" for name, value in body.get("annotations", {}).items()}
    return ParsedRule(body["action"]["entity"]["id"], body["effect"], annotations, body, text)


def schema_faults(schema: str) -> tuple[str, ...]:
    """Tell why the schema cannot be used; empty when it can."""
    try:
        cedarpy.Schema.from_str(schema)
    except ValueError as fault:
        return (str(fault),)
    return ()


def rule_faults(rule: ParsedRule, schema: str) -> tuple[str, ...]:
    """Tell why a rule does not fit the schema: unknown fact, value or action, a comparison of two types."""
    found = cedarpy.validate_policies(rule.text, schema).errors
    return tuple(_ITS_NAME.sub("", str(fault.error)) for fault in found)


class Engine:
    """Rules sliced by action, each under its own `@id`, and a bounded memo of answers.

    An engine never changes: new rules are a new engine, so the memo needs no other key than the facts.
    """

    def __init__(self, rules: Iterable[ParsedRule], *, version: str) -> None:
        by_action: dict[str, dict[str, ParsedRule]] = {}
        for rule in rules:
            by_action.setdefault(rule.action, {})[rule.annotations["id"]] = rule
        self._version = version
        self._slices = {action: _policy_set(rules) for action, rules in by_action.items()}
        self._rules = {name: _shown(rule) for rules in by_action.values() for name, rule in rules.items()}
        self._entities = cedarpy.Entities.from_json_str("[]")
        self._memo: dict[Facts, Decision] = {}

    def decide(self, facts: Facts) -> Decision:
        """Decide, from the memo when these facts were met before."""
        known = self._memo.get(facts)
        if known is not None:
            return known
        if len(self._memo) >= MEMO_SIZE:
            self._memo.clear()
        decision = self._evaluate(facts)
        self._memo[facts] = decision
        return decision

    def rules(self) -> tuple[Rule, ...]:
        """Every rule, by id: the catalogue of reasons to translate."""
        return tuple(self._rules[name] for name in sorted(self._rules))

    def _evaluate(self, facts: Facts) -> Decision:
        sliced = self._slices.get(facts.action)
        if sliced is None:
            return Decision(allowed=False, rules=(), version=self._version)
        request = {
            "principal": _PRINCIPAL,
            "action": f'Action::"{facts.action}"',
            "resource": _RESOURCE,
            "context": _context(facts),
        }
        answer = cedarpy.is_authorized(request, sliced, self._entities)
        errors = answer.diagnostics.errors
        if errors:
            log.error("a rule could not be evaluated; refused", extra={"action": facts.action, "errors": len(errors)})
        spoke = tuple(self._rules[name] for name in sorted(answer.diagnostics.reasons))
        return Decision(
            allowed=bool(answer.allowed) and not errors, rules=() if errors else spoke, version=self._version
        )


def _policy_set(rules: Mapping[str, ParsedRule]) -> Any:
    """Cedar's own ids are positions in a text; naming each policy by its `@id` keeps answers readable."""
    document = {
        "staticPolicies": {name: rule.body for name, rule in rules.items()},
        "templates": {},
        "templateLinks": [],
    }
    return cedarpy.PolicySet.from_json_str(json.dumps(document))


def _shown(rule: ParsedRule) -> Rule:
    notes = rule.annotations
    return Rule(id=notes["id"], reason=notes["reason"], legal_basis=notes.get("legal_basis", ""))


def _context(facts: Facts) -> dict[str, Any]:
    return {field.name: _value(getattr(facts, field.name)) for field in fields(facts)}


def _value(value: object) -> object:
    if isinstance(value, Enum):
        return {"__entity": {"type": type(value).__name__, "id": value.value}}
    return value
