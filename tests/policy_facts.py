"""Facts that pass, to be changed one by one: a guardian at an open service, a name told, a desk that helps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from broker.domain.services import ClaimName, ServiceState
from policies import (
    AccessFacts,
    AgentProfile,
    Assurance,
    HelpdeskAct,
    HelpdeskFacts,
    Mandate,
    ReleaseFacts,
    Role,
    Term,
)

SERVED = AccessFacts(
    Role.GUARDIAN,
    mandate=Mandate.NONE,
    profil_served=True,
    school_served=True,
    class_served=True,
    school_suspended=False,
    term=Term.OPEN,
    service=ServiceState.DECLARED,
    assurance=Assurance.LOW,
    assured=True,
    outage_accepted=False,
)
TOLD = ReleaseFacts(ClaimName.NAME, declared=True, role=Role.GUARDIAN, about_child=False, service=ServiceState.DECLARED)
HELPED = HelpdeskFacts(
    HelpdeskAct.OPEN_WINDOW,
    AgentProfile.ACCUEIL,
    in_scope=True,
    own_family=False,
    second_factor=True,
    second_agent=False,
    proofs_enough=True,
    about_staff=False,
    same_name=False,
)


def access(**changed: Any) -> AccessFacts:
    """The facts of a guardian who may open the service, some of them otherwise."""
    return replace(SERVED, **changed)


def release(**changed: Any) -> ReleaseFacts:
    """The facts of a guardian's name that the service may be told, some of them otherwise."""
    return replace(TOLD, **changed)


def helpdesk(**changed: Any) -> HelpdeskFacts:
    """The facts of a desk that may open a window, some of them otherwise."""
    return replace(HELPED, **changed)
