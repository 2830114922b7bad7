"""What was released: the answer before any protocol writes it, and the line of it in the ledger.

The claims are `ClaimName`s: what that list does not hold (the INE, another adult's contact, a family reason) cannot
be put into a release by any descriptor, tenant or rule.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from broker.domain.services import ClaimName

Value = str | bool | Mapping[str, object]
"""A text; for protocols that can say it also true or false, and the fields of a child or of an address."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One claim as the service reads it. `many`: a list even when it has one value; `wrap`: the list's own name."""

    name: str
    values: tuple[Value, ...]
    many: bool = False
    wrap: str = ""

    @property
    def texts(self) -> tuple[str, ...]:
        """The values that are texts."""
        return tuple(value for value in self.values if isinstance(value, str))


@dataclass(frozen=True, slots=True)
class Released:
    """Who the person is to the service, what it is told in order, and which claims that discloses."""

    principal: str
    attributes: tuple[Attribute, ...]
    claims: frozenset[ClaimName]


SUBJECT = "sub"
"""The person's pairwise identifier: part of every release, and of none alone a claim."""


@dataclass(frozen=True, slots=True)
class Release:
    """One line of the ledger "Qui reçoit quoi": this service was told these claims of this person on that day."""

    person_id: str
    service_id: str
    claims: tuple[str, ...]
    at: datetime

    @property
    def day(self) -> date:
        """The day of the release (UTC)."""
        return self.at.date()

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the set of claims: one line a day for each set."""
        return hashlib.sha256("\n".join(sorted(self.claims)).encode()).hexdigest()


def release_of(person_id: str, service_id: str, *, claims: frozenset[ClaimName], at: datetime) -> Release:
    """The line for a release of these claims, beside the subject that goes with every one."""
    return Release(person_id, service_id, (SUBJECT, *sorted(claim.value for claim in claims)), at)
