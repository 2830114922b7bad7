"""The engine refuses whenever it is in doubt."""

from __future__ import annotations

import pytest

from policies import AccessFacts, Assurance, Role
from policies.engine import Engine, RuleUnreadable, parse_rule

FACTS = AccessFacts(Role.GUARDIAN, profil_served=True, school_served=True, assurance=Assurance.LOW)
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
        ('@id("a") @id("b") permit (principal, action == Action::"access", resource);', "duplicate annotation"),
    ],
)
def test_a_statement_that_is_not_one_rule_for_one_action_is_refused(text: str, reason: str) -> None:
    with pytest.raises(RuleUnreadable, match=reason):
        parse_rule(text)


def test_the_catalogue_of_rules_is_ordered_by_id() -> None:
    rules = engine(f"permit {HEAD};", f"forbid {HEAD};").rules()
    assert [rule.id for rule in rules] == ["r0", "r1"]
