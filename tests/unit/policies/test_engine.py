"""The engine refuses whenever it is in doubt."""

from __future__ import annotations

import pytest

from policies.engine import Engine, RuleUnreadable, SchemaFault, parse_rule, parse_schema, rule_faults
from policies.facts import AccessFacts, every
from policies.loader import SCHEMA, SHIPPED
from tests.policy_facts import access

FACTS = access()
HEAD = '(principal, action == Action::"access", resource)'


def engine(*bodies: str) -> Engine:
    rules = [parse_rule(f'@id("r{number}") @reason("R{number}.") {body}') for number, body in enumerate(bodies)]
    return Engine(rules, version="v")


def test_nothing_is_allowed_without_a_rule() -> None:
    decision = engine().decide(FACTS)
    assert (decision.allowed, decision.rules, decision.version) == (False, (), "v")


def test_a_permit_allows_and_says_so() -> None:
    decision = engine(f"permit {HEAD};").decide(FACTS)
    assert (decision.allowed, [rule.id for rule in decision.rules]) == (True, ["r0"])


def test_forbid_beats_permit_and_is_the_one_that_speaks() -> None:
    decision = engine(f"permit {HEAD};", f"forbid {HEAD} when {{ context.profil_served }};").decide(FACTS)
    assert (decision.allowed, [rule.id for rule in decision.rules]) == (False, ["r1"])


def test_a_rule_that_cannot_be_evaluated_refuses(caplog: pytest.LogCaptureFixture) -> None:
    """Cedar skips a failing forbid: the permit beside it would go through."""
    broken = engine(f"permit {HEAD};", f"forbid {HEAD} when {{ context.no_such_fact }};")
    assert not broken.decide(FACTS).allowed
    assert broken.decide(FACTS).rules == ()
    assert caplog.records[0].levelname == "ERROR"
    assert engine(f"permit {HEAD};").decide(FACTS).allowed


def test_a_rule_of_another_action_does_not_speak() -> None:
    elsewhere = engine('permit (principal, action == Action::"release", resource);')
    assert not elsewhere.decide(FACTS).allowed


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("permit (principal, action, resource);", "names one action"),
        ('permit (principal, action in [Action::"access"], resource);', "names one action"),
        ('permit (principal == ?principal, action == Action::"access", resource);', r"\?principal"),
        ("permit (principal", "unexpected end of input"),
        (f"permit {HEAD}; permit {HEAD};", "ends with a semicolon"),
        ('@id("a") @id("b") permit (principal, action == Action::"access", resource);', "duplicate annotation"),
    ],
)
def test_a_statement_that_is_not_one_rule_for_one_action_is_refused(text: str, reason: str) -> None:
    with pytest.raises(RuleUnreadable, match=reason):
        parse_rule(text)


def test_the_catalogue_of_rules_is_ordered_by_id() -> None:
    rules = engine(f"permit {HEAD};", f"forbid {HEAD};").rules()
    assert [rule.id for rule in rules] == ["r0", "r1"]


@pytest.mark.parametrize(
    ("condition", "word"),
    [
        ("principal == resource", "principal"),
        ('context.role in Role::"pupil"', "in"),
        ("context.role is Role", "is"),
        ("context has role", "has"),
        ("1 < 2", "<"),
        ('!([context.declared].contains("a" like "b*"))', "like"),
    ],
)
def test_a_rule_speaks_of_facts_and_of_nothing_else(condition: str, word: str) -> None:
    schema = parse_schema((SHIPPED / SCHEMA).read_text(encoding="utf-8"))
    faults = rule_faults(parse_rule(f"permit {HEAD} when {{ {condition} }};"), schema)
    assert f"a rule compares facts of the context and knows no {word}" in faults
    assert rule_faults(parse_rule(f"permit {HEAD} when {{ context.profil_served }};"), schema) == ()


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ('entity Role enum ["a"];\n\nentiti X;\n', 3, "entiti"),
        ('entity Role enum ["a"];\nentity X in Foo;\n', 2, "Foo"),
        ('entity Role enum ["a"];\nentity X', 2, "unexpected end of input"),
    ],
)
def test_a_schema_that_cannot_be_used_is_told_with_its_line(text: str, line: int, reason: str) -> None:
    fault = parse_schema(text)
    assert isinstance(fault, SchemaFault)
    assert fault.line == line
    assert reason in fault.reason


@pytest.mark.parametrize(
    ("condition", "meaning"),
    [
        ('context.role == Role::"pupil"', lambda f: f.role == "pupil"),
        ('context.role != Role::"pupil"', lambda f: f.role != "pupil"),
        ('[Role::"pupil", Role::"none"].contains(context.role)', lambda f: f.role in {"pupil", "none"}),
        ("[context.assured, context.outage_accepted].containsAny([true])", lambda f: f.assured or f.outage_accepted),
        ("[context.assured, context.outage_accepted].containsAll([true])", lambda f: f.assured or f.outage_accepted),
        ('if context.assured then context.term == Term::"over" else context.school_suspended',
         lambda f: f.term == "over" if f.assured else f.school_suspended),
        ("!(context.assured || context.school_suspended)", lambda f: not f.assured and not f.school_suspended),
        ("[].isEmpty() && true", lambda f: True),
    ],
)  # fmt: skip
def test_a_rule_told_in_words_means_what_it_says(condition: str, meaning: object) -> None:
    """Cedar is given words for entities; the answers are those of the text as it stands."""
    spoken = engine(f"permit {HEAD} when {{ {condition} }};")
    some = list(every(AccessFacts))[::97]
    assert len(some) > 250
    assert [facts for facts in some if spoken.decide(facts).allowed is not bool(meaning(facts))] == []  # type: ignore[operator]
