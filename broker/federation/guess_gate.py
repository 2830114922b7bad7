"""The gate before a source that checks passwords: a guess is counted before anybody is asked whether it is right.

Counted three times over, each under a keyed digest: by network and by the login as typed, before the source hears of
it; by the account that the source found, before the password is tried there. The second answers honestly how long to
wait, whether or not anybody has such a login. The third stops whoever reaches one account by several names, and must
not say so: that would tell that there is an account. Devices that an account knows count apart at the second and the
third, so that strangers' guesses never make its owner wait there; never at the first, nor at any other account.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from math import ceil

from broker.accounts.known_devices import KnownDevice
from broker.domain.errors import GuessesSpent, MustWait
from broker.domain.guesses import GuessCounter, GuessRule, Wait
from broker.domain.ports import Guesses
from policies import CodeTable, ThrottleTable

_NETWORK_BITS = 64
"""An IPv6 network of one household or school (RFC 6177): whoever has one has every address of it."""
_NOBODY = ""
FAMILY_OPENINGS = GuessRule(most=6, window=timedelta(days=1), free=6)
"""Windows that one parent opens for one child in a day: as many as the desk opens for one person."""
_TOLD_IN_MINUTES = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Guesser:
    """From where a guess comes: the caller's address as the edge saw it, and the device's cookie."""

    address: str
    device: KnownDevice


@dataclass(frozen=True, slots=True)
class Turn:
    """One guess that was counted and let through. `now` is its instant: all its counters go by the same."""

    guesses: Guesses
    gate: GuessGate
    source_id: str
    device: KnownDevice
    network: str
    name: str
    typed: str
    rule: GuessRule
    now: datetime
    claimed: list[str]
    found: list[str]

    def admit(self, account: str) -> bool:
        """Count the guess at the account that the source found; as much work where it found none.

        Apart where the device knows this very account. That it knows the login as typed is not enough: logins are
        folded more coarsely than a directory compares them, and whoever owns one that folds like somebody else's would
        have a fresh count at the other's account with every new cookie.
        """
        account = account or f"nobody {self.typed}"
        found = self.gate.digest("found", self.source_id, account)
        key = self.gate.digest("account", account, self.gate.apart(self.device, found))
        wait = self.guesses.claim((GuessCounter(key, self.rule),), now=self.now, evenly=True)
        self.claimed.append(key)
        self.found.append(found)
        return wait is None

    def was_right(self) -> KnownDevice:
        """Forget the guesses at this login and its account: their owner was here. The device, that knows both now."""
        self.guesses.forgive(cleared=(self.typed, *self.claimed), returned=(self.network,))
        return self.device.remembering(self.gate.key, self.name, *self.found)

    def went_unheard(self) -> None:
        """The source did not answer. An outage must not close a whole school's network; the account's count stays.

        Were that one taken back too, a source that fails in its own way at a wrong password would be guessed at freely.
        """
        self.guesses.forgive(returned=(self.network,))


@dataclass(frozen=True, slots=True)
class CodeTurn:
    """One look at a user code (RFC 8628 §5.1), a second factor or a screen's number, counted and let through."""

    guesses: Guesses
    own: str
    network: str

    def was_right(self) -> None:
        """Take the look back: who opens screen after screen guesses nothing."""
        self.guesses.forgive(returned=(self.own, self.network))


@dataclass(frozen=True, slots=True)
class NetworkTurn:
    """One guess at a code, counted at its network and let through; at the code itself it counts in the codes' rows."""

    guesses: Guesses
    network: str

    def was_right(self) -> None:
        """Take the guess back: a school where thirty parents activate their access at once guesses at nothing."""
        self.guesses.forgive(returned=(self.network,))


@dataclass(frozen=True, slots=True)
class GuessGate:
    """Counts guesses. `key` digests whatever is counted by: the rows name nobody."""

    guesses: Guesses
    key: bytes

    def enter(self, guesser: Guesser, source_id: str, login: str, *, table: ThrottleTable, now: datetime) -> Turn:
        """Count a guess at this login, or refuse to look at it. Raises `MustWait`, `GuessesSpent`."""
        name = self._name(source_id, login)
        typed = self.digest("login", name, self.apart(guesser.device, name))
        network = self.digest("network", network_of(guesser.address))
        counters = (GuessCounter(typed, table.of_account), GuessCounter(network, table.of_network))
        wait = self.guesses.claim(counters, now=now)
        if wait is not None:
            raise _refusal(wait, now=now)
        return Turn(
            self.guesses, self, source_id, guesser.device, network, name, typed, table.of_account, now, [], []
        )  # fmt: skip

    def enter_code(self, person_id: str, address: str, *, table: ThrottleTable, now: datetime) -> CodeTurn:
        """Count a look at a user code by this person, or refuse it. Raises `MustWait`, `GuessesSpent`."""
        return self._enter_own("user code", person_id, address, table=table, now=now)

    def enter_factor(self, account_id: str, address: str, *, table: ThrottleTable, now: datetime) -> CodeTurn:
        """Count a guess at a second factor of this account, or refuse it. Raises `MustWait`, `GuessesSpent`.

        The right one takes back its own guess alone: whoever knows the password guesses no more often because the
        owner comes in each day.
        """
        return self._enter_own("second factor", account_id, address, table=table, now=now)

    def _enter_own(self, what: str, whose: str, address: str, *, table: ThrottleTable, now: datetime) -> CodeTurn:
        own = self.digest(what, whose)
        network = self.digest(f"{what}s", network_of(address))
        counters = (GuessCounter(own, table.of_account), GuessCounter(network, table.of_network))
        wait = self.guesses.claim(counters, now=now)
        if wait is not None:
            raise _refusal(wait, now=now)
        return CodeTurn(self.guesses, own, network)

    def enter_network(self, address: str, *, table: ThrottleTable, now: datetime) -> NetworkTurn:
        """Count a guess at any code from this network, or refuse to look at it. Raises `MustWait`, `GuessesSpent`."""
        network = self.digest("ways in", network_of(address))
        wait = self.guesses.claim((GuessCounter(network, table.of_network),), now=now)
        if wait is not None:
            raise _refusal(wait, now=now)
        return NetworkTurn(self.guesses, network)

    def enter_screen(self, address: str, *, table: ThrottleTable, now: datetime) -> None:
        """Count that a number for a screen is drawn for this network. Raises `MustWait`, `GuessesSpent`."""
        wait = self.guesses.claim((GuessCounter(self._screens(address), table.of_network),), now=now)
        if wait is not None:
            raise _refusal(wait, now=now)

    def came_by_screen(self, address: str) -> None:
        """Take one draw back: a class of thirty, each before a screen, are no flood."""
        self.guesses.forgive(returned=(self._screens(address),))

    def enter_read_out(self, person_id: str, address: str, *, table: ThrottleTable, now: datetime) -> CodeTurn:
        """Count a number that this person typed as read from a screen. Raises `MustWait`, `GuessesSpent`."""
        return self._enter_own("read out", person_id, address, table=table, now=now)

    def enter_opening(self, person_id: str, child_id: str, *, now: datetime) -> None:
        """Count a window that a parent opens for a child. Raises `MustWait`, `GuessesSpent`.

        Never taken back: each lets some birth dates be tried, and who came in by a parent's stolen password alone would
        open one after the other.
        """
        opened = GuessCounter(self.digest("opened for", person_id, child_id), FAMILY_OPENINGS)
        wait = self.guesses.claim((opened,), now=now)
        if wait is not None:
            raise _refusal(wait, now=now)

    def enter_number(self, number: str, address: str, *, codes: CodeTable, table: ThrottleTable, now: datetime) -> None:
        """Count that a code is asked for, for this number and from this network, whether or not anybody has it.

        Raises `MustWait`, `GuessesSpent`.
        """
        network = self.digest("asked for", network_of(address))
        counters = (
            GuessCounter(self.digest("number", number), codes.of_number),
            GuessCounter(network, table.of_network),
        )
        wait = self.guesses.claim(counters, now=now)
        if wait is not None:
            raise _refusal(wait, now=now)

    def keys_of(self, source_id: str, logins: Sequence[str], accounts: Sequence[str]) -> tuple[str, ...]:
        """Under which keys strangers' guesses at these logins and accounts of a source are counted."""
        typed = (self.digest("login", self._name(source_id, login), _NOBODY) for login in logins)
        return (*typed, *(self.digest("account", account, _NOBODY) for account in accounts))

    def apart(self, device: KnownDevice, name: str) -> str:
        """By what a device that knows this login or account is counted apart; all others are counted together."""
        return device.device if device.knows(self.key, name) else _NOBODY

    def digest(self, *parts: str) -> str:
        """What is counted by, as the key of a row."""
        told = "\n".join(parts).encode("utf-8", "surrogatepass")
        return hmac.new(self.key, told, hashlib.sha256).hexdigest()

    def _screens(self, address: str) -> str:
        return self.digest("screens", network_of(address))

    def _name(self, source_id: str, login: str) -> str:
        return self.digest("name", source_id, fold_login(login))


def fold_login(login: str) -> str:
    """A login as directories compare it, or coarser: no case, no accents, no marks, one space (RFC 4518 §2).

    Two people whose logins fold alike wait for each other, which an attacker could cause anyway; one login with several
    foldings would be guessed at several times as often.
    """
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", login).casefold())
    shown = (char for char in plain if unicodedata.category(char)[0] not in {"M", "C"} or char.isspace())
    return " ".join("".join(shown).split())


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """Whom to count together: an IPv4 address, an IPv6 network; the text itself where it is neither."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    if isinstance(known, IPv6Address):
        return str(known.ipv4_mapped or int(known) >> (128 - _NETWORK_BITS))
    return str(known)


def _refusal(wait: Wait, *, now: datetime) -> MustWait | GuessesSpent:
    """How long to wait: in minutes, or until tomorrow where the day's guesses are spent for hours to come."""
    left = wait.until - now
    seconds = max(1, ceil(left.total_seconds()))
    if wait.spent and left > _TOLD_IN_MINUTES:
        return GuessesSpent("guesses spent", retry_after=seconds)
    return MustWait("wait", retry_after=seconds)
