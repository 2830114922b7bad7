"""Whether an agent may do something to an account: facts are gathered here, and the rules decide.

Beside the rules stand three refusals that no tenant can lift: too soon after another reset, too soon after a contact
changed (LR-12), and more than one agent does in an hour.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from broker.domain.audit import Action, AuditEvent
from broker.domain.errors import DeskRefused
from broker.domain.people import RecordKind
from broker.domain.ports import Audit, Codes, Current, DeskFiles, DeskPosts, Links, People, Search
from broker.helpdesk.agents import Agent
from broker.helpdesk.limits import DeskLimits
from broker.helpdesk.proofs import Proof, are_enough
from policies import AgentProfile, HelpdeskAct, HelpdeskFacts, PolicyBook
from policies.explain import N_, explain

AFTER_RESET = timedelta(hours=24)
AFTER_CONTACT = timedelta(hours=72)
OPENING = frozenset({HelpdeskAct.OPEN_WINDOW, HelpdeskAct.LETTER, HelpdeskAct.SMS})
"""Acts by which a secret can be chosen."""
TOO_SOON = N_("Un mot de passe a déjà été choisi depuis moins de 24 heures. Rappelez demain, ou adressez à l'académie.")
CONTACT_MOVED = N_("Un contact a changé depuis moins de 3 jours. Attendez la fin du délai, ou adressez à l'académie.")


@dataclass(frozen=True, slots=True)
class Target:
    """Whom an act is about. `schools`: where they stand; `is_staff`: has a post, in a school or at a desk."""

    person_id: str
    schools: frozenset[str]
    is_staff: bool
    own_family: bool


@dataclass(frozen=True, slots=True)
class Gate:
    """Lets acts of agents through, or refuses them with the sentence that the agent reads."""

    people: People
    links: Links
    posts: DeskPosts
    files: DeskFiles
    search: Search
    codes: Codes
    audit: Audit
    limits: DeskLimits
    policies: Current[PolicyBook]

    def target(self, agent: Agent, person_id: str, *, now: datetime) -> Target:
        """What the rules must know of the person behind this id."""
        living = self.people.owner(person_id)
        person = self.people.person(living, now=now)
        works = any(self.posts.of_account(each.account_id, now=now) for each in self.links.accounts_of(living))
        return Target(
            person_id=living,
            schools=self.search.schools_of(living),
            is_staff=works or bool(person and RecordKind.STAFF in person.kinds),
            own_family=living in self.family(agent.person_id),
        )

    def family(self, person_id: str) -> frozenset[str]:
        """The person, their children, and every other adult beside these: nobody acts on their own."""
        children = {each.child_id for each in self.files.children(person_id)}
        adults = {adult.person_id for child in (person_id, *children) for adult in self.files.adults(child)}
        return frozenset({person_id}) | children | adults

    def allows(self, agent: Agent, act: HelpdeskAct, target: Target, proofs: Collection[Proof] = ()) -> str:
        """Why not, as the agent reads it; empty: the act is allowed."""
        decision = self.policies.current().of(agent.tenant).helpdesk(_facts(agent, act, target, proofs))
        return "" if decision.allowed else explain(decision).sentences[0]

    def check(
        self, agent: Agent, act: HelpdeskAct, target: Target, *, proofs: Collection[Proof] = (), trace: str,
        now: datetime,
    ) -> None:  # fmt: skip
        """Let the act through. Raises `DeskRefused`, having written who was refused what."""
        why = self.allows(agent, act, target, proofs) or self._too_soon(act, target, now=now)
        if not why:
            why = self.limits.claim(agent, act, target.person_id, trace=trace, now=now)
        if why:
            self._refuse(agent, act, target, why, trace=trace, now=now)

    def is_too_soon(self, target: Target, *, now: datetime) -> bool:
        """Whether this access was reset, or a contact of it changed, too short a time ago to be opened again."""
        return bool(self._too_soon(HelpdeskAct.LETTER, target, now=now))

    def _too_soon(self, act: HelpdeskAct, target: Target, *, now: datetime) -> str:
        if act not in OPENING:
            return ""
        codes = self.codes.of_person(target.person_id)
        if any(each.used_at is not None and now - each.used_at < AFTER_RESET for each in codes):
            return TOO_SOON
        moved = self.files.contact_changed(target.person_id, since=now - AFTER_CONTACT)
        return CONTACT_MOVED if moved else ""

    def _refuse(self, agent: Agent, act: HelpdeskAct, target: Target, why: str, *, trace: str, now: datetime) -> None:
        outside = not target.schools & agent.scope
        event = AuditEvent(
            tenant=agent.tenant,
            at=now,
            action=Action.AGENT_REFUSED,
            actor=agent.person_id,
            subject="" if outside else target.person_id,
            outcome="refused",
            trace=trace,
            detail={"act": act.value, "outside": str(outside).lower()},
        )
        self.audit.append((event,))
        if outside:
            self.limits.strayed(agent, target.person_id, trace=trace, now=now)
        raise DeskRefused(why)


def _facts(agent: Agent, act: HelpdeskAct, target: Target, proofs: Collection[Proof]) -> HelpdeskFacts:
    return HelpdeskFacts(
        act,
        agent.profile_at(target.schools),
        in_scope=bool(target.schools & agent.scope),
        own_family=target.own_family,
        second_factor=agent.second_factor,
        second_agent=False,
        proofs_enough=are_enough(proofs),
        about_staff=target.is_staff,
    )


def teacher_facts(agent: Agent, *, teaches: bool, own_family: bool, about_staff: bool) -> HelpdeskFacts:
    """Facts on the one act of a teacher: opening ten minutes to a pupil at a school where they teach."""
    return HelpdeskFacts(
        HelpdeskAct.OPEN_WINDOW,
        AgentProfile.ENSEIGNANT if agent.teaches else AgentProfile.NONE,
        in_scope=teaches,
        own_family=own_family,
        second_factor=agent.second_factor,
        second_agent=False,
        proofs_enough=False,
        about_staff=about_staff,
    )
