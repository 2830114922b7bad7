"""The one place that speaks to Cedar: rules are parsed and checked here once, then answer for closed facts.

Cedar skips a rule whose evaluation fails, so that a broken `forbid` would let a `permit` through: here any error is a
refusal. Nothing permits by default, and `forbid` beats `permit`.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import cedarpy

from policies.bounds import body_fault, statement_fault
from policies.decision import Decision, Rule
from policies.facts import FACT_TYPES, Facts, values_of
from policies.language import foreign_words, in_words, word_of

log = logging.getLogger(__name__)

MEMO_SIZE = 4096
_ITS_NAME = re.compile(r"^for policy `policy0`[,:] ")
_QUOTED = re.compile(r"`([^`]+)`|: (\w+)$")
_SESSION = {"type": "Session", "id": "session"}
_SERVICE = {"type": "Service", "id": "service"}


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


@dataclass(frozen=True, slots=True)
class SchemaFault:
    """Why a schema cannot be used, and on which line as far as Cedar tells."""

    line: int
    reason: str


def parse_rule(text: str) -> ParsedRule:
    """Parse one Cedar statement. Raises `RuleUnreadable`: a slice by action needs `action == Action::"…"`."""
    too_much = statement_fault(text)
    if too_much:
        raise RuleUnreadable(too_much)
    try:
        document = json.loads(cedarpy.policies_to_json_str(text))
    except ValueError as fault:
        raise RuleUnreadable(str(fault)) from fault
    except RecursionError:
        raise RuleUnreadable("nested too deeply") from None
    if document["templates"]:
        raise RuleUnreadable("a rule has no ?principal or ?resource")
    if len(document["staticPolicies"]) != 1:
        raise RuleUnreadable("a rule ends with a semicolon")
    (body,) = document["staticPolicies"].values()
    if body["action"]["op"] != "==":
        raise RuleUnreadable('a rule names one action: action == Action::"…"')
    too_deep = body_fault(body)
    if too_deep:
        raise RuleUnreadable(too_deep)
    annotations = {name: value or "" for name, value in body.get("annotations", {}).items()}
    return ParsedRule(body["action"]["entity"]["id"], body["effect"], annotations, body, text)


def parse_schema(text: str) -> Any | SchemaFault:
    """Parse a schema once, for every rule; or tell why it cannot be used."""
    try:
        return cedarpy.Schema.from_str(text)
    except ValueError as fault:
        told = str(fault)
    word = _QUOTED.search(told)
    name = (word[1] or word[2]) if word else ""
    lines = text.splitlines()
    standing = (number for number, line in enumerate(lines, 1) if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", line))
    return SchemaFault(next(standing, 1) if name else max(len(lines), 1), told)


def rule_faults(rule: ParsedRule, schema: Any) -> tuple[str, ...]:
    """Tell why a rule does not fit the schema or the language: unknown fact, value or action, two types compared."""
    found = cedarpy.validate_policies(rule.text, schema).errors
    faults = tuple(_ITS_NAME.sub("", str(fault.error)) for fault in found)
    return faults + tuple(
        f"a rule compares facts of the context and knows no {word}" for word in foreign_words(rule.body)
    )


class _Slice:
    """The rules of one action, and how its facts are written for them."""

    def __init__(self, kind: type[Any], rules: Mapping[str, ParsedRule]) -> None:
        self._policies = policy_set({name: rule.body for name, rule in rules.items()})
        self._request = {"principal": _SESSION, "action": {"type": "Action", "id": kind.action}, "resource": _SERVICE}
        self._written = tuple(
            (name, {value: f"{json.dumps(name)}:{json.dumps(word_of(value))}" for value in values})
            for name, values in values_of(kind).items()
        )
        self._entities = cedarpy.Entities.from_json_str("[]")

    def ask(self, facts: Facts) -> Any:
        context = ",".join([written[getattr(facts, name)] for name, written in self._written])
        return cedarpy.is_authorized({**self._request, "context": f"{{{context}}}"}, self._policies, self._entities)


class Engine:
    """Rules sliced by action, each under its own `@id`, and a bounded memo of answers.

    An engine never changes: new rules are a new engine, so the memo needs no other key than the facts.
    """

    def __init__(self, rules: Iterable[ParsedRule], *, version: str) -> None:
        by_action: dict[str, dict[str, ParsedRule]] = {}
        for rule in rules:
            by_action.setdefault(rule.action, {})[rule.annotations["id"]] = rule
        kinds = {kind.action: kind for kind in FACT_TYPES}
        self._version = version
        self._slices = {action: _Slice(kinds[action], rules) for action, rules in by_action.items()}
        self._rules = {name: _shown(rule) for rules in by_action.values() for name, rule in rules.items()}
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
        answer = sliced.ask(facts)
        errors = answer.diagnostics.errors
        if errors:
            log.error("a rule could not be evaluated; refused", extra={"action": facts.action, "errors": len(errors)})
        spoke = tuple(self._rules[name] for name in sorted(answer.diagnostics.reasons))
        return Decision(
            allowed=bool(answer.allowed) and not errors, rules=() if errors else spoke, version=self._version
        )


def policy_set(bodies: Mapping[str, Mapping[str, Any]]) -> Any:
    """Cedar's own ids are positions in a text; naming each policy keeps answers readable. Facts are told as words."""
    document = {
        "staticPolicies": {name: _worded(body) for name, body in bodies.items()},
        "templates": {},
        "templateLinks": [],
    }
    return cedarpy.PolicySet.from_json_str(json.dumps(document))


def _worded(body: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**body, "conditions": [{**each, "body": in_words(each["body"])} for each in body["conditions"]]}


def _shown(rule: ParsedRule) -> Rule:
    notes = rule.annotations
    return Rule(id=notes["id"], reason=notes["reason"], legal_basis=notes.get("legal_basis", ""))
