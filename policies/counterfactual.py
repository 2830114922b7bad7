"""What would have to be otherwise for a refusal to pass: the smallest sets of changes, one fact or two.

Only what changes in life is changed: dates, classes, a safer login, a suspension, a second agent. Never who the person
is: "would pass if you were a teacher" or "if this were not your family" helps nobody and teaches an attacker. Nor an
outage: nobody can bring one about, and nobody should.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from policies.decision import Decision
from policies.explain import N_
from policies.facts import (
    AccessFacts,
    Assurance,
    Facts,
    HelpdeskFacts,
    Mandate,
    ReleaseFacts,
    ServiceState,
    Term,
)

MOST_CHANGES = 2
"""Three things that would all have to change are no advice."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change in life: what fact it is about, what it was, the facts it would set, and a French msgid ("si …")."""

    fact: str
    was: Any
    becomes: Mapping[str, Any]
    condition: str


Counterfactual = tuple[Change, ...]
"""Changes that would pass together, and of which none can be left out."""


def counterfactuals(decide: Callable[[Any], Decision], facts: Facts) -> tuple[Counterfactual, ...]:
    """The smallest sets of changes that would pass, single ones first; none when the facts pass as they are."""
    if decide(facts).allowed:
        return ()
    possible = [change for change in CHANGES[facts.action] if getattr(facts, change.fact) == change.was]
    found: list[Counterfactual] = []
    for size in range(1, MOST_CHANGES + 1):
        found += [each for each in _new(possible, size, found) if _passes(decide, facts, each)]
    return tuple(found)


def _new(possible: Iterable[Change], size: int, found: Iterable[Counterfactual]) -> Iterator[Counterfactual]:
    """Sets of a size that hold none of those found: what holds one is not the smallest."""
    known = [{change.fact for change in each} for each in found]
    for candidate in combinations(possible, size):
        named = {change.fact for change in candidate}
        if not any(smaller <= named for smaller in known):
            yield candidate


def _passes(decide: Callable[[Any], Decision], facts: Facts, changes: Counterfactual) -> bool:
    together = {name: value for change in changes for name, value in change.becomes.items()}
    return decide(replace(facts, **together)).allowed


def _to(fact: str, was: Any, value: Any, condition: str) -> Change:
    return Change(fact, was, {fact: value}, condition)


_RESUMED = _to(
    "service",
    ServiceState.SUSPENDED,
    ServiceState.DECLARED,
    N_("si le service n'était plus suspendu"),
)
_ACCESS = (
    Change(
        "assured",
        was=False,
        becomes={"assured": True, "assurance": Assurance.STRONG, "outage_accepted": False},
        condition=N_("si vous vous connectiez avec un compte qui prouve mieux qui vous êtes"),
    ),
    _to("term", Term.AHEAD, Term.OPEN, N_("si le service était déjà ouvert pour votre école ou votre classe")),
    _to(
        "term",
        Term.OVER,
        Term.OPEN,
        N_("si le service était encore ouvert pour votre école ou votre classe"),
    ),
    _to("class_served", was=False, value=True, condition=N_("si ce service était prévu pour votre classe")),
    _to("school_served", was=False, value=True, condition=N_("si ce service était prévu pour votre école")),
    _to("school_suspended", was=True, value=False, condition=N_("si l'accès de l'école n'était plus suspendu")),
    _to(
        "mandate",
        Mandate.NOT_ACCEPTED,
        Mandate.ACCEPTED,
        N_("si le service acceptait qu'une autre personne agisse pour l'enfant"),
    ),
    _RESUMED,
)
_RELEASE = (
    _to("declared", was=False, value=True, condition=N_("si le service déclarait cette donnée")),
    _RESUMED,
)
_HELPDESK = (
    _to("second_factor", was=False, value=True, condition=N_("si vous confirmiez votre second facteur")),
    _to("second_agent", was=False, value=True, condition=N_("si un second agent donnait son accord")),
    _to("proofs_enough", was=False, value=True, condition=N_("si les preuves étaient réunies")),
)
CHANGES: Mapping[str, tuple[Change, ...]] = {
    AccessFacts.action: _ACCESS,
    ReleaseFacts.action: _RELEASE,
    HelpdeskFacts.action: _HELPDESK,
}
"""What may change in life, by action; each change starts from the value that stands in the way."""
