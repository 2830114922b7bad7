"""What waits for a second agent: the list, and one request with what the second agent has to look at themselves."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from flask import Response, request

from broker.domain.errors import DeskRefused, PageNotFound
from broker.helpdesk.acts import ActAsked
from broker.helpdesk.agents import Agent
from broker.helpdesk.pairs import ACTS, WaitingRequest
from broker.helpdesk.proofs import ENOUGH, POINTS, WORDS, Proof
from broker.web import desk_words
from broker.web.desk import carry_out, read_ticked, sheet_path
from broker.web.desk_door import desk_of, require_agent
from broker.web.parts import PageParts
from broker.web.render import page, see_other
from broker.web.visitor import current_visitor

LIST = "/guichet/a-confirmer"


@dataclass(frozen=True, slots=True)
class DeskPairs:
    """The pages /guichet/a-confirmer and /guichet/a-confirmer/<id>."""

    parts: PageParts

    def show(self) -> Response:
        """GET /guichet/a-confirmer: the requests at the agent's schools, their own too."""
        agent = require_agent(self.parts)
        waiting = desk_of(self.parts).pairs.waiting(agent, now=self.parts.clock())
        done = desk_words.ANSWERED.get(request.args.get("fait", ""), "")
        return page(
            "desk_pairs.html", agent=agent, waiting=waiting, done=done, names=self._names(waiting), acts=ACTS,
            desk_words=desk_words, list=LIST,
        )  # fmt: skip

    def ask(self, request_id: str) -> Response:
        """GET /guichet/a-confirmer/<id>: who asks for what, on which proofs; the second agent ticks their own."""
        agent = require_agent(self.parts)
        return self._one(agent, self._waiting(agent, request_id))

    def answer(self, request_id: str) -> Response:
        """POST /guichet/a-confirmer/<id>: do it, or say no."""
        agent = require_agent(self.parts)
        waiting = self._waiting(agent, request_id)
        try:
            if request.form.get("reponse") == "non":
                return self._decline(agent, waiting)
            return self._confirm(agent, waiting)
        except DeskRefused as fault:
            return self._one(agent, waiting, refused=fault.cause, proofs=read_ticked(), status=fault.status)

    def _confirm(self, agent: Agent, waiting: WaitingRequest) -> Response:
        desk, trace, now = desk_of(self.parts), current_visitor().trace, self.parts.clock()
        desk.pairs.check_second(agent, waiting, trace=trace, now=now)
        sheet = desk.sheets.build(agent, waiting.target.person_id, now=now)
        if sheet is None:
            raise PageNotFound("no live record speaks of them")
        asked = ActAsked(
            agent, waiting.target, read_ticked(), waiting.request.reason, sheet.uai, sheet.school, trace, now,
            waiting.request.given, first=waiting.request,
        )  # fmt: skip
        return carry_out(desk, waiting.request.act, asked, sheet.name) or see_other(f"{LIST}?fait=oui")

    def _decline(self, agent: Agent, waiting: WaitingRequest) -> Response:
        reason = request.form.get("refus", "")
        if reason not in desk_words.DECLINED:
            raise DeskRefused(desk_words.NO_REASON)
        desk_of(self.parts).pairs.decline(agent, waiting, reason, trace=current_visitor().trace, now=self.parts.clock())
        return see_other(f"{LIST}?fait=non")

    def _waiting(self, agent: Agent, request_id: str) -> WaitingRequest:
        found = desk_of(self.parts).pairs.find(agent, request_id, now=self.parts.clock())
        if found is None:
            raise PageNotFound("no request waits here under this id")
        return found

    def _names(self, waiting: tuple[WaitingRequest, ...]) -> dict[str, str]:
        every = {one for each in waiting for one in (each.request.person_id, each.request.asked_by)}
        return {one: told.name for one, told in desk_of(self.parts).journals.journal.names(every).items()}

    def _one(
        self, agent: Agent, waiting: WaitingRequest, *, refused: str = "", proofs: frozenset[Proof] = frozenset(),
        status: int = 200,
    ) -> Response:  # fmt: skip
        return page(
            "desk_pair.html", agent=agent, waiting=waiting, refused=refused, proofs=proofs, status=status,
            names=self._names((waiting,)), acts=ACTS, points=POINTS, proof_words=WORDS, enough=ENOUGH,
            seen={each.value: text for each, text in WORDS.items()}, desk_words=desk_words,
            path=f"{LIST}/{quote(waiting.request.request_id)}", sheet=sheet_path(waiting.target.person_id), list=LIST,
        )  # fmt: skip
