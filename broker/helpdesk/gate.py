"""Whether an agent may do something to an account: facts are gathered here, and the rules decide.

Beside the rules stand three refusals that no tenant can lift: too soon after another reset, too soon after a contact
changed (LR-12), and more than one agent does in an hour.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NoReturn

from broker.domain.audit import Action, AuditEvent
from broker.domain.errors import DeskRefused
from broker.domain.names import family_words
from broker.domain.people import RecordKind
from broker.domain.ports import Audit, Codes, Colleagues, Contacts, Current, DeskFiles, DeskPosts, Links, People, Search
from broker.helpdesk.agents import Agent
from broker.helpdesk.limits import OPENING, DeskLimits
from broker.helpdesk.proofs import Proof, are_enough
from policies import AgentProfile, HelpdeskAct, HelpdeskFacts, PolicyBook
from policies.explain import N_, explain

AFTER_RESET = timedelta(hours=24)
TOO_SOON = N_("Un mot de passe a déjà été choisi depuis moins de 24 heures. Rappelez demain.")
CONTACT_MOVED = N_("Un contact a changé depuis peu. Attendez la fin du délai.")


@dataclass(frozen=True, slots=True)
class Target:
    """Whom an act is about. `schools`: where they stand; `is_staff`: has a post, in a school or at a desk.

    `same_name`: they, a child of theirs or another adult beside it bear the agent's family name.
    """

    person_id: str
    schools: frozenset[str]
    is_staff: bool
    own_family: bool
    same_name: bool = False


def nobody_at(schools: Collection[str]) -> Target:
    """What an act is about that concerns schools, and no account in particular."""
    return Target("", frozenset(schools), is_staff=False, own_family=False)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An act that was not let through, and why. `uai`: the school it was about, empty where it was about several.

    `outside`: about somebody whom the agent does not reach; nobody reads in the journal who that was.
    """

    act: HelpdeskAct
    why: str
    person_id: str = ""
    uai: str = ""
    outside: bool = False


@dataclass(frozen=True, slots=True)
class Gate:
    """Lets acts of agents through, or refuses them with the sentence that the agent reads."""

    people: People
    links: Links
    posts: DeskPosts
    colleagues: Colleagues
    files: DeskFiles
    search: Search
    codes: Codes
    contacts: Contacts
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
            same_name=self.bears_name_of(agent, living, now=now),
        )

    def family(self, person_id: str) -> frozenset[str]:
        """The person, their children, and every other adult beside these: nobody acts on their own."""
        children = {each.child_id for each in self.files.children(person_id)}
        adults = {adult.person_id for child in (person_id, *children) for adult in self.files.adults(child)}
        return frozenset({person_id}) | children | adults

    def allows(self, agent: Agent, act: HelpdeskAct, target: Target, proofs: Collection[Proof] = ()) -> str:
        """Why not, as the agent reads it; empty: the agent alone may do it."""
        return self._decide(agent, _facts(agent, act, target, proofs))

    def allows_two(self, agent: Agent, act: HelpdeskAct, target: Target, proofs: Collection[Proof] = ()) -> str:
        """Why not even with a second agent; empty: two of them may do it."""
        return self._decide(agent, replace(_facts(agent, act, target, proofs), second_agent=True))

    def _decide(self, agent: Agent, facts: HelpdeskFacts) -> str:
        decision = self.policies.current().of(agent.tenant).helpdesk(facts)
        return "" if decision.allowed else explain(decision).sentences[0]

    def check(
        self, agent: Agent, act: HelpdeskAct, target: Target, *, proofs: Collection[Proof] = (), trace: str,
        now: datetime,
    ) -> None:  # fmt: skip
        """Let the act of one agent through. Raises `DeskRefused`, having written who was refused what."""
        self._pass(agent, act, target, self.allows(agent, act, target, proofs), trace=trace, now=now)

    def check_two(
        self, agent: Agent, act: HelpdeskAct, target: Target, *, proofs: Collection[Proof] = (), trace: str,
        now: datetime,
    ) -> None:  # fmt: skip
        """Let one of the two agents through who do it together. Raises `DeskRefused`, as `check` does."""
        self._pass(agent, act, target, self.allows_two(agent, act, target, proofs), trace=trace, now=now)

    def _pass(self, agent: Agent, act: HelpdeskAct, target: Target, why: str, *, trace: str, now: datetime) -> None:
        why = why or self._too_soon(agent.tenant, act, target, now=now)
        if not why:
            why = self.limits.claim(agent, act, target.person_id, trace=trace, now=now)
        if why:
            within = sorted(target.schools & agent.scope)
            uai = within[0] if within and (target.person_id or len(within) == 1) else ""
            refusal = Refusal(act, why, target.person_id, uai, outside=not within)
            self.refuse(agent, refusal, trace=trace, now=now)

    def is_too_soon(self, agent: Agent, target: Target, *, now: datetime) -> bool:
        """Whether this access was reset, or a contact of it changed, too short a time ago to be opened again."""
        return bool(self._too_soon(agent.tenant, HelpdeskAct.LETTER, target, now=now))

    def _too_soon(self, tenant: str, act: HelpdeskAct, target: Target, *, now: datetime) -> str:
        if act not in OPENING:
            return ""
        codes = self.codes.of_person(target.person_id)
        if any(each.used_at is not None and now - each.used_at < AFTER_RESET for each in codes):
            return TOO_SOON
        hold = self.policies.current().of(tenant).codes.contact_hold
        return CONTACT_MOVED if self.contacts.changed_since(target.person_id, now - hold) else ""

    def refuse(self, agent: Agent, refusal: Refusal, *, trace: str, now: datetime) -> NoReturn:
        """Write who was refused what, and count who strays. Raises `DeskRefused`."""
        told = {"act": refusal.act.value, "outside": str(refusal.outside).lower(), "account": agent.account_id}
        event = AuditEvent(
            tenant=agent.tenant,
            at=now,
            action=Action.AGENT_REFUSED,
            actor=agent.person_id,
            subject="" if refusal.outside else refusal.person_id,
            outcome="refused",
            trace=trace,
            detail={**told, "uai": refusal.uai} if refusal.uai else told,
        )
        self.audit.append((event,))
        if refusal.outside:
            self.limits.strayed(agent, refusal.person_id, trace=trace, now=now)
        raise DeskRefused(refusal.why)

    def bears_name_of(self, agent: Agent, person_id: str, *, now: datetime) -> bool:
        """Whether somebody of this person's family bears the agent's family name, as the agent's source tells it.

        Whoever works for the académie has no record that would show their own family: their name alone may (LR-12).
        """
        own = self._own_words(agent, now=now)
        return bool(own and own & self.names_of_family(person_id, now=now))

    def names_of_family(self, person_id: str, *, now: datetime) -> frozenset[str]:
        """The words of every family name that the person, their children and the adults beside these bear."""
        children = [each.child_id for each in self.files.children(person_id)]
        persons = (self.people.person(each, now=now) for each in (person_id, *children))
        adults = (adult for child in (person_id, *children) for adult in self.files.adults(child))
        names = [each.name.family for each in (*persons, *adults) if each]
        return frozenset(word for name in names for word in family_words(name))

    def _own_words(self, agent: Agent, *, now: datetime) -> frozenset[str]:
        """What the agent is called: by their source, given name and all, and by the schools."""
        person = self.people.person(agent.person_id, now=now)
        told = (self.colleagues.name_of(agent.account_id), person.name.family if person else "")
        return frozenset(word for name in told for word in family_words(name))


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
        same_name=target.same_name,
    )


def teacher_facts(agent: Agent, *, teaches: bool, own_family: bool, same_name: bool) -> HelpdeskFacts:
    """Facts on the one act of a teacher: opening ten minutes to a pupil at a school where they teach."""
    return HelpdeskFacts(
        HelpdeskAct.OPEN_WINDOW,
        AgentProfile.ENSEIGNANT if agent.teaches else AgentProfile.NONE,
        in_scope=teaches,
        own_family=own_family,
        second_factor=agent.second_factor,
        second_agent=False,
        proofs_enough=False,
        about_staff=False,
        same_name=same_name,
    )
