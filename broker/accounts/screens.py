"""Numbers on screens: six digits by which whoever helps says for which browser a window is opened.

A number is no secret and opens nothing: it ties a window to the one browser that shows it, and what only the family
knows is still asked there. It is drawn here, never taken from a request, and belongs to a browser's `__Host-` cookie:
no page or neighbour can plant one in somebody else's browser, and with that cookie it goes (sign-out). What a window is
bound to names the browser too, so that another one which is given the same digits after the store was emptied finds
nothing. Whoever draws many numbers (bounded by network) may be met by a slip of an agent's typing, and then has a
window for somebody they do not know. Nobody but those who may open windows can ask whether a number is shown.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta

from broker.domain.credentials import Code, CodeKind, new_digits, read_digits
from broker.domain.errors import EphemeralUnavailable
from broker.domain.handles import Id, digest, new_id
from broker.domain.ports import EphemeralStore
from policies import CodeTable
from policies.explain import N_

NO_SCREEN = N_("Aucun écran ne montre ce numéro. Faites-le relire.")
TAKEN = N_("Ce numéro sert déjà à une autre personne. Faites-en montrer un autre.")

_SPARE = timedelta(minutes=20)
"""Longer than a window: first the number is read out, then the helper sees who is there, then the window opens."""
_DRAWS = 8
"""With a tenth of all numbers in use, eight draws in a row fail once in a hundred million times."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a browser shows. Instants in seconds: windows are opened by it before `asked_until`, it shows to `until`."""

    number: str
    asked_until: float
    until: float


@dataclass(frozen=True, slots=True)
class Screens:
    """Which browser shows which number. `browser`: its cookie; only its digest is kept. Losing all of it: new numbers.

    A number counts where both rows agree: the number's, which was put for the browser that claimed it, and the
    browser's, which holds the last that it was given (two tabs may ask at once).
    """

    store: EphemeralStore

    def number(self, browser: str, *, now: datetime) -> str:
        """The number that this browser shows; empty: none, or one that nobody may open a window by any more."""
        shown = self._shown(digest(browser))
        return shown.number if shown and now.timestamp() < shown.until else ""

    def draw(self, browser: str, *, window: timedelta, now: datetime) -> str:
        """A new number for this browser, which no other shows. Raises `EphemeralUnavailable` where none is to be had.

        Claimed for longer than it can be shown: also one that was given up is not drawn again so soon.
        """
        asked_until = now + window + _SPARE
        seconds = int((asked_until + window - now).total_seconds())
        for _ in range(_DRAWS):
            number = new_digits()
            if self.store.claim_once(f"screen:{number}", ttl=seconds):
                shown = Shown(number, asked_until.timestamp(), asked_until.timestamp())
                self.store.put(_by_number(number), digest(browser).encode(), ttl=seconds)
                self._keep(digest(browser), shown, seconds)
                return number
        raise EphemeralUnavailable("no number is free")

    def bound_here(self, browser: str, *, now: datetime) -> str:
        """What a window for this browser is bound to; empty: it shows no number."""
        number = self.number(browser, now=now)
        return bound_to(number, digest(browser)) if number else ""

    def bound_by(self, typed: str, *, window: timedelta, now: datetime) -> str:
        """What a window is bound to that is opened by this number; empty: no screen shows it now.

        The browser keeps showing it for as long as the window may be open.
        """
        number = read_digits(typed)
        kept = self.store.get(_by_number(number)) if number else None
        browser = kept.decode() if kept else ""
        shown = self._shown(browser) if browser else None
        if shown is None or shown.number != number or now.timestamp() >= shown.asked_until:
            return ""
        until = max(shown.until, (now + window).timestamp())
        seconds = int((datetime.fromtimestamp(shown.asked_until, UTC) + window - now).total_seconds())
        self._keep(browser, replace(shown, until=until), seconds)
        return bound_to(number, browser)

    def forget(self, browser: str) -> None:
        """Have this browser show no number any more: the next person at it gets one of their own."""
        shown = self._shown(digest(browser))
        self.store.drop([_by_browser(digest(browser)), *([_by_number(shown.number)] if shown else [])])

    def _shown(self, browser: str) -> Shown | None:
        stored = self.store.get(_by_browser(browser))
        try:
            return Shown(**json.loads(stored)) if stored else None
        except (ValueError, TypeError):
            return None

    def _keep(self, browser: str, shown: Shown, seconds: int) -> None:
        self.store.put(_by_browser(browser), json.dumps(asdict(shown)).encode(), ttl=max(1, seconds))


def bound_to(number: str, browser: str) -> str:
    """What a window is bound to at a browser (by digest) that shows a number: both, so that neither alone finds it."""
    return digest(f"screen {number} {browser}")


def window_for(person_id: str, uai: str, bound: str, table: CodeTable, *, now: datetime) -> Code:
    """A window at the screen that `bound` names, not yet opened."""
    return Code(
        code_id=new_id(Id.CODE),
        kind=CodeKind.WINDOW,
        person_id=person_id,
        secret="",
        uai=uai,
        issued_at=now,
        expires_at=now + table.window_life,
        tries=0,
        most_tries=int(table.window_tries),
        bound=bound,
    )


def _by_number(number: str) -> str:
    return f"screen-number:{number}"


def _by_browser(browser: str) -> str:
    return f"screen-browser:{browser}"
