"""How long somebody has to wait after too many guesses at a password, and lifting that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from broker.domain.identity import LinkedAccount, UpstreamProtocol
from broker.domain.ports import Guesses

KeysOf = Callable[[str, Sequence[str], Sequence[str]], tuple[str, ...]]
"""`GuessGate.keys_of`: under which keys guesses at a source's logins and accounts are counted."""
LoginsOf = Callable[[LinkedAccount], tuple[tuple[str, ...], tuple[str, ...]]]
"""The logins that somebody may have typed for an account, and what its source calls it."""

_HERE = frozenset({UpstreamProtocol.LDAP, UpstreamProtocol.OWN})
"""Whose passwords are written on a page of ours, and counted here; other sources count for themselves."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """`until`: no guess before; None where there is no wait. `tries`: guesses counted."""

    tries: int = 0
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Waits:
    """Waits of accounts."""

    guesses: Guesses
    keys_of: KeysOf
    logins_of: LoginsOf

    def of_accounts(self, accounts: Iterable[LinkedAccount], *, now: datetime) -> Waiting:
        """What strangers to the account meet there now: devices that it knows are counted apart."""
        tallies = [each for each in self.guesses.standing(self._keys(accounts)).values() if each.ends_at > now]
        if not tallies:
            return Waiting()
        until = max(each.open_at for each in tallies)
        return Waiting(max(each.tries for each in tallies), until if until > now else None)

    def lift(self, accounts: Iterable[LinkedAccount]) -> None:
        """Forget the guesses at these accounts."""
        self.guesses.forgive(cleared=self._keys(accounts))

    def _keys(self, accounts: Iterable[LinkedAccount]) -> tuple[str, ...]:
        here = [each for each in accounts if each.key.protocol in _HERE]
        return tuple(key for each in here for key in self.keys_of(each.source_id, *self.logins_of(each)))
