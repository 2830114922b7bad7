"""How much one agent does in an hour, counted in SQL; the alarm for who leafs through schools or families (A-12)."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from broker.domain.audit import Action, AuditEvent
from broker.domain.guesses import GuessCounter, GuessRule
from broker.domain.ports import Audit, Guesses
from broker.helpdesk.agents import Agent
from policies import HelpdeskAct
from policies.explain import N_

HOUR = timedelta(hours=1)
TOO_MANY_TEXTS = N_("Trop de SMS vers ce numéro aujourd'hui. Ouvrez quelques minutes, ou imprimez une lettre.")
TOO_MANY = N_("C'est beaucoup pour une heure. Attendez un peu, ou demandez à un collègue.")
TOO_OFTEN = N_("Cet accès a été ouvert trop souvent aujourd'hui. Attendez demain.")


def _an_hour(most: int) -> GuessRule:
    return GuessRule(most=most, window=HOUR, free=most)


SEARCHES, SHEETS, ACTS = _an_hour(300), _an_hour(120), _an_hour(40)
"""A full morning at a busy desk is far below each; the acts of a teacher are a whole class."""
STRAYS, FAMILIES = _an_hour(5), _an_hour(60)
"""Beyond these somebody is told: accounts outside the scope that were asked for, different sheets that were opened."""
NUMBERS = _an_hour(20)
"""Numbers that no screen shows: a class of small children misreads some, whoever tries them out misses far more."""
ONCE = _an_hour(1)
OPENINGS_A_DAY = GuessRule(most=6, window=timedelta(days=1), free=6)
"""Windows, letters and codes for one person, whichever agent gives them. Each lets some birth dates be tried: an agent
who works for a thief would try all of a school year's in an afternoon."""
OPENING = frozenset({HelpdeskAct.OPEN_WINDOW, HelpdeskAct.LETTER, HelpdeskAct.SMS})
"""Acts by which a secret can be chosen."""
_READ = "numbers"


@dataclass(frozen=True, slots=True)
class DeskLimits:
    """Counts what agents do. `key` digests by whom and what is counted: the rows name nobody."""

    guesses: Guesses
    audit: Audit
    key: bytes

    def claim(self, agent: Agent, act: HelpdeskAct, person_id: str, *, trace: str, now: datetime) -> str:
        """Count an act; why it is refused, empty where it is not."""
        name, rule = _COUNTED.get(act, ("act", ACTS))
        if self._spent(agent, name, rule, now=now):
            self._alarm(agent, f"many_{name}", trace=trace, now=now)
            return TOO_MANY
        if act in OPENING and self._is_beyond(_opened(person_id), OPENINGS_A_DAY, now=now):
            self._alarm(agent, "many_openings", trace=trace, now=now)
            return TOO_OFTEN
        if act is HelpdeskAct.VIEW and not self._spent(agent, f"once {person_id}", ONCE, now=now):
            self._count(agent, "families", FAMILIES, trace=trace, now=now)
        return ""

    def was_not_opened(self, person_id: str) -> None:
        """Take one opening for this person back: no screen shows the number, or no SMS left. No date was tried."""
        self.guesses.forgive(returned=(self._key(_opened(person_id)),))

    def claim_number(self, agent: Agent, *, trace: str, now: datetime) -> str:
        """Count a number that is read from a screen, before it is looked for; why it is refused, empty where not."""
        if not self._spent(agent, _READ, NUMBERS, now=now):
            return ""
        self._alarm(agent, _READ, trace=trace, now=now)
        return TOO_MANY

    def number_was_shown(self, agent: Agent) -> None:
        """Take the count of a number back: a screen shows it."""
        self.guesses.forgive(returned=(self._key(f"{agent.account_id}\n{_READ}"),))

    def claim_text(self, to: str, rule: GuessRule, *, now: datetime) -> str:
        """Count a code that goes to a mobile, whichever agent sends it; why not, empty where it may."""
        return TOO_MANY_TEXTS if self._is_beyond(f"text\n{to}", rule, now=now) else ""

    def strayed(self, agent: Agent, person_id: str, *, trace: str, now: datetime) -> None:
        """Count an account outside the scope that the agent asked for; the same one again is the same slip."""
        if not self._spent(agent, f"stray {person_id}", ONCE, now=now):
            self._count(agent, "strays", STRAYS, trace=trace, now=now)

    def _count(self, agent: Agent, name: str, rule: GuessRule, *, trace: str, now: datetime) -> None:
        if self._spent(agent, name, rule, now=now):
            self._alarm(agent, name, trace=trace, now=now)

    def _spent(self, agent: Agent, name: str, rule: GuessRule, *, now: datetime) -> bool:
        return self._is_beyond(f"{agent.account_id}\n{name}", rule, now=now)

    def _is_beyond(self, what: str, rule: GuessRule, *, now: datetime) -> bool:
        return self.guesses.claim((GuessCounter(self._key(what), rule),), now=now) is not None

    def _key(self, what: str) -> str:
        return hmac.new(self.key, f"desk\n{what}".encode(), hashlib.sha256).hexdigest()

    def _alarm(self, agent: Agent, why: str, *, trace: str, now: datetime) -> None:
        """Once an hour for each cause: whoever looks at alarms has to be able to read them."""
        if self._spent(agent, f"alarm {why}", ONCE, now=now):
            return
        event = AuditEvent(
            agent.tenant, now, Action.AGENT_ALARM, agent.person_id, trace=trace, outcome="alarm",
            detail={"why": why, "account": agent.account_id},
        )  # fmt: skip
        self.audit.append((event,))


_COUNTED = {
    HelpdeskAct.SEARCH: ("searches", SEARCHES),
    HelpdeskAct.VIEW: ("sheets", SHEETS),
    HelpdeskAct.JOURNAL: ("sheets", SHEETS),
    HelpdeskAct.DESK_JOURNAL: ("journals", SHEETS),
}


def _opened(person_id: str) -> str:
    return f"opened\n{person_id}"
