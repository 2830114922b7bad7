"""Whom to believe when feeds disagree (`trust.toml`), read into values of `domain.trust`."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from broker.domain.trust import Disputed, Orders
from policies.numbers import Faulty, Misshapen, Read, TableFault

KINDS = ("aaf", "ldap", "siecle", "onde", "csv")
"""Kinds of feeds, each of which stands in every order: a feed that is forgotten would be believed by accident."""
_LONGEST = 64
_EARLIEST, _LATEST = date(2020, 1, 1), date(2099, 12, 31)
_FEED = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")


def _orders(value: object) -> Orders:
    """Days and the orders that begin on them. Raises `Faulty`, `Misshapen`."""
    if not isinstance(value, dict) or not value:
        raise Misshapen('orders by the day on which they begin are wanted, as 2026-01-01 = ["aaf", …]')
    found: dict[date, tuple[str, ...]] = {}
    faults = []
    for key, words in value.items():
        try:
            found[_day(key)] = _order(words)
        except Misshapen as fault:
            faults.append(TableFault(key, fault.args[0]))
    if faults:
        raise Faulty(faults)
    return found


def _day(key: str) -> date:
    try:
        day = date.fromisoformat(key)
    except ValueError:
        raise Misshapen("a day is wanted, as 2026-09-01") from None
    if not _EARLIEST <= day <= _LATEST:
        raise Misshapen(f"from {_EARLIEST} to {_LATEST} is wanted")
    return day


def _order(words: object) -> tuple[str, ...]:
    if not isinstance(words, list) or not all(isinstance(word, str) and _FEED.fullmatch(word) for word in words):
        raise Misshapen("a list of kinds of feeds, or ids of feeds, is wanted")
    if missing := [kind for kind in KINDS if kind not in words]:
        raise Misshapen(f"{', '.join(missing)} is missing: every kind of feed has its place")
    if twice := [word for word, times in Counter(words).items() if times > 1]:
        raise Misshapen(f"{', '.join(twice)} stands here twice")
    if len(words) > _LONGEST:
        raise Misshapen(f"at most {_LONGEST} words are wanted")
    return tuple(words)


_Dated = Annotated[Orders, Read(_orders)]


@dataclass(frozen=True, slots=True)
class TrustOrders:
    """`trust.toml`, by the names of `domain.trust.Disputed`, each with its orders by the day they begin."""

    name: _Dated
    birth_date: _Dated
    contacts: _Dated
    school_class: _Dated

    def of(self, attribute: Disputed) -> Orders:
        """The orders of one attribute."""
        found: Orders = getattr(self, attribute.value)
        return found
