"""The number that an agent types as it was read out to them: which screen it is, before anything is opened.

A number that no screen shows is counted and written in the journal: it is a slip, or somebody who tries them out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from broker.accounts.screens import NO_SCREEN, Screens
from broker.domain.audit import Action, AuditEvent
from broker.domain.ports import Audit
from broker.helpdesk.agents import Agent
from broker.helpdesk.limits import DeskLimits
from policies import HelpdeskAct


@dataclass(frozen=True, slots=True)
class Reading:
    """Who typed a number, and for whom."""

    agent: Agent
    person_id: str
    uai: str
    trace: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Readings:
    """Finds screens by their numbers, for agents."""

    screens: Screens
    limits: DeskLimits
    audit: Audit

    def bound(self, reading: Reading, typed: str, *, window: timedelta) -> tuple[str, str]:
        """What a window is bound to at the screen that shows this number; else nothing, and why."""
        agent, now = reading.agent, reading.now
        why = self.limits.claim_number(agent, trace=reading.trace, now=now)
        if why:
            return "", why
        bound = self.screens.bound_by(typed, window=window, now=now)
        if bound:
            self.limits.number_was_shown(agent)
            return bound, ""
        event = AuditEvent(
            agent.tenant, now, Action.AGENT_REFUSED, agent.person_id, reading.person_id, "refused", reading.trace,
            {"act": HelpdeskAct.OPEN_WINDOW.value, "why": "number", "uai": reading.uai},
        )  # fmt: skip
        self.audit.append((event,))
        return "", NO_SCREEN
