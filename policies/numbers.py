"""The numbers and tables of the policies, read from TOML into frozen values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

from broker.domain.guesses import GuessRule
from broker.domain.keys import KeyTimes
from policies.facts import Assurance

_DURATION = re.compile(r"(\d{1,6}) ?(s|min|h|d)")
T = TypeVar("T")
_UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True)
class Between:
    """Bounds of a field, as its file would write them, both allowed: no tenant's file sets a guard rail aside."""

    least: str | float
    most: str | float


@dataclass(frozen=True, slots=True)
class Read:
    """How a field that is no plain number is read; what it raises is `Misshapen` or `Faulty`."""

    value: Callable[[object], Any]


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long things live (`sessions.toml`), each within bounds that loading checks."""

    shared_idle: Annotated[timedelta, Between("1 min", "60 min")]
    shared_absolute: Annotated[timedelta, Between("10 min", "24 h")]
    pupil_absolute: Annotated[timedelta, Between("10 min", "24 h")]
    own_absolute: Annotated[timedelta, Between("1 h", "90 d")]
    staff_idle: Annotated[timedelta, Between("1 min", "30 min")]
    staff_absolute: Annotated[timedelta, Between("10 min", "12 h")]
    interaction: Annotated[timedelta, Between("1 min", "60 min")]
    step_up: Annotated[timedelta, Between("30 s", "15 min")]
    code: Annotated[timedelta, Between("5 s", "60 s")]
    ticket: Annotated[timedelta, Between("5 s", "300 s")]
    pushed: Annotated[timedelta, Between("5 s", "600 s")]
    device_code: Annotated[timedelta, Between("1 min", "15 min")]
    access_token: Annotated[timedelta, Between("30 s", "15 min")]
    id_token: Annotated[timedelta, Between("30 s", "15 min")]
    logout_token: Annotated[timedelta, Between("10 s", "2 min")]
    logout_tries: Annotated[timedelta, Between("1 h", "7 d")]
    refresh_family_idle: Annotated[timedelta, Between("1 min", "7 d")]
    refresh_family_absolute: Annotated[timedelta, Between("1 h", "90 d")]
    refresh_staff_idle: Annotated[timedelta, Between("1 min", "24 h")]
    refresh_staff_absolute: Annotated[timedelta, Between("1 h", "90 d")]
    copy: Annotated[timedelta, Between("1 s", "30 s")]


@dataclass(frozen=True, slots=True)
class LinkingRules:
    """Links, guardianship quality and imports (`linking.toml`), each number within bounds that loading checks."""

    undo_by_person: Annotated[timedelta, Between("1 d", "365 d")]
    undo_by_academie: Annotated[timedelta, Between("1 d", "365 d")]
    idle_most: Annotated[timedelta, Between("30 d", "730 d")]
    in_charge_sees: bool
    mass_change_percent: Annotated[float, Between(0, 50)]
    mass_change_window: Annotated[timedelta, Between("1 h", "30 d")]
    mass_change_few: Annotated[float, Between(1, 100)]
    propose_from: Annotated[float, Between(0.5, 1)]


@dataclass(frozen=True, slots=True)
class AssuranceTable:
    """What a source's own words about a login are worth here (`assurance.toml`)."""

    silent: Assurance
    outage_failures: Annotated[float, Between(2, 100)]
    outage_after: Annotated[timedelta, Between("30 s", "60 min")]
    outage_longest: Annotated[timedelta, Between("1 h", "7 d")]
    acr: Mapping[str, Assurance]

    def level(self, acr: str) -> Assurance:
        """Level of an `acr`; a word of ours is itself, an unknown or empty one counts as silence (OIDC Core §2)."""
        return Assurance(acr) if acr in set(Assurance) else self.acr.get(acr, self.silent)


@dataclass(frozen=True, slots=True)
class ThrottleTable:
    """How guesses at a password are slowed down (`throttle.toml`); NIST SP 800-63B allows 100 failures in a row.

    The first `free` come without waiting, after each further one the next wait has to pass, the last again and again.
    """

    free: Annotated[float, Between(1, 10)]
    wait_1: Annotated[timedelta, Between("10 s", "60 min")]
    wait_2: Annotated[timedelta, Between("10 s", "60 min")]
    wait_3: Annotated[timedelta, Between("10 s", "60 min")]
    wait_4: Annotated[timedelta, Between("10 s", "60 min")]
    wait_5: Annotated[timedelta, Between("10 s", "60 min")]
    most_a_day: Annotated[float, Between(5, 100)]
    most_of_network: Annotated[float, Between(20, 10000)]
    network_window: Annotated[timedelta, Between("5 min", "24 h")]

    @property
    def of_account(self) -> GuessRule:
        """The rule of one account, for each device that it knows and for all others together."""
        waits = (self.wait_1, self.wait_2, self.wait_3, self.wait_4, self.wait_5)
        return GuessRule(int(self.most_a_day), timedelta(days=1), int(self.free), waits)

    @property
    def of_network(self) -> GuessRule:
        """The rule of one network, whatever accounts are guessed at from there."""
        return GuessRule(int(self.most_of_network), self.network_window, int(self.most_of_network))


@dataclass(frozen=True, slots=True)
class CodeTable:
    """How long codes live that lead to a secret of one's own, and how often each may be guessed at (`codes.toml`)."""

    letter_life: Annotated[timedelta, Between("1 d", "90 d")]
    letter_tries: Annotated[float, Between(3, 5)]
    short_life: Annotated[timedelta, Between("2 min", "10 min")]
    short_tries: Annotated[float, Between(3, 5)]
    short_sends_a_day: Annotated[float, Between(1, 10)]
    sms_life: Annotated[timedelta, Between("10 min", "1 h")]
    window_life: Annotated[timedelta, Between("5 min", "30 min")]
    window_tries: Annotated[float, Between(1, 3)]
    request_life: Annotated[timedelta, Between("10 min", "2 h")]
    contact_hold: Annotated[timedelta, Between("72 h", "30 d")]
    notices_a_day: Annotated[float, Between(5, 50)]

    @property
    def of_number(self) -> GuessRule:
        """The rule of codes sent to one number or address, whoever asks for them."""
        return GuessRule(int(self.short_sends_a_day), timedelta(days=1), int(self.short_sends_a_day))


@dataclass(frozen=True, slots=True)
class KeyTable:
    """How long a signing key is in each state (`keys.toml`); whoever fetches them may keep published keys for 5 min."""

    announced: Annotated[timedelta, Between("1 h", "30 d")]
    active: Annotated[timedelta, Between("1 d", "730 d")]
    retiring: Annotated[timedelta, Between("1 d", "180 d")]
    saml_announced: Annotated[timedelta, Between("1 d", "90 d")]
    saml_active: Annotated[timedelta, Between("30 d", "1825 d")]
    saml_retiring: Annotated[timedelta, Between("1 d", "180 d")]

    @property
    def saml_times(self) -> KeyTimes:
        """The same for the keys that sign as SAML identity provider."""
        return KeyTimes(self.saml_announced, self.saml_active, self.saml_retiring)

    @property
    def times(self) -> KeyTimes:
        """The numbers as those who look after keys use them."""
        return KeyTimes(self.announced, self.active, self.retiring)


class Misshapen(ValueError):
    """A value has not the shape its key wants; the text says which."""


@dataclass(frozen=True, slots=True)
class TableFault:
    """A key of a table that cannot be used, and why."""

    key: str
    reason: str


class Faulty(Misshapen):
    """A table within a table has faults of its own; their keys are dotted paths from that table on."""

    def __init__(self, faults: Iterable[TableFault]) -> None:
        super().__init__("faulty")
        self.faults = tuple(faults)


def read_table(kind: type[T], table: Mapping[str, Any]) -> T | tuple[TableFault, ...]:
    """Build `kind` from a TOML table, or tell every fault: unknown and missing keys, values out of shape or bounds."""
    values, faults = read_part(kind, table)
    faults += (TableFault(field.name, "missing key") for field in fields(kind) if field.name not in table)  # type: ignore[arg-type]
    return tuple(faults) if faults else _consistent(kind(**values))


def _consistent(table: T) -> T | tuple[TableFault, ...]:
    """The table itself, unless two of its numbers contradict each other."""
    if isinstance(table, LinkingRules) and table.undo_by_academie < table.undo_by_person:
        return (TableFault("undo_by_academie", "undo_by_person or longer is wanted: what it needs would be erased"),)
    return table


def read_part(kind: type[Any], table: Mapping[str, Any]) -> tuple[dict[str, Any], list[TableFault]]:
    """The fields of `kind` that a TOML table gives, and every fault among them; missing ones are none."""
    hints = get_type_hints(kind, include_extras=True)
    names = [field.name for field in fields(kind)]
    faults = [TableFault(key, "unknown key") for key in table if key not in names]
    values: dict[str, Any] = {}
    for name in (name for name in names if name in table):
        try:
            values[name] = _read(table[name], hints[name])
        except Faulty as fault:
            faults += (TableFault(f"{name}.{each.key}", each.reason) for each in fault.faults)
        except Misshapen as fault:
            faults.append(TableFault(name, fault.args[0]))
    return values, faults


def _read(value: object, hint: Any) -> Any:
    """Read a value as its field wants it, within the field's bounds where it has some."""
    if hint in _READERS:
        return _READERS[hint](value)
    shape, bounds = get_args(hint)
    if isinstance(bounds, Read):
        return bounds.value(value)
    read = _READERS[shape]
    found = read(value)
    if not read(bounds.least) <= found <= read(bounds.most):
        raise Misshapen(f"from {bounds.least} to {bounds.most} is wanted")
    return found


def _duration(value: object) -> timedelta:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match[1]) == 0:
        raise Misshapen('a duration is wanted, as "20 s", "20 min", "12 h" or "30 d"')
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise Misshapen("true or false is wanted")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise Misshapen("a number of zero or more is wanted")
    return float(value)


def _assurance(value: object) -> Assurance:
    if value not in tuple(Assurance):
        raise Misshapen("one of " + ", ".join(Assurance) + " is wanted")
    return Assurance(str(value))


def _acr_table(value: object) -> Mapping[str, Assurance]:
    if not isinstance(value, dict):
        raise Misshapen("a table of acr values is wanted")
    found, faults = {}, []
    for word, level in value.items():
        if not word or word in set(Assurance):
            faults.append(TableFault(word, "is never read: a level's own name is itself, and silence is `silent`"))
            continue
        try:
            found[word] = _assurance(level)
        except Misshapen as fault:
            faults.append(TableFault(word, fault.args[0]))
    if faults:
        raise Faulty(faults)
    return found


_READERS: Mapping[Any, Callable[[object], Any]] = {
    timedelta: _duration,
    bool: _boolean,
    float: _number,
    Assurance: _assurance,
    Mapping[str, Assurance]: _acr_table,
}
