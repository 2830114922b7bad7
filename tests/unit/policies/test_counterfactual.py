"""What would have to be otherwise: the fewest changes, only of what changes in life, each of them enough."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest

import policies
from broker.domain.services import ClaimName, ServiceState
from policies import AgentProfile, Assurance, HelpdeskAct, Mandate, Role, Term
from policies.counterfactual import CHANGES, MOST_CHANGES, counterfactuals
from policies.facts import FACT_TYPES, every, values_of
from tests.policy_facts import access, helpdesk, release

SHIPPED = policies.load()
PERSON = {"role", "profil_served", "own_family", "agent", "act", "claim", "about_child", "about_staff", "in_scope"}
"""What a person is, or is asked about: no advice is to be otherwise."""


def told(facts: Any) -> list[tuple[str, ...]]:
    return [tuple(change.fact for change in each) for each in counterfactuals(SHIPPED.engine.decide, facts)]


@pytest.mark.parametrize(
    ("facts", "changes"),
    [
        (access(), []),
        (access(term=Term.AHEAD), [("term",)]),
        (access(term=Term.OVER), [("term",)]),
        (access(assured=False), [("assured",)]),
        (access(assured=False, assurance=Assurance.NONE), [("assured",)]),
        (access(assured=False, outage_accepted=True, role=Role.STAFF), [("assured",)]),
        (access(class_served=False), [("class_served",)]),
        (access(school_served=False, class_served=False), [("class_served", "school_served")]),
        (access(school_suspended=True, service=ServiceState.SUSPENDED), [("school_suspended", "service")]),
        (access(mandate=Mandate.NOT_ACCEPTED), [("mandate",)]),
        (access(term=Term.AHEAD, assured=False, class_served=False), []),
        (access(role=Role.NONE), []),
        (access(profil_served=False), []),
        (release(declared=False), [("declared",)]),
        (release(declared=False, service=ServiceState.SUSPENDED), [("declared", "service")]),
        (release(role=Role.PUPIL, claim=ClaimName.CHILDREN), []),
        (helpdesk(second_factor=False, proofs_enough=False), [("second_factor", "proofs_enough")]),
        (helpdesk(act=HelpdeskAct.MERGE, agent=AgentProfile.ACADEMIE), [("second_agent",)]),
        (helpdesk(own_family=True), []),
        (helpdesk(in_scope=False), []),
    ],
)
def test_the_smallest_changes_that_would_pass(facts: Any, changes: list[tuple[str, ...]]) -> None:
    assert told(facts) == changes


def test_nobody_is_told_to_be_somebody_else() -> None:
    assert {change.fact for changes in CHANGES.values() for change in changes}.isdisjoint(PERSON)
    assert {name for changes in CHANGES.values() for change in changes for name in change.becomes}.isdisjoint(PERSON)


def test_every_change_is_one_between_values_that_there_are() -> None:
    for kind in FACT_TYPES:
        space = values_of(kind)
        for change in CHANGES[kind.action]:
            assert change.was in space[change.fact]
            assert change.becomes[change.fact] != change.was
            assert all(value in space[name] for name, value in change.becomes.items())
            assert change.condition.startswith("si ")


@pytest.mark.parametrize("kind", FACT_TYPES)
def test_each_answer_passes_and_is_the_smallest(kind: type[Any]) -> None:
    for facts in list(every(kind))[::61]:
        for found in counterfactuals(SHIPPED.engine.decide, facts):
            assert 1 <= len(found) <= MOST_CHANGES
            assert SHIPPED.engine.decide(_with(facts, found)).allowed
            for size in range(len(found)):
                for fewer in combinations(found, size):
                    assert not SHIPPED.engine.decide(_with(facts, fewer)).allowed


def _with(facts: Any, changes: tuple[Any, ...]) -> Any:
    return replace(facts, **{name: value for change in changes for name, value in change.becomes.items()})
