"""Guardianship: dated rights of an adult over a child, and the one rule on who may see a child.

`may_see` here is the readable twin of the SQL condition in `storage.may_see`; a property test holds them equal.
Sources: AAF (link codes and legal levels of `ENTElevePersRelEleve`), Code civil 372-2 (both parents equal by default).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Quality(StrEnum):
    """In what quality an adult stands beside a child (`NIVEAU_RESPONSABILITE`; rank 1 or 2 makes no difference)."""

    LEGAL_GUARDIAN = "legal_guardian"
    IN_CHARGE = "in_charge"
    CONTACT = "contact"


class Right(StrEnum):
    """What services and pages are told: yes or no, never a reason."""

    SEE = "see"
    ACT = "act"


@dataclass(frozen=True, slots=True)
class Guardianship:
    """One dated fact delivered by a feed. `until` is None while it stands; times are aware UTC, `until` excluded.

    `adult_name` is the name key of the adult's record (`names.name_key`: family, given, civility). `given`: from when
    the feed itself gives it; None where that is `since`.
    """

    adult_id: str
    child_id: str
    quality: Quality
    rights: frozenset[Right]
    since: datetime
    until: datetime | None
    adult_name: str = ""
    feed: str = ""
    given: datetime | None = None


@dataclass(frozen=True, slots=True)
class Restriction:
    """A court's restriction on one adult for one child: overrides every guardianship from every source.

    `adult_name` is the name key of the record it was written on, so that it holds when a feed brings the same human
    under a new key, as another person.
    """

    adult_id: str
    child_id: str
    since: datetime
    until: datetime | None
    adult_name: str = ""

    def bars(self, right: Guardianship) -> bool:
        """Tell whether it closes this right: same child, and same adult or same name. A name may close, never open."""
        if self.child_id != right.child_id:
            return False
        return self.adult_id == right.adult_id or (self.adult_name != "" and self.adult_name == right.adult_name)


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A feed gave a right to see and took it back, `at` the day of the delivery that no longer gives it.

    It holds against what other feeds gave no later: they are late, not better informed. What was given after it, or
    affirmed by an administrator, stands. `adult_name` as in `Restriction`.
    """

    adult_id: str
    child_id: str
    feed: str
    at: datetime
    adult_name: str = ""

    def closes(self, right: Guardianship) -> bool:
        """Tell whether it closes this right: another feed's older one, for the same child and adult, or his name."""
        if self.child_id != right.child_id or self.feed == right.feed or (right.given or right.since) > self.at:
            return False
        return self.adult_id == right.adult_id or (self.adult_name != "" and self.adult_name == right.adult_name)


@dataclass(frozen=True, slots=True)
class RightTold:
    """What one feed says of one adult's record beside one child's: for those who must decide which feed is right.

    `given`: from when it counts. `withdrawn`: when the feed took a right back; None while it says what it said.
    """

    adult_record: str
    child_record: str
    feed: str
    quality: str
    may_see: bool
    given: datetime
    withdrawn: datetime | None
    until: datetime | None


def rights_of(quality: Quality, *, in_charge_sees: bool = False) -> frozenset[Right]:
    """Rights that come with a quality; a person in charge sees only where the tenant's policy says so."""
    if quality is Quality.LEGAL_GUARDIAN:
        return frozenset({Right.SEE, Right.ACT})
    if quality is Quality.IN_CHARGE and in_charge_sees:
        return frozenset({Right.SEE})
    return frozenset()


def stands(*, since: datetime, until: datetime | None, now: datetime) -> bool:
    """Tell whether a dated fact holds at `now`: from `since`, and strictly before `until`."""
    return since <= now and (until is None or now < until)


def may_see(
    adult_id: str,
    child_id: str,
    *,
    guardianships: Iterable[Guardianship],
    restrictions: Iterable[Restriction],
    now: datetime,
    withdrawals: Iterable[Withdrawal] = (),
) -> bool:
    """Tell whether this adult may see this child now.

    A standing right to see, barred by no standing restriction, and taken back by no other feed since it was given.
    """
    return any(_opening(adult_id, child_id, guardianships, restrictions, withdrawals, now=now))


def may_act(
    adult_id: str,
    child_id: str,
    *,
    guardianships: Iterable[Guardianship],
    restrictions: Iterable[Restriction],
    now: datetime,
    withdrawals: Iterable[Withdrawal] = (),
) -> bool:
    """Tell whether this adult may act for this child now: one of the rights by which they see is one to act too."""
    opening = _opening(adult_id, child_id, guardianships, restrictions, withdrawals, now=now)
    return any(Right.ACT in right.rights for right in opening)


def _opening(
    adult_id: str,
    child_id: str,
    guardianships: Iterable[Guardianship],
    restrictions: Iterable[Restriction],
    withdrawals: Iterable[Withdrawal],
    *,
    now: datetime,
) -> Iterator[Guardianship]:
    standing = [r for r in restrictions if stands(since=r.since, until=r.until, now=now)]
    taken = [w for w in withdrawals if w.at <= now]
    return (
        g
        for g in guardianships
        if (g.adult_id, g.child_id) == (adult_id, child_id)
        and Right.SEE in g.rights
        and stands(since=g.since, until=g.until, now=now)
        and not any(restriction.bars(g) for restriction in standing)
        and not any(withdrawal.closes(g) for withdrawal in taken)
    )
