"""The rules against a plain oracle, over every combination of facts there is."""

from __future__ import annotations

import dataclasses
import re

import pytest

import policies
from broker.domain.services import ClaimName
from policies import AccessFacts, Assurance, ReleaseFacts, Role
from policies.explain import NO_RULE, explain
from policies.facts import every
from policies.loader import SCHEMA, SHIPPED

SHIPPED_POLICIES = policies.load()


def may_open(facts: AccessFacts) -> bool:
    """What access.cedar must mean, in plain Python."""
    return (
        facts.role is not Role.NONE
        and facts.profil_served
        and facts.school_served
        and facts.assurance.reaches(Assurance.LOW)
    )


def may_tell(facts: ReleaseFacts) -> bool:
    """What release.cedar must mean, in plain Python."""
    if not facts.declared or facts.role is Role.NONE:
        return False
    if facts.claim is ClaimName.CHILDREN or facts.about_child:
        return facts.claim is ClaimName.CHILDREN and facts.about_child and facts.role is Role.GUARDIAN
    return True


def test_access_equals_the_oracle_over_all_facts() -> None:
    space = list(every(AccessFacts))
    assert len(space) == 4 * 2 * 2 * 4
    assert [f for f in space if SHIPPED_POLICIES.access(f).allowed != may_open(f)] == []  # type: ignore[arg-type]


def test_release_equals_the_oracle_over_all_facts() -> None:
    space = list(every(ReleaseFacts))
    assert len(space) == len(ClaimName) * 2 * 4 * 2
    assert [f for f in space if SHIPPED_POLICIES.release(f).allowed != may_tell(f)] == []  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [AccessFacts, ReleaseFacts])
def test_a_permission_names_the_permit_and_a_refusal_the_forbid(kind: type) -> None:
    permits = {"access.served", "release.own", "release.children"}
    for facts in every(kind):
        decision = SHIPPED_POLICIES.engine.decide(facts)
        spoke = {rule.id for rule in decision.rules}
        assert spoke <= permits if decision.allowed else not spoke & permits


def test_no_pupil_and_no_member_of_staff_is_ever_told_of_children() -> None:
    about = [f for f in every(ReleaseFacts) if isinstance(f, ReleaseFacts) and f.role in {Role.PUPIL, Role.STAFF}]
    told = [
        f for f in about if (f.about_child or f.claim is ClaimName.CHILDREN) and SHIPPED_POLICIES.release(f).allowed
    ]
    assert told == []


def test_assurance_levels_are_ordered() -> None:
    assert Assurance.STRONG.reaches(Assurance.STANDARD)
    assert Assurance.LOW.reaches(Assurance.LOW)
    assert not Assurance.NONE.reaches(Assurance.LOW)


def test_the_schema_lists_exactly_the_facts_of_python() -> None:
    text = (SHIPPED / SCHEMA).read_text(encoding="utf-8")
    for kind in (Role, Assurance, ClaimName):
        listed = re.search(rf"entity {kind.__name__} enum \[([^]]*)\]", text)
        assert listed is not None
        assert re.findall(r'"(\w+)"', listed[1]) == [member.value for member in kind]
    for facts in (AccessFacts, ReleaseFacts):
        action = re.search(rf"action {facts.action} appliesTo {{.*?context: {{(.*?)}}", text, re.DOTALL)
        assert action is not None
        assert re.findall(r"(\w+):", action[1]) == [field.name for field in dataclasses.fields(facts)]


def test_every_rule_gives_a_french_reason_and_release_rules_a_legal_basis() -> None:
    for rule in SHIPPED_POLICIES.rules():
        assert rule.reason.endswith(".")
        assert rule.legal_basis or rule.id.startswith("access.")


def test_the_same_facts_are_answered_from_the_memo() -> None:
    facts = AccessFacts(Role.GUARDIAN, profil_served=True, school_served=True, assurance=Assurance.LOW)
    assert SHIPPED_POLICIES.access(facts) is SHIPPED_POLICIES.access(dataclasses.replace(facts))


def test_the_memo_never_grows_past_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policies.engine.MEMO_SIZE", 10)
    fresh = policies.load()
    for facts in every(AccessFacts):
        fresh.engine.decide(facts)
    assert len(fresh.engine._memo) <= 10


def test_a_decision_is_put_into_the_sentences_of_its_rules() -> None:
    served = AccessFacts(Role.PUPIL, profil_served=True, school_served=True, assurance=Assurance.LOW)
    told = explain(SHIPPED_POLICIES.access(served))
    assert (told.allowed, told.rule_ids) == (True, ("access.served",))
    assert told.sentences == ("Ce service est prévu pour votre profil, dans votre école.",)
    assert told.version == SHIPPED_POLICIES.version


def test_a_refusal_without_a_rule_says_that_no_rule_provides_for_it() -> None:
    elsewhere = AccessFacts(Role.PUPIL, profil_served=True, school_served=False, assurance=Assurance.LOW)
    told = explain(SHIPPED_POLICIES.access(elsewhere))
    assert (told.allowed, told.sentences, told.rule_ids) == (False, (NO_RULE,), ())


def test_legal_bases_are_listed_once_each() -> None:
    facts = ReleaseFacts(ClaimName.CHILDREN, declared=False, role=Role.PUPIL, about_child=True)
    told = explain(SHIPPED_POLICIES.release(facts))
    assert told.rule_ids == ("release.pupil_children", "release.undeclared")
    assert told.legal_bases == ("RGPD article 5(1)(c)",)
