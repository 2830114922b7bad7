"""What an agent does to one account. Each act is let through by the gate, says why, and tells the person.

A wait is lifted beside its audit event, not in one transaction with it: counters are forgotten first, and an event that
is then missing leaves a wait less, never an access more. Of two agents it is lifted behind the event that uses up the
first one's request.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from broker.accounts.freeze import REASON
from broker.accounts.screens import TAKEN, window_for
from broker.domain.access_notices import AccessNotice, NoticeKind
from broker.domain.acts import LiftStanding
from broker.domain.audit import Action, AuditEvent
from broker.domain.credential_acts import IssueCodes
from broker.domain.desk_requests import AnswerRequest, DeskAnswer, DeskRequest
from broker.domain.errors import DeskRefused
from broker.domain.handles import Id
from broker.domain.identity import AccountState
from broker.domain.places import Freeze
from broker.domain.ports import Audit, Codes, DeskRequests, Links, Places, Standings
from broker.domain.standings import Standing, StandingKind
from broker.helpdesk.agents import Agent
from broker.helpdesk.gate import Gate, Target
from broker.helpdesk.proofs import Proof
from broker.helpdesk.readings import Reading, Readings
from broker.helpdesk.waits import Waits
from policies import CodeTable, HelpdeskAct


@dataclass(frozen=True, slots=True)
class ActAsked:
    """What an agent asks for: towards whom, on which proofs, for which reason.

    `given`: what else the form holds, as it came. `first`: the request of a first agent, which this one, the second,
    does; None: the agent acts alone.
    """

    agent: Agent
    target: Target
    proofs: Collection[Proof]
    reason: str
    uai: str
    school: str
    trace: str
    now: datetime
    given: Mapping[str, str] = field(default_factory=dict)
    first: DeskRequest | None = None

    @property
    def answers(self) -> AnswerRequest | None:
        """The use of the first agent's request."""
        if self.first is None:
            return None
        return AnswerRequest(
            self.first.request_id, self.agent.tenant, DeskAnswer.DONE, self.agent.person_id, self.agent.account_id,
            self.now,
        )  # fmt: skip

    @property
    def told(self) -> dict[str, str]:
        """The agent's reason and proofs, by their codes; of two, who asked and on which proofs of their own."""
        told = {"reason": self.reason, "proofs": " ".join(sorted(self.proofs))}
        if self.first is None:
            return told
        return {**told, "asked_by": self.first.asked_by, "asked_proofs": " ".join(self.first.proofs)}

    def event(self, action: Action, **detail: str) -> AuditEvent:
        """The act in the journal."""
        told = {**self.told, "uai": self.uai, **detail}
        return AuditEvent(
            self.agent.tenant, self.now, action, self.agent.person_id, self.target.person_id, trace=self.trace,
            detail=told,
        )  # fmt: skip

    def notice(self, kind: NoticeKind) -> AccessNotice:
        """What the person is told of it: the school, never the agent by name."""
        told = {"school": self.school, "uai": self.uai}
        return AccessNotice(self.target.person_id, kind, self.now, told, self.trace)


@dataclass(frozen=True, slots=True)
class DeskActs:
    """Carries acts out."""

    gate: Gate
    codes: Codes
    links: Links
    standings: Standings
    places: Places
    waits: Waits
    audit: Audit
    readings: Readings
    requests: DeskRequests

    def open_window(self, asked: ActAsked, number: str) -> None:
        """Let the person choose a secret within ten minutes, on the screen that shows this number.

        Raises `DeskRefused`, also where no screen does.
        """
        self._check(HelpdeskAct.OPEN_WINDOW, asked)
        table = self.gate.policies.current().of(asked.agent.tenant).codes
        reading = Reading(asked.agent, asked.target.person_id, asked.uai, asked.trace, asked.now)
        bound, why = self.readings.bound(reading, number, window=table.window_life)
        if bound and self.codes.issue(self._window(asked, bound, table)):
            why = TAKEN
        if why:
            self.gate.limits.was_not_opened(asked.target.person_id)
            raise DeskRefused(why)

    def lift_wait(self, asked: ActAsked) -> None:
        """Forget guesses at the person's own logins. Raises `DeskRefused`."""
        self._check(HelpdeskAct.LIFT_WAIT, asked)
        linked = [each for each in self.links.accounts_of(asked.target.person_id) if each.state is AccountState.LINKED]
        event, told, answers = asked.event(Action.WAIT_LIFTED), asked.notice(NoticeKind.WAIT_LIFTED), asked.answers
        if answers is not None:
            self.requests.answer(replace(answers, audit=(event,), notices=(told,)))
        self.waits.lift(linked)
        if answers is None:
            self.audit.append((event,), (told,))

    def close(self, asked: ActAsked) -> None:
        """Close the access at once, on no proof at all: the safe direction. Raises `DeskRefused`."""
        self._check(HelpdeskAct.CLOSE_ACCESS, asked)
        person_id, tenant = asked.target.person_id, asked.agent.tenant
        event, told = asked.event(Action.ACCESS_CLOSED, closed="person"), asked.notice(NoticeKind.ACCESS_CLOSED)
        self.places.freeze(Freeze(person_id, "", tenant, asked.reason, asked.now, event, told))

    def reopen(self, asked: ActAsked) -> int:
        """Reopen what this agent's tenant closed, or the person did: it is opening, and asks the proofs of opening.

        What another tenant closed stays closed. Returns how many closings ended. Raises `DeskRefused`.
        """
        self._check(HelpdeskAct.LIFT_WAIT, asked)
        ended = 0
        for said in self._closings(asked):
            event = asked.event(Action.ACCESS_REOPENED, closed=said.kind.value)
            told = () if ended else (asked.notice(NoticeKind.ACCESS_REOPENED),)
            act = LiftStanding(said.kind, said.subject, said.state, said.tenant, asked.reason, asked.now, event, told)
            ended += self.standings.lift(act)
        return ended

    def _closings(self, asked: ActAsked) -> list[Standing]:
        person_id = asked.target.person_id
        said = list(self.standings.history(StandingKind.PERSON, person_id))
        for account in self.links.accounts_of(person_id):
            said += self.standings.history(StandingKind.LINK, account.account_id)
        return [each for each in said if _may_lift(each, asked.agent)]

    def _window(self, asked: ActAsked, bound: str, table: CodeTable) -> IssueCodes:
        code = window_for(asked.target.person_id, asked.uai, bound, table, now=asked.now)
        event = asked.event(Action.WINDOW_OPENED, code=code.code_id)
        told = asked.notice(NoticeKind.WINDOW_OPENED)
        return IssueCodes((code,), asked.agent.person_id, "", (event,), (told,), asked.answers)

    def _check(self, act: HelpdeskAct, asked: ActAsked) -> None:
        check(self.gate, act, asked)


def check(gate: Gate, act: HelpdeskAct, asked: ActAsked) -> None:
    """Let an act through, of one agent or as the second of two. Raises `DeskRefused`."""
    passing = gate.check if asked.first is None else gate.check_two
    passing(asked.agent, act, asked.target, proofs=asked.proofs, trace=asked.trace, now=asked.now)


def _may_lift(said: Standing, agent: Agent) -> bool:
    """What the person closed, or a desk of the agent's tenant: never what an administrator did, nor a containment."""
    by_a_desk = said.tenant == agent.tenant and said.actor.startswith(Id.PERSON)
    return said.is_closure and (said.reason == REASON or by_a_desk)
