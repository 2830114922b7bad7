"""Looking after the signing keys: announce the next one, let it take over, retire what nobody needs, give all up.

`preau work` takes each step when it is due; `preau keys rotate` takes one by hand. Every step is one act
(`ChangeKeys`): a process that is killed in between leaves exactly one key that signs, and every token verifiable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from broker.domain.audit import Action, AuditEvent
from broker.domain.keys import (
    ChangeKeys,
    KeyMove,
    KeyPurpose,
    KeyState,
    KeyTimes,
    StoredKey,
    is_due,
    is_over,
    key_in,
    may_sign_from,
)
from broker.protocol.oidc.signing import KeyVault

_SAYS = {
    KeyState.ACTIVE: Action.KEY_ACTIVATED,
    KeyState.RETIRING: Action.KEY_RETIRING,
    KeyState.RETIRED: Action.KEY_RETIRED,
}
EMERGENCY = "emergency"


@dataclass(frozen=True, slots=True)
class KeyGroup:
    """The keys of one purpose and algorithm that are not retired. `active` signs, `following` is announced."""

    purpose: KeyPurpose
    alg: str
    keys: tuple[StoredKey, ...]

    @property
    def active(self) -> StoredKey | None:
        """The key that signs; there is none only before the first start with this algorithm."""
        return key_in(self.keys, KeyState.ACTIVE)

    @property
    def following(self) -> StoredKey | None:
        """The key that is announced."""
        return key_in(self.keys, KeyState.NEXT)


@dataclass(frozen=True, slots=True)
class KeyCare:
    """Takes steps, in the name of `actor`. `times` are asked anew each time; `by_schedule`: keys take over by them."""

    vault: KeyVault
    times: Callable[[], KeyTimes]
    by_schedule: bool = True
    actor: str = "preau"
    saml_times: Callable[[], KeyTimes] | None = None

    def groups(self) -> tuple[KeyGroup, ...]:
        """Every purpose and algorithm there are keys of."""
        keys = sorted(self.vault.keys.published(), key=_sort)
        return tuple(KeyGroup(*sort, tuple(found)) for sort, found in groupby(keys, key=_sort))

    def tend(self, now: datetime) -> int:
        """Take every step that is due; returns how many were taken. What another process took meanwhile counts not."""
        return sum(self.vault.keys.change(act) for group in self.groups() for act in self._due(group, now))

    def announce(self, now: datetime) -> int:
        """Make the next key of every group that has none; returns how many."""
        bare = (group for group in self.groups() if group.following is None)
        return sum(self.vault.keys.change(self._announcement(group, now)) for group in bare)

    def times_of(self, purpose: KeyPurpose) -> KeyTimes:
        """How long keys of a purpose are in each state: readers of SAML metadata keep it for weeks (security S-47)."""
        return self.saml_times() if self.saml_times and purpose is KeyPurpose.SAML_SIGNING else self.times()

    def ready_from(self, group: KeyGroup) -> datetime | None:
        """From when the announced key may sign; None while none is announced."""
        return may_sign_from(group.following, self.times_of(group.purpose)) if group.following else None

    def rotate(self, group: KeyGroup, *, now: datetime) -> bool:
        """Let the announced key sign from now on, and announce another.

        False when it may not yet, or another process was first. What it takes over from stays published: tokens
        that it signed are good until they run out by themselves.
        """
        ready = self.ready_from(group)
        return ready is not None and ready <= now and self.vault.keys.change(self._takeover(group, now))

    def give_up(self, group: KeyGroup, *, now: datetime) -> bool:
        """Sign with a key made this moment, and retire all others at once: for keys that somebody else may hold.

        The announced key rested beside the others, so it goes too. Nothing that they signed is believed any more; who
        keeps the published keys has to fetch them anew.
        """
        moves = tuple(KeyMove(key.kid, key.state, KeyState.RETIRED) for key in group.keys)
        fresh = tuple(
            self.vault.make(group.purpose, group.alg, state, now=now) for state in (KeyState.ACTIVE, KeyState.NEXT)
        )
        events = [self._tells(Action.KEY_RETIRED, key, now, why=EMERGENCY) for key in group.keys]
        events += [self._tells(Action.KEY_CREATED, key, now, why=EMERGENCY, state=key.state) for key in fresh]
        return self.vault.keys.change(ChangeKeys(now, tuple(events), moves, fresh))

    def _due(self, group: KeyGroup, now: datetime) -> Iterator[ChangeKeys]:
        times = self.times_of(group.purpose)
        if group.following is None:
            yield self._announcement(group, now)
        elif self.by_schedule and group.active and is_due(group.active, group.following, times, now=now):
            yield self._takeover(group, now)
        for key in group.keys:
            if is_over(key, times, now=now):
                yield self._moved([(key, KeyState.RETIRED)], now)

    def _announcement(self, group: KeyGroup, now: datetime) -> ChangeKeys:
        return self._moved([], now, self.vault.make(group.purpose, group.alg, KeyState.NEXT, now=now))

    def _takeover(self, group: KeyGroup, now: datetime) -> ChangeKeys:
        steps = [(group.active, KeyState.RETIRING), (group.following, KeyState.ACTIVE)]
        fresh = self.vault.make(group.purpose, group.alg, KeyState.NEXT, now=now)
        return self._moved([(key, state) for key, state in steps if key], now, fresh)

    def _moved(self, steps: Sequence[tuple[StoredKey, KeyState]], now: datetime, *added: StoredKey) -> ChangeKeys:
        events = [self._tells(_SAYS[state], key, now) for key, state in steps]
        events += [self._tells(Action.KEY_CREATED, key, now, state=key.state) for key in added]
        moves = tuple(KeyMove(key.kid, key.state, state) for key, state in steps)
        return ChangeKeys(now, tuple(events), moves, added)

    def _tells(self, action: Action, key: StoredKey, now: datetime, **more: str) -> AuditEvent:
        return self.vault.tells(action, key, now=now, actor=self.actor, **more)


def _sort(key: StoredKey) -> tuple[KeyPurpose, str]:
    return key.purpose, key.alg
