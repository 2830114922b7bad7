"""A head's page: who helps at the front desk of the school, giving that to a colleague, taking it back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from urllib.parse import urlencode

from flask import Response, request

from broker.domain.errors import DeskRefused, PageNotFound
from broker.helpdesk.agents import Agent
from broker.helpdesk.delegating import DelegationAsked, last_of_year
from broker.web import desk_words
from broker.web.desk import read_day
from broker.web.desk_door import desk_of, require_agent
from broker.web.parts import PageParts
from broker.web.render import page, see_other
from broker.web.visitor import current_visitor

PATH = "/guichet/delegations"


@dataclass(frozen=True, slots=True)
class DeskDelegations:
    """The page /guichet/delegations."""

    parts: PageParts

    def show(self) -> Response:
        """GET /guichet/delegations: a school, who helps there, and whom a name finds among its staff."""
        agent = require_agent(self.parts)
        done = desk_words.DELEGATED.get(request.args.get("fait", ""), "")
        typed = request.args.get("nom", "")
        return self._page(
            agent, request.args.get("ecole", ""), typed, done=done, empty="nom" in request.args and not typed
        )

    def change(self) -> Response:
        """POST /guichet/delegations: give the front desk to somebody, or take it back."""
        agent, uai, act = require_agent(self.parts), request.form.get("ecole", ""), request.form.get("acte", "")
        try:
            if act == "donner":
                self._give(agent, uai)
            elif act == "retirer":
                self._take_back(agent, uai)
            else:
                raise PageNotFound("no such act")
        except DeskRefused as fault:
            return self._page(agent, uai, request.form.get("nom", ""), refused=fault.cause, status=fault.status)
        return see_other(f"{PATH}?{urlencode({'ecole': uai, 'fait': act})}")

    def _give(self, agent: Agent, uai: str) -> None:
        trace, now = current_visitor().trace, self.parts.clock()
        asked = DelegationAsked(uai, request.form.get("compte", ""), read_day(request.form.get("jour", "")), trace, now)
        desk_of(self.parts).delegations.give(agent, asked, self._sources(agent))

    def _take_back(self, agent: Agent, uai: str) -> None:
        trace, now = current_visitor().trace, self.parts.clock()
        desk_of(self.parts).delegations.take_back(agent, uai, request.form.get("poste", ""), trace=trace, now=now)

    def _sources(self, agent: Agent) -> frozenset[str]:
        """The sources of agents of this agent's own tenant."""
        every = self.parts.federation.sources.descriptions()
        return frozenset(each.source_id for each in every if each.desk and each.tenant == agent.tenant)

    def _page(
        self,
        agent: Agent,
        uai: str,
        typed: str,
        *,
        done: str = "",
        refused: str = "",
        status: int = 200,
        empty: bool = False,
    ) -> Response:
        room, now = desk_of(self.parts).delegations, self.parts.clock()
        schools = room.schools(agent)
        chosen = uai if uai in schools else next(iter(schools), "") if len(schools) == 1 else ""
        why = "" if schools else room.why_not(agent, next(iter(agent.covers), ""))
        return page(
            "desk_delegations.html", agent=agent, schools=schools, uai=chosen, why=why, typed=typed.strip(), done=done,
            empty=empty, refused=refused, status=status if schools else 403, desk_words=desk_words,
            today=now.date(), last=last_of_year(now.date()), last_day_of=_last_day,
            standing=room.standing(chosen, now=now) if chosen else (),
            found=room.find(chosen, typed, self._sources(agent), now=now) if chosen else (),
        )  # fmt: skip


def _last_day(until: datetime) -> date:
    return (until - timedelta(seconds=1)).date()
