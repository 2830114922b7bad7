"""May the person of this session enter this service now? The same for every protocol: yes, prove more first, or no."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from broker.domain.assurance import Assurance
from broker.domain.errors import AccessDenied
from broker.domain.people import ChildCard, PersonView, RecordKind
from broker.domain.portraits import Portrait
from broker.domain.ports import Current, People
from broker.domain.services import Service
from broker.domain.sessions import Session
from broker.services.access import Moment, Weighed, weigh
from broker.services.ways import Ways
from broker.services.weigh_memory import WeighBasis, WeighMemory
from policies import Decision, PolicyBook


class Logins(Protocol):
    """What the gate asks of the login journey (`Federation`)."""

    def assurance(self, session: Session, book: PolicyBook) -> Assurance:
        """How surely a session proves its person."""
        ...

    def moment(self, session: Session, book: PolicyBook) -> Moment:
        """What access decisions read of a session and of the sources, now."""
        ...

    def ways(self, book: PolicyBook, *, now: datetime) -> Ways:
        """What each source can prove, and which are known not to answer."""
        ...


def denied(decision: Decision, service_id: str) -> AccessDenied:
    """The refusal of a service, with the rules that spoke: for whoever is asked why."""
    return AccessDenied(", ".join(rule.id for rule in decision.rules) or "no rule allows it", service_id=service_id)


@dataclass(frozen=True, slots=True)
class ServiceGate:
    """Weighs one person before one service. The caller asks once for the `book` and passes it through the decision."""

    people: People
    policies: Current[PolicyBook]
    logins: Logins
    memory: WeighMemory = field(default_factory=WeighMemory)

    def weigh(self, service: Service, session: Session, book: PolicyBook, *, now: datetime, child: str = "") -> Weighed:
        """The decision. Sources are looked at only where the session proves too little. Raises `AccessDenied`.

        `child`: whether it opens through this child (by person id), and through no other.
        """
        person = self.people.person(session.person_id, now=now)
        cards = self._children(person, now=now) if person else ()
        through = tuple(card for card in cards if child in {"", card.child_id})
        return self.weigh_portrait(service, session, Portrait(person, through), book, now=now)

    def weigh_portrait(
        self, service: Service, session: Session, portrait: Portrait, book: PolicyBook, *, now: datetime
    ) -> Weighed:
        """The decision about a person who was read already. Raises `AccessDenied`."""
        person, children = portrait.person, portrait.children
        if person is None:
            raise AccessDenied("no live record", service_id=service.service_id)
        assurance = self.logins.assurance(session, book)
        basis = WeighBasis(book, service, portrait, assurance)
        known = self.memory.find(person.person_id, basis)
        if known is not None:
            return known
        plain = weigh(book, service, person, children, moment=Moment(assurance, now))
        if plain.allowed:
            self.memory.keep(person.person_id, basis, plain)
        if plain.allowed or plain.facts.assured:
            return plain
        return weigh(book, service, person, children, moment=self.logins.moment(session, book))

    def wanted(self, service: Service, book: PolicyBook, *, now: datetime) -> Assurance:
        """What a login for this service has to prove: less than it requires while an outage may excuse that."""
        if not service.outage or Assurance.LOW.reaches(service.requires):
            return service.requires
        since = self.logins.ways(book, now=now).outage_since(service.requires)
        longest = book.of(service.tenant).assurance.outage_longest
        return Assurance.LOW if since is not None and now - since <= longest else service.requires

    def _children(self, person: PersonView, *, now: datetime) -> tuple[ChildCard, ...]:
        return self.people.children_of(person.person_id, now=now) if RecordKind.GUARDIAN in person.kinds else ()
