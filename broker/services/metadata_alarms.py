"""What an administrator must hear of SAML metadata: which end soon, which have ended, which never came."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from broker.domain.services import Protocol, Service
from broker.services.metadata_shelf import Shelf

STEPS = (7, 30, 60)
"""Days before the end at which it is told, again and louder (issue 6)."""


class AlarmKind(StrEnum):
    """What is the matter."""

    ENDING = "ending"
    OVER = "over"
    ABSENT = "absent"
    UNUSABLE = "unusable"


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something to tell. `who`: an origin or a service; `step`: within how many days they end; `cause`: why not."""

    who: str
    kind: AlarmKind
    until: datetime | None = None
    step: int = 0
    cause: str = ""

    @property
    def is_fault(self) -> bool:
        """Whether people are turned away for it by now."""
        return self.kind in {AlarmKind.OVER, AlarmKind.UNUSABLE}

    def __str__(self) -> str:
        if self.kind is AlarmKind.UNUSABLE:
            return f"{self.who}: its metadata cannot be used: {self.cause}: nobody signs in there by SAML"
        if self.until is None:
            return f"{self.who}: no metadata yet: nobody signs in there by SAML"
        day = self.until.date().isoformat()
        if self.kind is AlarmKind.OVER:
            return f"{self.who}: its metadata ended on {day}: nobody signs in there by SAML"
        return f"{self.who}: its metadata end on {day}, within {self.step} days, and no newer ones have come"


def alarms_of(
    shelves: Mapping[str, Shelf | None],
    services: Iterable[Service],
    *,
    now: datetime,
    unusable: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Alarm, ...]:
    """All there is to tell, origins first.

    `shelves`: what is kept of each origin; `unusable`: why what came for a service is of no use.
    """
    found = (*_of_shelves(shelves, now), *_of_services(services, unusable, now))
    return tuple(alarm for alarm in found if alarm)


def _of_shelves(shelves: Mapping[str, Shelf | None], now: datetime) -> Iterator[Alarm | None]:
    for key, shelf in shelves.items():
        if shelf is None:
            yield Alarm(key, AlarmKind.ABSENT)
        else:
            yield ending(key, shelf.head.until, now, life=shelf.head.until - shelf.taken)


def _of_services(services: Iterable[Service], unusable: Mapping[str, str], now: datetime) -> Iterator[Alarm | None]:
    for service in services:
        if Protocol.SAML not in service.protocols:
            continue
        why = unusable.get(service.service_id, "")
        if service.saml is None:
            kind = AlarmKind.UNUSABLE if why else AlarmKind.ABSENT
            yield Alarm(f"service {service.service_id}", kind, cause=why)
        elif service.saml.until is not None and not service.saml.is_kept:
            yield ending(f"service {service.service_id}", service.saml.until, now, life=None)


def ending(who: str, until: datetime, now: datetime, *, life: timedelta | None) -> Alarm | None:
    """What there is to tell of metadata that are good until then, None: nothing yet.

    `life`: for how long they were good when they came: what is renewed each week has no alarm all year.
    """
    left = until - now
    if left <= timedelta():
        return Alarm(who, AlarmKind.OVER, until)
    if life is not None and left > life / 2:
        return None
    step = next((days for days in STEPS if left <= timedelta(days=days)), None)
    return Alarm(who, AlarmKind.ENDING, until, step) if step else None
