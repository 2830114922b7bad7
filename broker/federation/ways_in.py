"""Following a code up to a secret, screen by screen, then in by the same entrance as everybody.

What is known between two screens is kept where it may vanish, under a handle bound to one browser; whoever loses it
begins again with the same code. Nothing of it opens anything: the act that sets the secret asks the database.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import asdict, dataclass, replace
from datetime import date
from enum import StrEnum

from broker.accounts.activation import Activation, Proven
from broker.accounts.passphrase import Weakness
from broker.accounts.screens import Screens
from broker.accounts.short_codes import Behind, CodeAsked, ShortCodes
from broker.domain.assurance import Assurance
from broker.domain.credentials import CodeKind
from broker.domain.errors import CodeUsed, LoginExpired, LoginTooWeak, PageNotFound, PreauError, WindowNotOpen
from broker.domain.handles import Handle, digest, is_handle, new_handle
from broker.domain.identity import UpstreamIdentity
from broker.domain.sessions import Device, Session
from broker.federation.entrance import Arrival, Arriving
from broker.federation.guess_gate import GuessGate, NetworkTurn
from broker.federation.journey import Federation
from broker.federation.sources import PasswordSource
from policies import CodeTable, ThrottleTable

START = "/code"
SURE = Assurance.STANDARD
"""What a login has to prove for a secret to be chosen by it: an EduConnect or a FranceConnect, no mere password."""


class WayStage(StrEnum):
    """How far a code was followed up."""

    SENT = "sent"
    """A short code was asked for: the digits are to come."""
    CODE = "code"
    """The code was right: what only the family knows is to come."""
    PROVEN = "proven"
    """Both: the secret is to come."""
    DONE = "done"
    USED = "used"
    """The code was right, and used before: its holder may say that it was not them."""


@dataclass(frozen=True, slots=True)
class WayIn:
    """A code being followed up in one browser (`browser`: the digest of its cookie). `resume`: where it leads after.

    `told`: what the next page says (the end of a number, an identifier, a date).
    """

    browser: str
    resume: str
    stage: WayStage
    code_id: str = ""
    person_id: str = ""
    kind: str = CodeKind.LETTER.value
    told: str = ""

    @property
    def proven(self) -> Proven:
        """Whose code it is, as far as it was followed."""
        return Proven(self.code_id, self.person_id, CodeKind(self.kind))


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose browser asks, so far as it tells: cookies, device, address; which session it holds."""

    browser: str
    device: Device
    current: str
    address: str
    language: str
    trace: str
    software: str = ""


@dataclass(frozen=True, slots=True)
class WaysIn:
    """From codes to sessions. `screens`: numbers that browsers show; `behind` does what must not show in an answer."""

    federation: Federation
    gate: GuessGate
    activation: Activation
    short_codes: ShortCodes
    screens: Screens
    behind: Behind

    @property
    def source_id(self) -> str:
        """The source whose secrets are kept here."""
        return self.activation.source.source_id

    def resume_of(self, interaction_handle: str, caller: Caller) -> str:
        """Where a login in progress leads; the portal where none is. Raises `LoginExpired`, `SourceSuspended`."""
        self._source()
        if not interaction_handle:
            return "/"
        return self.federation.interactions.find(interaction_handle, browser=caller.browser).request.resume

    def by_letter(self, typed: str, resume: str, caller: Caller) -> str:
        """Take the code of a letter; returns the handle of what follows.

        Raises `CodeRefused`, `CodeExpired`, `MustWait`, `GuessesSpent`; a used one leads to `WayStage.USED`.
        """
        now = self.federation.clock()
        turn = self._turn(caller)
        try:
            proven = self.activation.by_letter(typed, now=now, trace=caller.trace)
        except CodeUsed as used:
            turn.was_right()
            way = WayIn(
                digest(caller.browser), resume, WayStage.USED, person_id=used.person_id, told=used.at.isoformat()
            )
            return self._keep(way)
        turn.was_right()
        return self._keep(self._way(WayStage.CODE, proven, resume, caller))

    def by_birth_date(self, handle: str, born: date, caller: Caller) -> None:
        """What only the family knows, after the code. Raises `CodeRefused`, `MustWait`, `GuessesSpent`."""
        way, now = self.at(handle, WayStage.CODE, caller), self.federation.clock()
        turn = self._turn(caller)
        proven = self.activation.by_birth_date(way.proven, born, now=now, trace=caller.trace)
        turn.was_right()
        self._keep(self._way(WayStage.PROVEN, proven, way.resume, caller), handle)

    def number(self, caller: Caller) -> str:
        """The number that this browser shows, drawn where it has none.

        Raises `MustWait`, `GuessesSpent` for a network of too many; `EphemeralUnavailable`.
        """
        now = self.federation.clock()
        kept = self.screens.number(caller.browser, now=now)
        if kept:
            return kept
        self.gate.enter_screen(caller.address, table=self._throttle(), now=now)
        return self.screens.draw(caller.browser, window=self._codes().window_life, now=now)

    def by_window(self, born: date, resume: str, caller: Caller) -> str:
        """Come in by the window that was opened for this browser; returns the handle.

        Raises `WindowNotOpen`, by which nobody was guessed at, and as `by_birth_date` does.
        """
        now, turn = self.federation.clock(), self._turn(caller)
        bound = self.screens.bound_here(caller.browser, now=now)
        try:
            proven = self.activation.by_window(bound, born, now=now, trace=caller.trace)
        except WindowNotOpen:
            turn.was_right()
            raise
        turn.was_right()
        self.gate.came_by_screen(caller.address)
        return self._keep(self._way(WayStage.PROVEN, proven, resume, caller))

    def by_session(self, session: Session, caller: Caller) -> str:
        """A new secret for whoever has just proven themselves surely enough; returns the handle.

        That the proof is fresh the caller has checked. The code is bound to nothing that anybody could write.
        Raises `LoginTooWeak`.
        """
        now, table = self.federation.clock(), self._codes()
        self._source()
        if not self.may_choose(session):
            raise LoginTooWeak("neither by a secret kept here nor by a login that proves enough")
        proven = self.activation.by_session(session.person_id, table, now=now)
        return self._keep(self._way(WayStage.PROVEN, proven, "/moyens", caller))

    def may_choose(self, session: Session) -> bool:
        """Tell whether a session is enough to choose a secret by: opened by the secret itself, or by a sure login.

        A stolen password of an ENT would otherwise become an access of the thief's own, which outlives its change.
        """
        return session.authn.authority == self.source_id or self.federation.assurance(session).reaches(SURE)

    def send(self, number: str, resume: str, caller: Caller) -> str:
        """Have a code sent to a number, if it is one the school knows; the answer is the same if it is not.

        Raises `MustWait`, `GuessesSpent`: so often may a code be asked for, for any number.
        """
        self._source()
        now, handle = self.federation.clock(), new_handle(Handle.WAY_IN)
        self.gate.enter_number(number, caller.address, codes=self._codes(), table=self._throttle(), now=now)
        asked = CodeAsked(number, digest(handle), caller.language, caller.trace, now)
        table = self._codes()
        self.behind.do(lambda: self.short_codes.send(asked, table))
        return self._keep(WayIn(digest(caller.browser), resume, WayStage.SENT, told=number[-2:]), handle)

    def by_digits(self, handle: str, typed: str, born: date, caller: Caller) -> None:
        """The digits that were sent, and what only the family knows. Raises as `by_birth_date` does."""
        way = self.at(handle, WayStage.SENT, caller)
        turn = self._turn(caller)
        now = self.federation.clock()
        proven = self.activation.by_digits(digest(handle), typed, born, now=now, trace=caller.trace)
        turn.was_right()
        self._keep(self._way(WayStage.PROVEN, proven, way.resume, caller), handle)

    def choose(self, handle: str, passphrase: str, caller: Caller) -> Arrival | Weakness:
        """Set the secret and open the session by it. Raises `CodeRefused`, and what an administrator closed."""
        way = self.at(handle, WayStage.PROVEN, caller)
        now = self.federation.clock()
        chosen = self.activation.choose(way.proven, passphrase, now=now, trace=caller.trace)
        if isinstance(chosen, Weakness):
            return chosen
        account, identity = chosen
        self._done(replace(way, told=account.identifier), handle, caller)
        return self.enter(identity, way.resume, caller)

    def choose_pictures(self, handle: str, pictures: tuple[int, ...], caller: Caller) -> Arrival:
        """Set a row of pictures instead of a passphrase, for one of the youngest, and open the session by it.

        Raises `CodeRefused`, also for anybody older, and what an administrator closed.
        """
        way, now = self.at(handle, WayStage.PROVEN, caller), self.federation.clock()
        account, identity = self.activation.choose_pictures(way.proven, pictures, now=now, trace=caller.trace)
        self._done(replace(way, told=account.identifier), handle, caller)
        return self.enter(identity, way.resume, caller)

    def is_young(self, handle: str, caller: Caller) -> bool:
        """Tell whether the person of this way in chooses pictures. Raises `LoginExpired`."""
        person_id = self.at(handle, WayStage.PROVEN, caller).person_id
        return self.activation.is_young(person_id, now=self.federation.clock())

    def at(self, handle: str, stage: WayStage, caller: Caller) -> WayIn:
        """What is known of a code, followed up so far and in this browser. Raises `LoginExpired`."""
        found = self._read(handle)
        same = found is not None and hmac.compare_digest(found.browser, digest(caller.browser))
        if found is None or not same or found.stage is not stage:
            raise LoginExpired("no such way in, in this browser, so far", restart=START)
        return found

    def stage(self, handle: str, caller: Caller) -> WayStage | None:
        """How far a code was followed up in this browser; None where it is unknown here."""
        found = self._read(handle)
        return found.stage if found and hmac.compare_digest(found.browser, digest(caller.browser)) else None

    def enter(self, identity: UpstreamIdentity, resume: str, caller: Caller) -> Arrival:
        """Read who is here after the act: it may have ended the session that this browser held."""
        now, live = self.federation.clock(), self.federation.live
        arriving = Arriving(
            source=self._source().description,
            resume=resume,
            device=caller.device,
            here=live.find(caller.current, now=now),
            left=live.unended(caller.current),
            trace=caller.trace,
            now=now,
            software=caller.software,
        )
        try:
            return self.federation.entrance.enter(arriving, identity)
        except PreauError as fault:
            self.federation.entrance.refused(arriving.source, fault, trace=caller.trace, now=now)
            raise

    def _source(self) -> PasswordSource:
        source = self.federation.upstreams.open_source(self.source_id)
        if not isinstance(source, PasswordSource):
            raise PageNotFound("no source of our own")
        return source

    def _turn(self, caller: Caller) -> NetworkTurn:
        self._source()
        return self.gate.enter_network(caller.address, table=self._throttle(), now=self.federation.clock())

    def _throttle(self) -> ThrottleTable:
        return self.federation.upstreams.rules(self.source_id).throttle

    def _codes(self) -> CodeTable:
        return self.federation.policies.current().installation.codes

    def _way(self, stage: WayStage, proven: Proven, resume: str, caller: Caller) -> WayIn:
        return WayIn(digest(caller.browser), resume, stage, proven.code_id, proven.person_id, proven.kind.value)

    def _done(self, way: WayIn, handle: str, caller: Caller) -> None:
        """The secret is set. A number that this browser showed was for its person: the next one gets another."""
        self._keep(replace(way, stage=WayStage.DONE), handle)
        self.screens.forget(caller.browser)

    def _keep(self, way: WayIn, handle: str = "") -> str:
        handle = handle or new_handle(Handle.WAY_IN)
        seconds = int(self.federation.policies.current().installation.sessions.interaction.total_seconds())
        self.federation.store.put(_key(handle), json.dumps(asdict(way)).encode(), ttl=seconds)
        return handle

    def _read(self, handle: str) -> WayIn | None:
        if not is_handle(Handle.WAY_IN, handle):
            return None
        stored = self.federation.store.get(_key(handle))
        if stored is None:
            return None
        try:
            fields = json.loads(stored)
            return WayIn(**{**fields, "stage": WayStage(fields["stage"])})
        except (ValueError, KeyError, TypeError):
            return None


def _key(handle: str) -> str:
    return f"way-in:{digest(handle)}"
