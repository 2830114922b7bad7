"""An agent looks up the number of a page of error: counted, written down, and of nobody outside their schools."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from broker.domain.audit import Action, AuditEvent
from broker.domain.ports import Audit
from broker.helpdesk.agents import Agent
from broker.helpdesk.gate import Gate, Refusal, nobody_at
from broker.helpdesk.login_story import LoginStories, LoginStory
from policies import HelpdeskAct

_NUMBER = re.compile(r"[0-9]{10}")
_GROUPED = re.compile(r"[0-9]{3}-[0-9]{4}-[0-9]{3}")


@dataclass(frozen=True, slots=True)
class Incidents:
    """Tells agents the stories of logins."""

    stories: LoginStories
    gate: Gate
    audit: Audit

    def tell(self, agent: Agent, number: str, *, trace: str, now: datetime) -> LoginStory | None:
        """The story behind a number; None where nothing is kept of it. Raises `DeskRefused`.

        Also of a login of nobody known: then there is nothing in it that is anybody's.
        """
        self.gate.check(agent, HelpdeskAct.SEARCH, nobody_at(agent.scope), trace=trace, now=now)
        story = self.stories.tell(number, now=now)
        told = {"by": "number", "found": str(int(story is not None)), "account": agent.account_id}
        event = AuditEvent(agent.tenant, now, Action.AGENT_SEARCHED, agent.person_id, trace=trace, detail=told)
        self.audit.append((event,))
        if story is not None and story.person_id:
            self._check_scope(agent, story.person_id, trace=trace, now=now)
        return story

    def _check_scope(self, agent: Agent, person_id: str, *, trace: str, now: datetime) -> None:
        target = self.gate.target(agent, person_id, now=now)
        why = self.gate.allows(agent, HelpdeskAct.VIEW, target)
        if why:
            refusal = Refusal(HelpdeskAct.VIEW, why, person_id, outside=not target.schools & agent.scope)
            self.gate.refuse(agent, refusal, trace=trace, now=now)


def read_number(typed: str) -> str:
    """The number of a page of error, as it is written there; empty for anything else."""
    grouped = re.sub(r"[\s.\u00a0\u2011\u2013]", "-", typed.strip())
    if _GROUPED.fullmatch(grouped):
        return grouped
    alone = _NUMBER.fullmatch(grouped)  # ten digits that begin with 0 are a telephone number
    return f"{grouped[:3]}-{grouped[3:7]}-{grouped[7:]}" if alone and not grouped.startswith("0") else ""
