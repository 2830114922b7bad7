"""Signing in by a passkey alone, at the source whose secrets are kept here: the device finds whose it is.

A passkey of an agent's account at another source is a second factor there and no way in: this source speaks for its own
accounts only, so that such a key leads to nobody.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from broker.accounts.own_login import identity_of
from broker.accounts.passkeys import HWK, Passkeys
from broker.domain.errors import PreauError
from broker.federation.entrance import Arrival, Arriving
from broker.federation.interactions import sign_in_path
from broker.federation.passwords import Passwords
from broker.federation.ways_in import Caller


@dataclass(frozen=True, slots=True)
class ByPasskey:
    """What a device signed, for which login in progress. `challenge`: what it was asked to sign."""

    interaction_handle: str
    source_id: str
    answer: str = field(repr=False)
    challenge: str
    caller: Caller


@dataclass(frozen=True, slots=True)
class PasskeyLogins:
    """Logins by passkey, through the same entrance as every other."""

    passwords: Passwords
    passkeys: Passkeys

    def sign_in(self, asked: ByPasskey) -> Arrival:
        """Check what was signed and open the session.

        Raises `FactorRefused`, `MustWait`, `GuessesSpent`, and whatever `Passwords.interaction` and `Entrance.enter`
        raise; each tells where to begin again.
        """
        caller, federation = asked.caller, self.passwords.federation
        login = self.passwords.interaction(asked.interaction_handle, asked.source_id, browser=caller.browser)
        now, rules = federation.clock(), federation.upstreams.rules(asked.source_id)
        arriving = Arriving(
            source=federation.upstreams.open_source(asked.source_id).description,
            resume=login.request.resume,
            device=caller.device,
            here=federation.live.find(caller.current, now=now),
            left=federation.live.unended(caller.current),
            trace=caller.trace,
            now=now,
            software=caller.software,
        )
        try:
            turn = self.passwords.gate.enter_network(caller.address, table=rules.throttle, now=now)
            proof = self.passkeys.prove(asked.answer, asked.challenge, now=now)
            identity = identity_of(asked.source_id, self.passkeys.issuer, proof.account_id, now=now)
            shown = replace(identity, authn=replace(identity.authn, amr=(HWK,)), answer=proof.answer)
            arrival = federation.entrance.enter(arriving, shown)
        except PreauError as fault:
            fault.restart = sign_in_path(asked.interaction_handle)
            federation.entrance.refused(arriving.source, fault, trace=caller.trace, now=now)
            raise
        turn.was_right()
        return arrival
