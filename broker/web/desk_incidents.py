"""The desk's page of one login that did not work, by the number of its page of error."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Response

from broker.domain.errors import DeskRefused
from broker.helpdesk.login_causes import WHO
from broker.web import desk_words
from broker.web.desk_door import desk_of, require_agent
from broker.web.parts import PageParts
from broker.web.render import page
from broker.web.visitor import current_visitor


@dataclass(frozen=True, slots=True)
class DeskIncidents:
    """The page /guichet/incident/<number>."""

    parts: PageParts

    def show(self, number: str) -> Response:
        """GET /guichet/incident/<number>: cause, who can help, every step, the rules that refused."""
        agent, refused, story = require_agent(self.parts), "", None
        status = 200
        try:
            story = desk_of(self.parts).incidents.tell(
                agent, number, trace=current_visitor().trace, now=self.parts.clock()
            )
        except DeskRefused as fault:
            refused, status = fault.cause, fault.status
        return page(
            "desk_incident.html",
            status=status if story or refused else 404,
            agent=agent,
            number=number,
            story=story,
            refused=refused,
            who=WHO,
            services={each.service_id: each.names for each in self.parts.services.current().all()},
            sources=self.parts.sources,
            desk_words=desk_words,
        )
