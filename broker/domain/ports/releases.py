"""Seams for what services are told: the details that some ask for, and the ledger of what was told."""

from __future__ import annotations

from datetime import date, datetime
from typing import Protocol

from broker.domain.details import ChildPlace, OwnLogin, OwnRecord
from broker.domain.released import Release


class Details(Protocol):
    """What release needs beyond `People`. One statement a question; none is asked unless a claim needs it."""

    def records_of(self, person_id: str, *, now: datetime) -> tuple[OwnRecord, ...]:
        """What the person's live records say of them, oldest record first. A key that is an INE is left out."""
        ...

    def child_places(self, adult_id: str, *, now: datetime) -> tuple[ChildPlace, ...]:
        """Schools and numbers of the children this adult may see now (`may_see` inside the query)."""
        ...

    def logins_of(self, person_id: str) -> tuple[OwnLogin, ...]:
        """Names at sources that recognise people by a login, oldest link first; a login that is an INE is left out."""
        ...


class Ledger(Protocol):
    """The ledger of releases ("Qui reçoit quoi"): a line a person, service, set of claims and day."""

    def note(self, release: Release) -> None:
        """Write the line, once. Raises `StorageUnavailable`: what cannot be written down is not released."""
        ...

    def of_person(self, person_id: str, *, since: date) -> tuple[Release, ...]:
        """What was told of the person, and of who was merged into them, newest day first."""
        ...

    def of_service(self, service_id: str, *, since: date) -> tuple[Release, ...]:
        """What a service was told, newest day first."""
        ...
