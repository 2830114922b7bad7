"""An access decision told whole: the rules that spoke, each fact with what said it, and what would have to change.

One value for the command line, for the page "Pourquoi cette page ?" and for whoever checks afterwards. Sentences are
French msgids with their values apart, so that pages can translate them; dates stay dates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from broker.domain.services import Service
from broker.services.access import Weighed
from broker.services.explain_words import CONDITIONS, GROUNDS, Said, Story
from policies import Rule, Term
from policies.counterfactual import counterfactuals
from policies.explain import facts_told

__all__ = ["AccessExplanation", "FactTold", "Said", "explain_access"]


@dataclass(frozen=True, slots=True)
class FactTold:
    """A fact as the rules read it, and what said it: which enrolment, which row of the descriptor, which source."""

    fact: str
    value: str
    grounds: Said


@dataclass(frozen=True, slots=True)
class AccessExplanation:
    """Why a service is open or not. `names` by language; `version` is that of the policies.

    `conditions`: what would have to be otherwise, all of it together ("si …", "à partir du …"); empty when the service
    is open, or when no two changes in life would open it. `step_up`: ids of the sources that would do, when only the
    assurance is missing. `opens`: the first day, when it lies ahead; `opening_text`, by language: what the descriptor
    tells families until then.
    """

    service_id: str
    names: Mapping[str, str]
    allowed: bool
    rules: tuple[Rule, ...]
    facts: tuple[FactTold, ...]
    version: str
    conditions: tuple[Said, ...] = ()
    step_up: tuple[str, ...] = ()
    opens: date | None = None
    opening_text: Mapping[str, str] = field(default_factory=dict)


def explain_access(service: Service, weighed: Weighed, *, source: str = "") -> AccessExplanation:
    """Put a weighed decision into words. `source`: the id of the source logged in with, empty when unknown."""
    story, gate = Story(service, weighed, source), weighed.place.gate
    return AccessExplanation(
        service_id=service.service_id,
        names=service.names,
        allowed=weighed.allowed,
        rules=weighed.decision.rules,
        facts=tuple(FactTold(fact, value, GROUNDS[fact](story)) for fact, value in facts_told(weighed.facts)),
        version=weighed.decision.version,
        conditions=_conditions(story),
        step_up=weighed.step_up,
        opens=gate.day if gate.term is Term.AHEAD else None,
        opening_text=gate.text if gate.term is Term.AHEAD else {},
    )


def _conditions(story: Story) -> tuple[Said, ...]:
    """The fewest changes in life that would open the service, in the words of this very case (dates, class, school)."""
    found = counterfactuals(story.weighed.policies.access, story.weighed.facts)
    return tuple(CONDITIONS[change.fact](story) for change in found[0]) if found else ()
