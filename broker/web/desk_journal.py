"""The journal of the desk: who did what for whom, why, on which proofs; for who looks after it, and read only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import Response, request

from broker.domain.errors import DeskRefused
from broker.helpdesk.journal import JournalPage, Wanted
from broker.helpdesk.proofs import WORDS
from broker.web import desk_words
from broker.web.desk import read_day
from broker.web.desk_door import desk_of, require_agent
from broker.web.parts import PageParts
from broker.web.render import page
from broker.web.visitor import current_visitor

DAYS = 14
"""So many days are offered; older ones by their address."""
_MOST_DIGITS = 18
"""A place in the trail is 64 bits; whatever is longer is none."""
_KEPT = ("agent", "personne", "acte", "jour")


@dataclass(frozen=True, slots=True)
class DeskJournalPage:
    """The page /guichet/journal."""

    parts: PageParts

    def show(self) -> Response:
        """GET /guichet/journal: twenty lines, newest first; of one agent, one person, one act, one day."""
        agent, found, refused, status = require_agent(self.parts), JournalPage(()), "", 200
        wanted, today = self._wanted(), self.parts.clock().astimezone(ZoneInfo(self.parts.time_zone)).date()
        try:
            found = desk_of(self.parts).journals.read(
                agent, wanted, trace=current_visitor().trace, now=self.parts.clock()
            )
        except DeskRefused as fault:
            refused, status = fault.cause, fault.status
        kept = {name: request.args[name] for name in _KEPT if request.args.get(name)}
        return page(
            "desk_journal.html", agent=agent, found=found, refused=refused, status=status, desk_words=desk_words,
            wanted=wanted, proof_words={each.value: text for each, text in WORDS.items()},
            days=[today - timedelta(days=back) for back in range(DAYS)],
            onward=urlencode({**kept, "apres": found.before}) if found.before else "", kept=kept, with_=_with(kept),
        )  # fmt: skip

    def _wanted(self) -> Wanted:
        """What is asked for; of a day that is none, of every day."""
        asked = request.args.get
        acts = {each.value: each for each in desk_words.JOURNAL}
        wanted = Wanted(
            asked("agent", ""), asked("personne", ""), acts.get(asked("acte", "")), before=_number(asked("apres", ""))
        )
        day = read_day(asked("jour", ""))
        if day is None:
            return wanted
        return replace(wanted, since=self._start(day), until=self._start(day + timedelta(days=1)))

    def _start(self, day: date) -> datetime:
        return datetime.combine(day, time(), ZoneInfo(self.parts.time_zone)).astimezone(UTC)


def _with(kept: dict[str, str]) -> Callable[..., str]:
    """The page, narrowed further."""
    return lambda **more: f"/guichet/journal?{urlencode({**kept, **more})}"


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None
