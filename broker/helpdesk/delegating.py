"""A head gives the front desk of their school to a colleague, until a last day, and takes it back.

Only the front desk, only at a school where the head's own post lets them, never to themselves or their family; and only
to somebody of the school's staff who signed in at the agents' source: a name alone is chosen among these by the head.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from broker.domain.access_notices import AccessNotice, NoticeKind
from broker.domain.audit import Action, AuditEvent
from broker.domain.desk import Colleague, Delegation, DeskProfile, EndPost, GrantPost, PostOrigin, SaidPost
from broker.domain.errors import DeskRefused
from broker.domain.handles import Id, new_id
from broker.domain.names import fold, words_of, words_of_each
from broker.domain.ports import Colleagues, DeskPosts
from broker.helpdesk.agents import Agent
from broker.helpdesk.gate import Gate, Target, nobody_at
from policies import HelpdeskAct
from policies.explain import N_

_AUGUST, _LAST = 8, 31
NO_DAY = N_("Écrivez un dernier jour, entre aujourd'hui et la fin de l'année scolaire.")
NOT_OF_STAFF = N_("Cette personne n'est pas de l'école, ou ne s'est jamais connectée au guichet.")
HAS_IT = N_("Cette personne aide déjà à ce guichet.")
NOT_GIVEN = N_("Cette délégation ne se retire pas ici : elle vient de l'académie, ou elle est finie.")


@dataclass(frozen=True, slots=True)
class DelegationAsked:
    """What a head asks for: the front desk of a school, to whom, until which day."""

    uai: str
    account_id: str
    last_day: date | None
    trace: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Delegations:
    """Gives and takes back. What is given counts while both stay what they were (`storage.delegated`)."""

    colleagues: Colleagues
    posts: DeskPosts
    gate: Gate

    def schools(self, agent: Agent) -> dict[str, str]:
        """The schools where the agent delegates, by UAI."""
        return {uai: name for uai, name in agent.places.items() if not self.why_not(agent, uai)}

    def why_not(self, agent: Agent, uai: str) -> str:
        """Why the agent does not delegate at this school; empty: they do."""
        return self.gate.allows(agent, HelpdeskAct.DELEGATE, nobody_at({uai}))

    def standing(self, uai: str, *, now: datetime) -> tuple[Delegation, ...]:
        """The delegations of a school, those that the académie's source says too."""
        return self.colleagues.delegations(uai, now=now)

    def find(self, uai: str, typed: str, sources: Collection[str], *, now: datetime) -> tuple[Colleague, ...]:
        """Staff of the school who signed in at one of these sources, by what is typed of their name."""
        wanted = fold(typed).split()
        if not wanted:
            return ()
        found = self._of_staff(uai, sources, now=now)
        return tuple(each for each in found if all(_begins(each.name, part) for part in wanted))

    def give(self, agent: Agent, asked: DelegationAsked, sources: Collection[str]) -> None:
        """Give the front desk to a colleague. Raises `DeskRefused`."""
        found = {each.account_id: each for each in self._of_staff(asked.uai, sources, now=asked.now)}
        colleague = found.get(asked.account_id)
        self._check(agent, asked.uai, colleague, trace=asked.trace, now=asked.now)
        if colleague is None:
            raise DeskRefused(NOT_OF_STAFF)
        last_day, today = asked.last_day, asked.now.date()
        if last_day is None or not today <= last_day <= last_of_year(today):
            raise DeskRefused(NO_DAY)
        standing = self.standing(asked.uai, now=asked.now)
        if any(each.counts and each.colleague.account_id == asked.account_id for each in standing):
            raise DeskRefused(HAS_IT)
        until = datetime.combine(last_day + timedelta(days=1), time(), UTC)
        post = SaidPost(DeskProfile.ACCUEIL, asked.uai, until=until)
        told = {"account": asked.account_id, "profile": post.profile.value, "uai": asked.uai, "until": str(last_day)}
        event = _event(agent, Action.POST_GIVEN, colleague, told, trace=asked.trace, now=asked.now)
        notice = _notice(agent, NoticeKind.POST_GIVEN, colleague, asked.uai, trace=asked.trace, now=asked.now)
        self.posts.grant(
            GrantPost(
                new_id(Id.DESK_POST), asked.account_id, post, asked.now, event, PostOrigin.HEAD, (notice,),
                giver=agent.account_id,
            )
        )  # fmt: skip

    def take_back(self, agent: Agent, uai: str, post_id: str, *, trace: str, now: datetime) -> None:
        """End a delegation that was given here, or by an administrator. Raises `DeskRefused`."""
        standing = {each.held.post_id: each for each in self.standing(uai, now=now)}
        found = standing.get(post_id)
        self._check(agent, uai, found.colleague if found else None, trace=trace, now=now)
        if found is None or found.held.origin is PostOrigin.SOURCE:
            raise DeskRefused(NOT_GIVEN)
        told = {"post": post_id, "account": found.held.account_id, "profile": found.held.post.profile.value, "uai": uai}
        event = _event(agent, Action.POST_ENDED, found.colleague, told, trace=trace, now=now)
        notice = _notice(agent, NoticeKind.POST_ENDED, found.colleague, uai, trace=trace, now=now)
        if not self.posts.end(EndPost(post_id, now, event, (notice,))):
            raise DeskRefused(NOT_GIVEN)

    def _check(self, agent: Agent, uai: str, colleague: Colleague | None, *, trace: str, now: datetime) -> None:
        """The rules, asked about the school and, where there is one, the colleague: never oneself, nor one's family."""
        target = nobody_at({uai})
        if colleague is not None:
            living = self.gate.people.owner(colleague.person_id)
            own = colleague.account_id == agent.account_id or living in self.gate.family(agent.person_id)
            target = Target(living, frozenset({uai}), is_staff=True, own_family=own)
        self.gate.check(agent, HelpdeskAct.DELEGATE, target, trace=trace, now=now)

    def _of_staff(self, uai: str, sources: Collection[str], *, now: datetime) -> tuple[Colleague, ...]:
        """Whom both the school's feed and the agents' source name alike: of homonyms both, with their keys."""
        names = words_of_each(f"{each.given} {each.family}" for each in self.colleagues.staff(uai, now=now))
        return tuple(each for each in self.colleagues.signed_in(sources) if words_of(each.name) in names)


def last_of_year(today: date) -> date:
    """The 31st of August that ends the school year of a day; in August already that of the year to come."""
    return date(today.year + (today.month >= _AUGUST), _AUGUST, _LAST)


def _begins(name: str, typed: str) -> bool:
    return any(part.startswith(typed) for part in fold(name).split())


def _event(
    agent: Agent, action: Action, colleague: Colleague, told: dict[str, str], *, trace: str, now: datetime
) -> AuditEvent:
    return AuditEvent(agent.tenant, now, action, agent.person_id, colleague.person_id, trace=trace, detail=told)


def _notice(
    agent: Agent, kind: NoticeKind, colleague: Colleague, uai: str, *, trace: str, now: datetime
) -> AccessNotice:  # fmt: skip
    told = {"school": agent.places.get(uai, ""), "uai": uai}
    return AccessNotice(colleague.person_id, kind, now, told, trace)
