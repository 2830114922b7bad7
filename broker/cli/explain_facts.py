"""Facts as the command line writes them: `role=guardian,term=ahead`; what is not written is as usual."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, TypeVar

from broker.domain.services import ClaimName, ServiceState
from policies import AccessFacts, Assurance, Mandate, ReleaseFacts, Role, Term
from policies.facts import values_of

F = TypeVar("F", AccessFacts, ReleaseFacts)

ACCESS_USUAL = AccessFacts(
    role=Role.GUARDIAN,
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
"""A guardian whom the service is for: an example names what differs."""
RELEASE_USUAL = ReleaseFacts(
    claim=ClaimName.NAME, declared=True, role=Role.GUARDIAN, about_child=False, service=ServiceState.DECLARED
)
"""A declared claim about the person alone."""
_YES_NO = {"yes": True, "no": False}


class Unreadable(ValueError):
    """What was written is no fact; the text says why."""


def read_facts(text: str, usual: F) -> F:
    """Read `name=value` pairs, commas between, over the usual facts. Raises `Unreadable`."""
    known = values_of(type(usual))
    changes: dict[str, Any] = {}
    for pair in filter(None, text.split(",")):
        name, _, word = pair.partition("=")
        if name not in known:
            raise Unreadable(f"no fact {name}; there are: {', '.join(known)}")
        words = _words(known[name])
        if word not in words:
            raise Unreadable(f"{name} is one of: {', '.join(words)}")
        changes[name] = words[word]
    return type(usual)(**{**asdict(usual), **changes})


def _words(values: tuple[Any, ...]) -> Mapping[str, Any]:
    return _YES_NO if isinstance(values[0], bool) else {value.value: value for value in values}
