"""Acts that two agents do. The first asks; another account of another person looks for themselves, and does it.

One agent with two browsers is one person, and passes nothing; nor do two of one family (LR-12, S-71).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from broker.domain.audit import Action, AuditEvent
from broker.domain.desk_requests import AnswerRequest, DeskAnswer, DeskRequest
from broker.domain.errors import AlreadyUsed, DeskRefused
from broker.domain.handles import Id, new_id
from broker.domain.names import words_of
from broker.domain.ports import DeskRequests, Standings
from broker.domain.standings import StandingKind
from broker.helpdesk.acts import ActAsked
from broker.helpdesk.agents import Agent, absent_agent
from broker.helpdesk.gate import Gate, Refusal, Target
from broker.helpdesk.proofs import Proof, read_proofs
from policies import HelpdeskAct
from policies.explain import N_

ACTS: Mapping[str, HelpdeskAct] = {
    "fenetre": HelpdeskAct.OPEN_WINDOW,
    "lettre": HelpdeskAct.LETTER,
    "sms": HelpdeskAct.SMS,
    "attente": HelpdeskAct.LIFT_WAIT,
}
"""What may be asked of a second agent, by its name on the sheet."""
NOT_YOURS = N_("Une autre personne doit confirmer : ni vous, ni votre famille.")
NAMESAKE = N_("Même nom que vous : un autre collègue doit confirmer.")
FIRST_GONE = N_("Le premier agent ne peut plus faire cette demande. Recommencez à deux.")
OVER = N_("Cette demande n'attend plus : elle est trop ancienne, ou un collègue a répondu.")


@dataclass(frozen=True, slots=True)
class WaitingRequest:
    """A request as an agent sees it. `why`: why it is not for them to confirm; empty: it is."""

    request: DeskRequest
    target: Target
    why: str


@dataclass(frozen=True, slots=True)
class Pairs:
    """Keeps requests, and says who may confirm one."""

    requests: DeskRequests
    gate: Gate
    standings: Standings

    def ask(self, asked: ActAsked, act: str) -> None:
        """Ask for an act that a second agent has to do. Raises `DeskRefused`."""
        self.gate.check_two(asked.agent, ACTS[act], asked.target, proofs=asked.proofs, trace=asked.trace, now=asked.now)
        life = self.gate.policies.current().of(asked.agent.tenant).codes.request_life
        request = DeskRequest(
            new_id(Id.DESK_REQUEST), asked.agent.tenant, act, asked.target.person_id, tuple(sorted(asked.proofs)),
            asked.reason, asked.uai, asked.agent.person_id, asked.agent.account_id, asked.now, asked.now + life,
            dict(asked.given),
        )  # fmt: skip
        event = asked.event(Action.AGENT_ASKED, act=ACTS[act].value, request=request.request_id)
        self.requests.ask(request, event)

    def waiting(self, agent: Agent, *, now: datetime) -> tuple[WaitingRequest, ...]:
        """What waits at the schools of this agent; of their own family and of other schools, nothing."""
        here = (each for each in self.requests.open(agent.tenant, now=now) if each.uai in agent.scope)
        every = (self._seen(agent, each, now=now) for each in here)
        return tuple(each for each in every if not self.gate.allows(agent, HelpdeskAct.VIEW, each.target))

    def find(self, agent: Agent, request_id: str, *, now: datetime) -> WaitingRequest | None:
        """One of these."""
        return next((each for each in self.waiting(agent, now=now) if each.request.request_id == request_id), None)

    def check_second(self, agent: Agent, waiting: WaitingRequest, *, trace: str, now: datetime) -> None:
        """Let a second agent confirm, whose own rights and proofs the act itself looks at. Raises `DeskRefused`."""
        first_may = self._first_may(waiting.request, now=now)
        why = waiting.why or ("" if first_may else FIRST_GONE)
        if why:
            act = ACTS[waiting.request.act]
            refusal = Refusal(act, why, waiting.target.person_id, waiting.request.uai)
            self.gate.refuse(agent, refusal, trace=trace, now=now)

    def decline(self, agent: Agent, waiting: WaitingRequest, reason: str, *, trace: str, now: datetime) -> None:
        """Say no. Raises `DeskRefused`."""
        if waiting.why:
            raise DeskRefused(waiting.why)
        request = waiting.request
        told = {"act": ACTS[request.act].value, "uai": request.uai, "asked_by": request.asked_by, "declined": reason}
        event = AuditEvent(
            agent.tenant,
            now,
            Action.AGENT_DECLINED,
            agent.person_id,
            waiting.target.person_id,
            trace=trace,
            detail=told,
        )
        answer = AnswerRequest(
            request.request_id, agent.tenant, DeskAnswer.DECLINED, agent.person_id, agent.account_id, now, (event,)
        )
        try:
            self.requests.answer(answer)
        except AlreadyUsed:
            raise DeskRefused(OVER) from None

    def _seen(self, agent: Agent, request: DeskRequest, *, now: datetime) -> WaitingRequest:
        target = self.gate.target(agent, request.person_id, now=now)
        return WaitingRequest(request, target, self._why_not(agent, request, target))

    def _why_not(self, agent: Agent, request: DeskRequest, target: Target) -> str:
        people = self.gate.people
        if self._is_first(agent, request) or people.owner(agent.person_id) in self.gate.family(
            people.owner(request.asked_by)
        ):
            return NOT_YOURS
        if target.same_name:
            return NAMESAKE
        return self.gate.allows_two(agent, ACTS[request.act], target, tuple(Proof))

    def _is_first(self, agent: Agent, request: DeskRequest) -> bool:
        """Whether this is the agent who asked, by whichever account: two of one name are taken for one."""
        name_of = self.gate.colleagues.name_of
        name = words_of(name_of(agent.account_id))
        one_name = bool(name) and name == words_of(name_of(request.asked_account))
        return one_name or agent.account_id == request.asked_account

    def _first_may(self, request: DeskRequest, *, now: datetime) -> bool:
        """Whether the first agent may still ask for this: a post ends, an access is closed, a record is joined."""
        asked_by = self.gate.people.owner(request.asked_by)
        first = absent_agent(self.gate.posts, asked_by, request.asked_account, tenant=request.tenant, now=now)
        target = self.gate.target(first, request.person_id, now=now)
        closed = (
            *self.standings.history(StandingKind.PERSON, asked_by),
            *self.standings.history(StandingKind.LINK, request.asked_account),
        )
        if any(each.is_closure for each in closed):
            return False
        return not self.gate.allows_two(first, ACTS[request.act], target, read_proofs(request.proofs))
