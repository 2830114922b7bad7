"""The rules against a plain oracle, over every combination of facts there is."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest

import policies
from broker.domain.services import ClaimName, ServiceState
from policies import (
    AccessFacts,
    AgentProfile,
    Assurance,
    Decision,
    HelpdeskAct,
    HelpdeskFacts,
    Mandate,
    ReleaseFacts,
    Role,
    Term,
)
from policies.facts import FACT_TYPES, every, values_of
from policies.loader import SCHEMA, SHIPPED
from tests.policy_facts import access, helpdesk, release

SHIPPED_POLICIES = policies.load()
OWN = {
    Role.GUARDIAN: {
        ClaimName.EMAIL, ClaimName.EMAIL_VERIFIED, ClaimName.PHONE_NUMBER, ClaimName.PHONE_NUMBER_VERIFIED,
        ClaimName.ADDRESS, ClaimName.POSTAL_CODE,
    },
    Role.PUPIL: {
        ClaimName.POSTAL_CODE, ClaimName.BIRTH_DATE, ClaimName.CLASSES, ClaimName.MEF, ClaimName.TEACHINGS,
        ClaimName.VECTEUR,
    },
    Role.STAFF: {
        ClaimName.EMAIL, ClaimName.EMAIL_VERIFIED, ClaimName.FUNCTIONS, ClaimName.SUB_FUNCTIONS, ClaimName.CLASSES,
        ClaimName.TEACHINGS,
    },
}  # fmt: skip
EVERYONE = {
    ClaimName.NAME, ClaimName.GIVEN_NAME, ClaimName.FAMILY_NAME, ClaimName.PROFIL, ClaimName.UAI,
    ClaimName.STRUCTURE_TYPE, ClaimName.LOGIN, ClaimName.EXTERNAL_ID, ClaimName.QUIET_UNTIL,
}  # fmt: skip
OF_CHILDREN = {ClaimName.CHILDREN, ClaimName.VECTEUR}

LOOK = {HelpdeskAct.SEARCH, HelpdeskAct.VIEW, HelpdeskAct.JOURNAL}
REOPEN = {HelpdeskAct.OPEN_WINDOW, HelpdeskAct.LETTER, HelpdeskAct.SMS, HelpdeskAct.LIFT_WAIT}
TWO_AGENTS = {
    HelpdeskAct.RESTRICT, HelpdeskAct.UNLINK, HelpdeskAct.MERGE, HelpdeskAct.CHANGE_CONTACT, HelpdeskAct.STAFF_ACCOUNT,
}  # fmt: skip
PROOFS = REOPEN | (TWO_AGENTS - {HelpdeskAct.UNLINK})
DESK = LOOK | REOPEN | {HelpdeskAct.CLOSE_ACCESS}
HEAD = DESK | {
    HelpdeskAct.DELEGATE, HelpdeskAct.QUIET_HOURS, HelpdeskAct.RESTRICT, HelpdeskAct.UNLINK, HelpdeskAct.CHANGE_CONTACT,
    HelpdeskAct.SUSPEND_SERVICE, HelpdeskAct.DESK_JOURNAL,
}  # fmt: skip
MAY = {
    AgentProfile.ACCUEIL: DESK,
    AgentProfile.CHEF: HEAD,
    AgentProfile.ACADEMIE: set(HelpdeskAct),
    AgentProfile.AUDITEUR: {HelpdeskAct.DESK_JOURNAL},
    AgentProfile.ENSEIGNANT: {HelpdeskAct.OPEN_WINDOW},
    AgentProfile.NONE: set(),
}


def may_open(facts: AccessFacts) -> bool:
    """What access.cedar must mean, in plain Python."""
    acts_alone = facts.mandate is Mandate.NONE
    acts_for_a_guardian = facts.mandate is Mandate.ACCEPTED and facts.role is Role.GUARDIAN
    excused = facts.outage_accepted and facts.role is not Role.STAFF and acts_alone
    return (
        facts.role is not Role.NONE
        and (acts_alone or acts_for_a_guardian)
        and facts.profil_served
        and facts.school_served
        and facts.class_served
        and not facts.school_suspended
        and facts.term is Term.OPEN
        and facts.service is not ServiceState.SUSPENDED
        and facts.assurance is not Assurance.NONE
        and (facts.assured or excused)
    )


def may_tell(facts: ReleaseFacts) -> bool:
    """What release.cedar must mean, in plain Python."""
    if not facts.declared or facts.role is Role.NONE or facts.service is ServiceState.SUSPENDED:
        return False
    if facts.about_child:
        return facts.claim in OF_CHILDREN and facts.role is Role.GUARDIAN
    return facts.claim in EVERYONE or facts.claim in OWN[facts.role]


def may_act(facts: HelpdeskFacts) -> bool:
    """What helpdesk.cedar must mean, in plain Python."""
    reads_all = facts.agent is AgentProfile.AUDITEUR
    if (
        not facts.in_scope
        or (facts.own_family and not reads_all)
        or not facts.second_factor
        or facts.act not in MAY[facts.agent]
    ):
        return False
    if facts.act in TWO_AGENTS and not facts.second_agent:
        return False
    if facts.act in REOPEN and facts.about_staff and not (
        facts.agent is AgentProfile.ACADEMIE and facts.second_agent
    ):  # fmt: skip
        return False
    if facts.act is HelpdeskAct.SMS and facts.about_staff:
        return False
    if facts.act in REOPEN and facts.same_name and not facts.second_agent:
        return False
    return facts.act not in PROOFS or facts.proofs_enough or facts.agent is AgentProfile.ENSEIGNANT


ORACLES: dict[type[Any], Any] = {AccessFacts: may_open, ReleaseFacts: may_tell, HelpdeskFacts: may_act}


@pytest.fixture(scope="module")
def decided() -> dict[Any, Decision]:
    """Every decision there is, made once."""
    return {facts: SHIPPED_POLICIES.engine.decide(facts) for kind in FACT_TYPES for facts in every(kind)}


def test_the_spaces_are_whole() -> None:
    sizes = {kind: sum(1 for _ in every(kind)) for kind in FACT_TYPES}
    assert sizes == {
        AccessFacts: 4 * 3 * 2**3 * 2 * 3 * 3 * 4 * 2 * 2,
        ReleaseFacts: len(ClaimName) * 2 * 4 * 2 * 3,
        HelpdeskFacts: len(HelpdeskAct) * 6 * 2**7,
    }


@pytest.mark.parametrize("kind", FACT_TYPES)
def test_the_rules_equal_the_oracle_over_all_facts(kind: type[Any], decided: dict[Any, Decision]) -> None:
    oracle = ORACLES[kind]
    assert [facts for facts in every(kind) if decided[facts].allowed != oracle(facts)] == []


@pytest.mark.parametrize("kind", FACT_TYPES)
def test_a_permission_names_permits_alone_and_a_refusal_never_one(
    kind: type[Any], decided: dict[Any, Decision]
) -> None:
    permits = {rule.id for facts in every(kind) if decided[facts].allowed for rule in decided[facts].rules}
    refusing = {rule.id for facts in every(kind) if not decided[facts].allowed for rule in decided[facts].rules}
    assert permits
    assert permits.isdisjoint(refusing)
    assert permits | refusing == {rule.id for rule in SHIPPED_POLICIES.rules() if rule.id.startswith(kind.action)}
    assert all(decided[facts].rules for facts in every(kind) if decided[facts].allowed)


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"term": Term.AHEAD}, "access.term_ahead"),
        ({"term": Term.OVER}, "access.term_over"),
        ({"assured": False}, "access.step_up"),
        ({"service": ServiceState.SUSPENDED}, "access.service_suspended"),
        ({"school_suspended": True}, "access.school_suspended"),
        ({"mandate": Mandate.NOT_ACCEPTED}, "access.mandate_refused"),
        ({"mandate": Mandate.ACCEPTED, "role": Role.PUPIL}, "access.mandate_guardian_only"),
        ({"assured": False, "outage_accepted": True, "role": Role.STAFF}, "access.outage_limits"),
        ({"assured": False, "outage_accepted": True, "mandate": Mandate.ACCEPTED}, "access.outage_limits"),
        ({"assurance": Assurance.NONE}, "access.unproven"),
        ({"role": Role.NONE}, "access.nobody"),
    ],
)
def test_each_refusal_says_what_stands_in_the_way(changed: dict[str, Any], rule: str) -> None:
    assert SHIPPED_POLICIES.access(access()).allowed
    decision = SHIPPED_POLICIES.access(access(**changed))
    assert (decision.allowed, [spoke.id for spoke in decision.rules]) == (False, [rule])


def test_an_outage_that_the_service_accepts_excuses_a_family_and_says_so() -> None:
    decision = SHIPPED_POLICIES.access(access(assured=False, outage_accepted=True))
    assert (decision.allowed, [rule.id for rule in decision.rules]) == (True, ["access.outage"])


def test_the_ine_the_contact_of_another_and_a_family_reason_have_no_name() -> None:
    """No rule, and no rule of a tenant, can speak of what is on no list."""
    names = {claim.value for claim in ClaimName}
    forbidden = {
        "ine",
        "home_phone",
        "child_address",
        "guardian_email",
        "mobile",
        "reason",
        "restriction",
        "rights_reason",
        "guardians",
    }
    assert names.isdisjoint(forbidden)
    for told in sorted(forbidden):
        rule = (
            f'@id("x") @reason("X.") @legal_basis("X") permit (principal, action == Action::"release", resource) '
            f'when {{ context.claim == ClaimName::"{told}" }};'
        )
        schema = policies.engine.parse_schema((SHIPPED / SCHEMA).read_text(encoding="utf-8"))
        assert policies.engine.rule_faults(policies.engine.parse_rule(rule), schema)


def test_of_a_child_nothing_is_told_but_what_ties_it_to_the_guardian() -> None:
    for claim in set(ClaimName) - OF_CHILDREN:
        decision = SHIPPED_POLICIES.release(release(claim=claim, about_child=True))
        assert [rule.id for rule in decision.rules] == ["release.child_detail"]
    assert SHIPPED_POLICIES.release(release(claim=ClaimName.CHILDREN, about_child=True)).allowed


def test_no_pupil_and_no_member_of_staff_is_ever_told_of_children(decided: dict[Any, Decision]) -> None:
    about = [
        facts
        for facts in every(ReleaseFacts)
        if isinstance(facts, ReleaseFacts)
        and facts.role in {Role.PUPIL, Role.STAFF}
        and (facts.about_child or facts.claim is ClaimName.CHILDREN)
    ]
    assert about
    assert [facts for facts in about if decided[facts].allowed] == []


@pytest.mark.parametrize("act", HelpdeskAct)
def test_nobody_acts_alone_on_their_own_family_or_without_a_second_factor(act: HelpdeskAct) -> None:
    facts = helpdesk(act=act, agent=AgentProfile.ACADEMIE, second_agent=True)
    assert SHIPPED_POLICIES.helpdesk(facts).allowed
    for fault, rule in (
        ({"own_family": True}, "helpdesk.own_family"),
        ({"second_factor": False}, "helpdesk.second_factor"),
        ({"in_scope": False}, "helpdesk.out_of_scope"),
    ):
        refused = SHIPPED_POLICIES.helpdesk(dataclasses.replace(facts, **fault))  # type: ignore[arg-type]
        assert (refused.allowed, [spoke.id for spoke in refused.rules]) == (False, [rule])


def test_closing_needs_no_proof_and_opening_does() -> None:
    assert SHIPPED_POLICIES.helpdesk(helpdesk(act=HelpdeskAct.CLOSE_ACCESS, proofs_enough=False)).allowed
    refused = SHIPPED_POLICIES.helpdesk(helpdesk(proofs_enough=False))
    assert (refused.allowed, [rule.id for rule in refused.rules]) == (False, ["helpdesk.proofs"])


def test_a_desk_never_reopens_the_account_of_staff() -> None:
    for agent in (AgentProfile.ACCUEIL, AgentProfile.CHEF, AgentProfile.ENSEIGNANT):
        refused = SHIPPED_POLICIES.helpdesk(helpdesk(agent=agent, about_staff=True, second_agent=True))
        assert (refused.allowed, [rule.id for rule in refused.rules]) == (False, ["helpdesk.staff_by_academie"])
    by_two = helpdesk(agent=AgentProfile.ACADEMIE, about_staff=True, second_agent=True)
    assert SHIPPED_POLICIES.helpdesk(by_two).allowed
    assert not SHIPPED_POLICIES.helpdesk(dataclasses.replace(by_two, second_agent=False)).allowed
    assert not SHIPPED_POLICIES.helpdesk(dataclasses.replace(by_two, act=HelpdeskAct.SMS)).allowed


def test_assurance_levels_are_ordered() -> None:
    assert Assurance.STRONG.reaches(Assurance.STANDARD)
    assert Assurance.LOW.reaches(Assurance.LOW)
    assert not Assurance.NONE.reaches(Assurance.LOW)


def test_the_schema_lists_exactly_the_facts_of_python() -> None:
    text = (SHIPPED / SCHEMA).read_text(encoding="utf-8")
    kinds = {type(value) for facts in FACT_TYPES for values in values_of(facts).values() for value in values} - {bool}
    assert {kind.__name__ for kind in kinds} == set(re.findall(r"entity (\w+) enum", text)) - {"Session", "Service"}
    for kind in kinds:
        listed = re.search(rf"entity {kind.__name__} enum \[([^]]*)\]", text)
        assert listed is not None
        assert re.findall(r'"(\w+)"', listed[1]) == [member.value for member in kind]
    for facts in FACT_TYPES:
        action = re.search(rf"action {facts.action} appliesTo {{.*?context: {{(.*?)}}", text, re.DOTALL)
        assert action is not None
        assert re.findall(r"(\w+):", action[1]) == [field.name for field in dataclasses.fields(facts)]


def test_every_rule_gives_a_french_reason_and_release_rules_a_legal_basis() -> None:
    for rule in SHIPPED_POLICIES.rules():
        assert rule.reason.endswith(".")
        assert bool(rule.legal_basis) == rule.id.startswith("release.")


def test_the_same_facts_are_answered_from_the_memo() -> None:
    assert SHIPPED_POLICIES.access(access()) is SHIPPED_POLICIES.access(access())


def test_the_memo_never_grows_past_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policies.engine.MEMO_SIZE", 10)
    fresh = policies.load()
    for facts in every(ReleaseFacts):
        fresh.engine.decide(facts)
    assert len(fresh.engine._memo) <= 10
