"""The story of one login, from the number on its error page: every step, the rules that spoke, the cause, who can help.

Also of logins that failed before anybody was known. What a court decided never shows: a restricted parent's story is a
stranger's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from broker.domain.audit import Action, AuditEvent
from broker.domain.errors import PreauError
from broker.domain.login_faults import HopKind, LoginFault
from broker.domain.ports import Current, Guardianships, LoginFaults, People, Services
from broker.domain.services import Service
from broker.helpdesk.event_words import said_of
from broker.helpdesk.login_causes import NO_RULE, SUCCEEDED, WITHDRAWN, Cause, cause_of, rules_of
from broker.services.access import Moment, weigh
from policies import Assurance, PolicyBook, Rule, Term
from policies.explain import N_

AROUND = timedelta(minutes=30)
"""Before and after a fault: what else the trail says of the same person."""
MOST_EVENTS = 40
RECENT = timedelta(days=400)
"""A right taken back longer ago is not why a login of today fails."""

STEPS: Mapping[HopKind, str] = {
    HopKind.ASKED: N_("Connexion demandée"),
    HopKind.LEFT: N_("Départ vers le site de connexion"),
    HopKind.CAME_BACK: N_("Retour du site de connexion"),
    HopKind.TYPED: N_("Mot de passe écrit sur notre page"),
}
REFUSED = N_("Refus affiché à la personne")
EVENTS: Mapping[Action, str] = {
    Action.SIGN_IN: N_("Connexion réussie"),
    **said_of(
        Action.SIGN_IN_REFUSED,
        Action.SIGN_OUT,
        Action.LINK_CREATED,
        Action.LINK_UNDONE,
    ),
    Action.GUARDIANSHIP_CHANGED: N_("Rattachement changé par une livraison"),
    Action.RECORD_FROZEN: N_("Dossier gelé par une livraison"),
    **said_of(
        Action.STANDING_SET,
        Action.STANDING_LIFTED,
    ),
    Action.SECRET_SET: N_("Nouveau mot de passe choisi"),
    **said_of(
        Action.LETTER_ISSUED,
        Action.WINDOW_OPENED,
        Action.SHORT_CODE_SENT,
        Action.SHORT_CODE_UNSENT,
        Action.ACCESS_CLOSED,
        Action.ACCESS_REOPENED,
    ),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the timeline: a French msgid, and the source or service it happened at."""

    at: datetime
    what: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class LoginStory:
    """What happened under one trace number. `opens`: when a service that is not open yet will be; `code`: of the page.

    `person_id`: who was signed in, for whoever may see that person; `rules`: those that refused, with their reasons.
    """

    trace: str
    at: datetime
    code: str
    cause: Cause
    steps: tuple[Step, ...]
    rules: tuple[Rule, ...] = ()
    person_id: str = ""
    source_id: str = ""
    service_id: str = ""
    opens: date | None = None


@dataclass(frozen=True, slots=True)
class LoginStories:
    """Tells stories. `kinds`: the classes of the error tree by their codes, as the pages know them."""

    faults: LoginFaults
    people: People
    guardianships: Guardianships
    services: Current[Services]
    policies: Current[PolicyBook]
    kinds: Mapping[str, type[PreauError]]

    def tell(self, trace: str, *, now: datetime) -> LoginStory | None:
        """The story of this trace number; None where nothing is kept of it."""
        fault, events = self.faults.find(trace), self.faults.events(trace)
        if fault is None:
            return self._told_by_trail(trace, events)
        steps = (*self._steps(fault), *_lines(self._around(fault)))
        return LoginStory(
            trace=trace,
            at=fault.at,
            code=fault.code,
            cause=self._cause(fault, now=now),
            steps=tuple(sorted(steps, key=lambda step: step.at)),
            rules=self._rules(fault),
            person_id=fault.person_id,
            source_id=fault.source_id,
            service_id=fault.service_id,
            opens=self._opens(fault, now=now),
        )

    def _told_by_trail(self, trace: str, events: tuple[AuditEvent, ...]) -> LoginStory | None:
        """A sign-in of which no page of error was shown, or is kept no more: what the trail says of it."""
        if not events:
            return None
        last = events[-1]
        code = last.detail.get("code", "")
        return LoginStory(
            trace=trace,
            at=last.at,
            code=code,
            cause=cause_of(code, "", self.kinds.get(code)) if code else SUCCEEDED,
            steps=_lines(events),
            person_id="" if last.action is Action.SIGN_IN_REFUSED else last.subject,
            source_id=last.detail.get("source", ""),
        )

    def _steps(self, fault: LoginFault) -> tuple[Step, ...]:
        hops = tuple(Step(hop.at, STEPS[hop.kind], hop.place) for hop in fault.hops)
        return (*hops, Step(fault.at, REFUSED, fault.service_id or fault.source_id))

    def _around(self, fault: LoginFault) -> tuple[AuditEvent, ...]:
        if not fault.person_id:
            return ()
        return self.faults.events_of(
            [fault.person_id], since=fault.at - AROUND, until=fault.at + AROUND, limit=MOST_EVENTS
        )

    def _cause(self, fault: LoginFault, *, now: datetime) -> Cause:
        told = cause_of(fault.code, fault.cause, self.kinds.get(fault.code))
        without_role = "access.nobody" in rules_of(fault.cause) or fault.cause in NO_RULE
        return WITHDRAWN if without_role and self._has_lost_a_right(fault, now=now) else told

    def _has_lost_a_right(self, fault: LoginFault, *, now: datetime) -> bool:
        """Whether a feed took back what this person had: said by the feeds alone, never by a court's decision."""
        if not fault.person_id:
            return False
        told = self.guardianships.told_of(self.people.owner(fault.person_id))
        ends = (right.withdrawn or right.until for right in told if right.may_see or right.withdrawn)
        return any(end is not None and now - RECENT <= end <= fault.at for end in ends)

    def _rules(self, fault: LoginFault) -> tuple[Rule, ...]:
        known = {rule.id: rule for rule in self.policies.current().installation.rules()}
        return tuple(known[rule] for rule in rules_of(fault.cause) if rule in known)

    def _opens(self, fault: LoginFault, *, now: datetime) -> date | None:
        """The first day of a service that is not open yet, as the rules read it today."""
        service = self._service(fault)
        if service is None or "access.term_ahead" not in rules_of(fault.cause):
            return None
        person = self.people.person(self.people.owner(fault.person_id), now=now)
        if person is None:
            return None
        cards = self.people.children_of(person.person_id, now=now)
        weighed = weigh(self.policies.current(), service, person, cards, moment=Moment(Assurance.STRONG, now))
        gate = weighed.place.gate
        return gate.day if gate.term is Term.AHEAD else None

    def _service(self, fault: LoginFault) -> Service | None:
        every = self.services.current().all()
        return next((each for each in every if each.service_id == fault.service_id), None)


def _lines(events: tuple[AuditEvent, ...]) -> tuple[Step, ...]:
    told = (event for event in events if event.action in EVENTS)
    return tuple(Step(event.at, EVENTS[event.action], event.detail.get("source", "")) for event in told)
