"""The journal of a desk, for who looks after it: read only, within their schools, each reading audited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from broker.domain.audit import Action, AuditEvent
from broker.domain.desk_journal import JournalAsked, JournalEntry, NamedPerson
from broker.domain.ports import Audit, DeskJournal
from broker.helpdesk.agents import Agent
from broker.helpdesk.gate import Gate, Target, nobody_at
from policies import HelpdeskAct

PAGE = 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a reader wants to see: of one agent, one person, one act, one day. Empty: of all."""

    actor: str = ""
    person_id: str = ""
    action: Action | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None


@dataclass(frozen=True, slots=True)
class JournalLine:
    """One act as the page tells it. `agent` None: an administrator's command, or a source's word, and no person.

    `person` None: the act was about nobody, or nobody whom the reader may know. `first`: who
    had asked for it, of two agents.
    """

    event: AuditEvent
    agent: NamedPerson | None
    person: NamedPerson | None
    first: NamedPerson | None = None


@dataclass(frozen=True, slots=True)
class JournalPage:
    """Lines, newest first. `before`: where the next page begins; None: this is the last."""

    lines: tuple[JournalLine, ...]
    before: int | None = None


@dataclass(frozen=True, slots=True)
class Journals:
    """Reads journals."""

    journal: DeskJournal
    gate: Gate
    audit: Audit

    def why_not(self, agent: Agent) -> str:
        """Why the agent does not read the journal; empty: they do."""
        return self.gate.allows(agent, HelpdeskAct.DESK_JOURNAL, nobody_at(self._readable(agent) or agent.scope))

    def read(self, agent: Agent, wanted: Wanted, *, trace: str, now: datetime) -> JournalPage:
        """A page of it. Raises `DeskRefused`."""
        uais = self._readable(agent)
        self.gate.check(agent, HelpdeskAct.DESK_JOURNAL, nobody_at(uais or agent.scope), trace=trace, now=now)
        found = self.journal.read(self._asked(agent, uais, wanted))
        shown = found[:PAGE]
        told = {"found": str(len(shown)), "page": "next" if wanted.before else "first", "account": agent.account_id}
        told |= {"uai": min(uais)} if len(uais) == 1 else {}
        about = wanted.person_id if shown else ""  # an id of nobody here is not named by having been asked for
        event = AuditEvent(agent.tenant, now, Action.JOURNAL_READ, agent.person_id, about, trace=trace, detail=told)
        self.audit.append((event,))
        return JournalPage(self._lines(uais, shown), shown[-1].entry_id if len(found) > PAGE else None)

    def _readable(self, agent: Agent) -> frozenset[str]:
        """The schools where the agent's post there lets them read: who is at the front desk of another reads not it."""
        act = HelpdeskAct.DESK_JOURNAL
        return frozenset(uai for uai in agent.covers if not self.gate.allows(agent, act, nobody_at({uai})))

    def _asked(self, agent: Agent, uais: frozenset[str], wanted: Wanted) -> JournalAsked:
        academies = frozenset({each.post.academie for each in agent.posts if each.post.academie})
        return JournalAsked(
            agent.tenant, uais, academies, self._hidden(agent, uais), wanted.actor, wanted.person_id, wanted.action,
            wanted.since, wanted.until, wanted.before, limit=PAGE + 1,
        )  # fmt: skip

    def _hidden(self, agent: Agent, uais: frozenset[str]) -> frozenset[str]:
        """The reader's own family, where the rules hide it: an auditor only reads."""
        own = Target("", uais, is_staff=False, own_family=True)
        hides = self.gate.allows(agent, HelpdeskAct.DESK_JOURNAL, own)
        return self.gate.family(agent.person_id) if hides else frozenset()

    def _lines(self, uais: frozenset[str], entries: tuple[JournalEntry, ...]) -> tuple[JournalLine, ...]:
        events = [each.event for each in entries]
        told = {one for each in events for one in (each.actor, each.subject, _first(each)) if one}
        named = self.journal.names(told)
        return tuple(_line(each, uais, named) for each in events)


def _line(event: AuditEvent, uais: frozenset[str], named: Mapping[str, NamedPerson]) -> JournalLine:
    first = _of(_first(event), named) if _first(event) else None
    return JournalLine(event, named.get(event.actor), _about(event, uais, named), first)


def _first(event: AuditEvent) -> str:
    return event.detail.get("asked_by", "")


def _about(event: AuditEvent, uais: frozenset[str], named: Mapping[str, NamedPerson]) -> NamedPerson | None:
    """Whom an act was about, where it was done for a school of the reader's."""
    inside = event.detail.get("uai", "") in uais
    return _of(event.subject, named) if event.subject and inside else None


def _of(one: str, named: Mapping[str, NamedPerson]) -> NamedPerson:
    return named.get(one, NamedPerson(one))
