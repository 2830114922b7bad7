"""Every slip in a shipped rule is seen by a shipped example, or changes no decision at all.

The examples alone judge: not the oracle of `test_decisions`, which no reader of the rules ever sees.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import product

import pytest

from policies.decision import Decision
from policies.engine import Engine, ParsedRule, parse_rule
from policies.example_shapes import RuleExample
from policies.examples import read_examples
from policies.facts import FACT_TYPES, AccessFacts, Facts, every, values_of
from policies.language import clauses, facts_read
from policies.loader import RULES, SHIPPED
from policies.text import statements
from tests.unit.policies.mutants import Mutant, mutants

OTHER_CLAIMS = (
    "name", "given_name", "family_name", "profil", "uai", "birthdate", "email", "email_verified", "phone_number",
    "phone_number_verified", "address", "postal_code", "login", "external_id", "classes",
    "mef", "teachings", "functions", "sub_functions", "structure_type", "quiet_until",
)  # fmt: skip
CHILD_DETAIL = "release.child_detail refuses whatever else is about a child"

EQUIVALENT: Mapping[str, Mapping[str, str]] = {
    "access.outage": {
        "true for outage_accepted": "access.step_up refuses who is neither assured nor excused by an outage",
    },
    "release.identity": {"true for !about_child": CHILD_DETAIL},
    "release.own_mail": {"true for !about_child": CHILD_DETAIL, "with none": "release.nobody refuses"},
    "release.own_home": {"true for !about_child": CHILD_DETAIL},
    "release.own_postal_code": {"true for !about_child": CHILD_DETAIL, "with none": "release.nobody refuses"},
    "release.pupil_schooling": {
        "true for !about_child": "release.pupil_children refuses whatever is about a child",
        "with children": "release.pupil_children refuses the list of children",
    },
    "release.staff_post": {
        "true for !about_child": "release.staff_children refuses whatever is about a child",
        "with children": "release.staff_children refuses the list of children",
    },
    "release.children": {
        "true for ([children vecteur] contains claim)": CHILD_DETAIL,
        **{f"with {claim}": CHILD_DETAIL for claim in OTHER_CLAIMS},
    },
    "helpdesk.look": {
        "true for ([accueil chef academie] contains agent)": "a guard rail refuses each of the others",
        "with auditeur": "helpdesk.auditor_reads_only refuses all but the journal of the desk",
        "with enseignant": "helpdesk.teacher_one_act refuses all that is no opening",
        "with none": "helpdesk.nobody refuses",
    },
    "helpdesk.audit": {
        "with enseignant": "helpdesk.teacher_one_act refuses all that is no opening",
        "with none": "helpdesk.nobody refuses",
    },
    "helpdesk.desk": {
        "with auditeur": "helpdesk.auditor_reads_only refuses all but the journal",
        "with none": "helpdesk.nobody refuses",
    },
    "helpdesk.head": {
        "with auditeur": "helpdesk.auditor_reads_only refuses all but the journal",
        "with enseignant": "helpdesk.teacher_one_act refuses all that is no opening",
        "with none": "helpdesk.nobody refuses",
    },
    "helpdesk.teacher": {"true for (act == open_window)": "helpdesk.teacher_one_act refuses all that is no opening"},
}
"""What no example can show because no decision changes, and which guard rail sees to it."""

SHIPPED_RULES = tuple(
    parse_rule(text) for name in RULES for _, text in statements((SHIPPED / name).read_text(encoding="utf-8"))
)
EXAMPLES = tuple(example for example in read_examples().all if isinstance(example, RuleExample))


def rules_of(action: str) -> tuple[ParsedRule, ...]:
    return tuple(rule for rule in SHIPPED_RULES if rule.action == action)


def engine_with(mutant: Mutant, rules: Iterable[ParsedRule]) -> Engine:
    others = [rule for rule in rules if rule.annotations["id"] != mutant.of]
    return Engine([*others, *([mutant.rule] if mutant.rule else [])], version="mutant")


def said(decision: Decision) -> tuple[bool, frozenset[str]]:
    return decision.allowed, frozenset(rule.id for rule in decision.rules)


def is_killed(engine: Engine, examples: Iterable[RuleExample]) -> bool:
    return any(
        said(engine.decide(facts)) != (example.allowed, example.speak)
        for example in examples
        for facts in example.facts
    )


def survivors(action: str) -> Iterator[Mutant]:
    rules = rules_of(action)
    for rule in rules:
        own_first = sorted(
            (example for example in EXAMPLES if example.facts[0].action == action),
            key=lambda example: example.of != rule.annotations["id"],
        )
        yield from (each for each in mutants(rule) if not is_killed(engine_with(each, rules), own_first))


def told_apart(rule: ParsedRule, mutant: Mutant, kind: type[Facts]) -> Iterator[Facts]:
    """Every combination of facts that one of the two rules meets and the other does not: no other can be decided
    otherwise. They are looked for over the facts that either reads; whatever the others are, they differ there."""
    space = values_of(kind)
    if mutant.rule is None or mutant.rule.effect != rule.effect:
        yield from every(kind)
        return
    one, other = (Engine([meeting(each)], version="alone") for each in (rule, mutant.rule))
    read = {name for each in (rule, mutant.rule) for part in clauses(each.body) for name in facts_read(part)}
    for values in product(*(space[name] if name in read else space[name][:1] for name in space)):
        told = dict(zip(space, values, strict=True))
        if one.decide(kind(**told)).allowed != other.decide(kind(**told)).allowed:
            rest = product(*((told[name],) if name in read else space[name] for name in space))
            yield from (kind(**dict(zip(space, each, strict=True))) for each in rest)


def meeting(rule: ParsedRule) -> ParsedRule:
    """The rule as a permit, which alone allows exactly the facts that it meets."""
    return replace(rule, effect="permit", body={**rule.body, "effect": "permit"})


@pytest.mark.parametrize("kind", FACT_TYPES, ids=lambda kind: kind.action)
def test_every_mutant_is_killed_by_an_example_or_changes_no_decision(kind: type[Facts]) -> None:
    rules = rules_of(kind.action)
    shipped = Engine(rules, version="shipped")
    by_id = {rule.annotations["id"]: rule for rule in rules}
    found: dict[str, set[str]] = {}
    for mutant in survivors(kind.action):
        found.setdefault(mutant.of, set()).add(mutant.what)
        engine = engine_with(mutant, rules)
        apart = told_apart(by_id[mutant.of], mutant, kind)
        seen = next((facts for facts in apart if said(engine.decide(facts)) != said(shipped.decide(facts))), None)
        assert seen is None, f"{mutant.of}, {mutant.what}: no example shows {seen}"
    listed = {of: set(whats) for of, whats in EQUIVALENT.items() if of.startswith(f"{kind.action}.")}
    assert found == listed


def test_a_mutant_that_changes_a_decision_is_told_apart() -> None:
    """The search for a difference finds one: without any example, a dropped condition is no equivalent."""
    rules = rules_of("access")
    shipped = Engine(rules, version="shipped")
    (rule,) = (rule for rule in rules if rule.annotations["id"] == "access.served")
    (mutant,) = (mutant for mutant in mutants(rule) if mutant.what == "true for school_served")
    engine = engine_with(mutant, rules)
    apart = tuple(told_apart(rule, mutant, AccessFacts))
    assert apart
    assert [facts for facts in apart if said(engine.decide(facts)) != said(shipped.decide(facts))]


def test_mutants_drop_flip_and_widen_each_condition() -> None:
    rule = parse_rule(
        '@id("r") @reason("R.") permit (principal, action == Action::"access", resource)'
        'when { context.assured && context.role == Role::"staff" } unless { [Term::"open"].contains(context.term) };'
    )
    both = "(assured && (role == staff))"
    assert {mutant.what for mutant in mutants(rule)} >= {
        "dropped",
        "made a forbid",
        "condition 0 dropped",
        "condition 1 dropped",
        "condition 0 flipped",
        f"|| for && in {both}",
        f"not {both}",
        "true for assured",
        "not assured",
        "true for (role == staff)",
        "not (role == staff)",
        "pupil for staff",
        "true for ([open] contains term)",
        "not ([open] contains term)",
        "with ahead",
        "with over",
        "without open",
    }


def test_a_list_that_loses_a_member_is_seen() -> None:
    """The judge can condemn: without its examples on directors, `helpdesk.head` could lose them unseen."""
    rules = rules_of("helpdesk")
    (rule,) = (rule for rule in rules if rule.annotations["id"] == "helpdesk.head")
    (mutant,) = (mutant for mutant in mutants(rule) if mutant.what == "without chef")
    own = [example for example in EXAMPLES if example.facts[0].action == "helpdesk"]
    assert is_killed(engine_with(mutant, rules), own)
    assert not is_killed(engine_with(mutant, rules), [each for each in own if "helpdesk.head" not in each.speak])
