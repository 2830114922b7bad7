"""A search of an agent: let through, counted, written down without what was typed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broker.domain.audit import Action, AuditEvent
from broker.domain.ports import Audit, Search
from broker.domain.search import MOST_ROWS, Hits, read_asked
from broker.helpdesk.agents import Agent
from broker.helpdesk.gate import Gate, nobody_at
from policies import HelpdeskAct


@dataclass(frozen=True, slots=True)
class Finder:
    """Searches within the schools of an agent."""

    search: Search
    gate: Gate
    audit: Audit

    def find(self, agent: Agent, typed: str, *, after: str, trace: str, now: datetime) -> Hits:
        """A page of results. Raises `DeskRefused`."""
        self.gate.check(agent, HelpdeskAct.SEARCH, nobody_at(agent.scope), trace=trace, now=now)
        hits = self.search.find(read_asked(typed), agent.scope, after=after, limit=MOST_ROWS)
        told = {"found": str(len(hits.rows)), "outside": str(hits.outside), "page": "next" if after else "first"}
        told["account"] = agent.account_id
        event = AuditEvent(agent.tenant, now, Action.AGENT_SEARCHED, agent.person_id, trace=trace, detail=told)
        self.audit.append((event,))
        if hits.outside:
            self.gate.limits.strayed(agent, typed.casefold(), trace=trace, now=now)
        return hits
