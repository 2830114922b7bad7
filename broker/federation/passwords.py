"""Signing in with a password that a source checks: our own page, the count of guesses, then the same way in as ever."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime

from broker.accounts.known_devices import KnownDevice
from broker.domain.errors import GuessesSpent, HashingCrowded, MustWait, PageNotFound, PreauError, UnavailableError
from broker.domain.identity import UpstreamIdentity
from broker.domain.login_faults import Hop, HopKind
from broker.domain.sessions import Device
from broker.federation.entrance import Arrival, Arriving
from broker.federation.guess_gate import Guesser, GuessGate
from broker.federation.interactions import sign_in_path
from broker.federation.journey import Federation
from broker.federation.logins import Interaction, hops_of
from broker.federation.sources import PasswordSource

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a person wrote, for which login in progress, and who they are so far as the browser tells."""

    interaction_handle: str
    source_id: str
    login: str
    password: str = field(repr=False)
    guesser: Guesser
    browser: str
    device: Device
    current: str
    trace: str
    software: str = ""


@dataclass(frozen=True, slots=True)
class Passwords:
    """Logins whose password is written here. A password is neither kept nor logged, and told to its source alone."""

    federation: Federation
    gate: GuessGate

    def interaction(self, interaction_handle: str, source_id: str, *, browser: str) -> Interaction:
        """The login in progress that this source's page is for.

        Raises `LoginExpired`; `PageNotFound` where the source checks no passwords or is not offered for this login;
        `SourceSuspended`.
        """
        self._source(source_id)
        login = self.federation.interactions.find(interaction_handle, browser=browser)
        self.federation.chosen(login, source_id, now=self.federation.clock())
        return login

    def sign_in(self, attempt: Attempt) -> tuple[Arrival, KnownDevice]:
        """Let the source check the password and open the session; the device, as the account knows it from now on.

        Raises `MustWait`, `GuessesSpent`, `CredentialsRefused`, and whatever `interaction` and `Entrance.enter` raise;
        each of the latter tells where to begin again.
        """
        login = self.interaction(attempt.interaction_handle, attempt.source_id, browser=attempt.browser)
        source, now = self._source(attempt.source_id), self.federation.clock()
        arriving = Arriving(
            source=source.description,
            resume=login.request.resume,
            device=attempt.device,
            here=self.federation.live.find(attempt.current, now=now),
            left=self.federation.live.unended(attempt.current),
            trace=attempt.trace,
            now=now,
            software=attempt.software,
            link_to=login.request.link_to,
        )
        try:
            identity, known = self._prove(source, attempt, now=now)
            return self.federation.entrance.enter(arriving, identity), known
        except (MustWait, GuessesSpent, HashingCrowded) as fault:
            fault.hops = hops_of(login, Hop(HopKind.TYPED, now, attempt.source_id))
            # Not in the audit trail: the guesses before it are, and whoever hammers must not fill it.
            fault.restart = sign_in_path(attempt.interaction_handle)
            log.log(fault.level, "guess not looked at: %s trace=%s", fault.code, attempt.trace)
            raise
        except PreauError as fault:
            fault.restart = sign_in_path(attempt.interaction_handle)
            fault.hops = hops_of(login, Hop(HopKind.TYPED, now, attempt.source_id))
            self.federation.entrance.refused(source.description, fault, trace=attempt.trace, now=now)
            raise

    def _prove(
        self, source: PasswordSource, attempt: Attempt, *, now: datetime
    ) -> tuple[UpstreamIdentity, KnownDevice]:
        """Take a place, count the guess, then ask the source; remember whether it answered."""
        upstreams = self.federation.upstreams
        table = upstreams.rules(source.source_id).throttle
        with source.connector.place():
            turn = self.gate.enter(attempt.guesser, source.source_id, attempt.login, table=table, now=now)
            try:
                identity = source.connector.authenticate(
                    login=attempt.login, password=attempt.password, now=now, admit=turn.admit
                )
            except PreauError as fault:
                upstreams.note(source.source_id, fault, now=now)
                if isinstance(fault, UnavailableError):
                    turn.went_unheard()
                raise
        upstreams.note(source.source_id, None, now=now)
        return identity, turn.was_right()

    def _source(self, source_id: str) -> PasswordSource:
        source = self.federation.upstreams.open_source(source_id)
        if not isinstance(source, PasswordSource):
            raise PageNotFound("a source that checks no passwords")
        return source
