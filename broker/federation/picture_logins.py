"""Signing in by four pictures: the class by its code, the pupil by a first name, then the same gate as passwords."""

from __future__ import annotations

from dataclasses import dataclass, field

from broker.accounts.hashing import Hashing
from broker.accounts.known_devices import read_device
from broker.accounts.own_login import identity_of
from broker.domain.credentials import CredentialKind
from broker.domain.errors import CredentialsRefused, PreauError
from broker.domain.ports import Credentials, YoungClasses
from broker.domain.young import YoungClass, YoungPupil, written
from broker.federation.entrance import Arrival
from broker.federation.guess_gate import Guesser
from broker.federation.ways_in import Caller, WaysIn


@dataclass(frozen=True, slots=True)
class ByPictures:
    """What a pupil chose, and where they were going."""

    pupil: YoungPupil
    pictures: tuple[int, ...] = field(repr=False)
    resume: str
    caller: Caller


@dataclass(frozen=True, slots=True)
class PictureLogins:
    """Logins of the youngest at the source whose secrets are kept here."""

    ways: WaysIn
    classes: YoungClasses
    credentials: Credentials

    def find(self, code: str, caller: Caller) -> tuple[YoungClass, tuple[YoungPupil, ...]] | None:
        """A class and its pupils; None for a code of none, which counts at the network. Raises `MustWait` and its like.

        Only the names of one class are shown for a code, and whoever tries codes soon waits.
        """
        federation = self.ways.federation
        now = federation.clock()
        table = federation.upstreams.rules(self.ways.source_id).throttle
        turn = self.ways.gate.enter_network(caller.address, table=table, now=now)
        found = self.classes.find(code)
        if found is None:
            return None
        turn.was_right()
        return found, self.classes.pupils(found, now=now)

    def sign_in(self, asked: ByPictures) -> Arrival:
        """Count the guess, compare, open the session. Raises `CredentialsRefused`, `MustWait`, `GuessesSpent`.

        One answer after the same work, whether or not the pupil has pictures yet.
        """
        federation, caller = self.ways.federation, asked.caller
        now, source_id = federation.clock(), self.ways.source_id
        table = federation.upstreams.rules(source_id).throttle
        guesser = Guesser(caller.address, read_device(""))
        turn = self.ways.gate.enter(guesser, source_id, f"pictures {asked.pupil.person_id}", table=table, now=now)
        admitted = turn.admit(asked.pupil.account_id)
        kept = self._kept(asked.pupil.account_id) if admitted else ""
        if not self._hashing.verify(kept, written(asked.pictures)) or not kept:
            fault = CredentialsRefused("other pictures, or none yet")
            self._refused(fault, asked)
            raise fault
        turn.was_right()
        identity = identity_of(source_id, self.ways.activation.source.issuer, asked.pupil.account_id, now=now)
        return self.ways.enter(identity, asked.resume, caller)

    def _kept(self, account_id: str) -> str:
        found = self.credentials.of_account(account_id, frozenset({CredentialKind.PICTURES})) if account_id else ()
        return found[0].secret if found else ""

    def _refused(self, fault: PreauError, asked: ByPictures) -> None:
        federation = self.ways.federation
        source = federation.upstreams.open_source(self.ways.source_id).description
        federation.entrance.refused(source, fault, trace=asked.caller.trace, now=federation.clock())

    @property
    def _hashing(self) -> Hashing:
        return self.ways.activation.hashing
