"""Metadata from elsewhere, fetched before they end: verified, kept on disk, and told of when no newer ones come.

What cannot be had or does not hold changes nothing: the last good ones stay until their own end. Serving processes see
the file change and read it; they fetch nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event

from broker.domain.clock import Clock
from broker.domain.errors import PreauError
from broker.services.metadata_alarms import Alarm
from broker.services.metadata_origins import Origin, read_certificate, shelf_path
from broker.services.metadata_shelf import Shelf, ShelfUnreadable, fill_shelf, open_shelf, source_of
from broker.wire.saml.aggregate import SignedHead
from broker.wire.saml.refusals import Refusal, SamlRefused

log = logging.getLogger(__name__)

LOOK = timedelta(minutes=1)
EVERY = timedelta(hours=1)
AGAIN = timedelta(minutes=10)
AHEAD = timedelta(minutes=5)
"""So far may a federation's clock be ahead of ours."""

Fetch = Callable[[str], bytes]
"""Gets the document at an address. Raises `UpstreamUnavailable`."""


@dataclass(slots=True)
class MetadataKeeper:
    """Looks after every origin; `alarms` says what there is to tell."""

    folder: Path
    origins: Callable[[], Iterable[Origin]]
    fetch: Fetch
    alarms: Callable[[datetime], Iterable[Alarm]]
    clock: Clock
    _due: dict[Origin, datetime] = field(default_factory=dict)
    _told: frozenset[str] = frozenset()

    def run(self, stop: Event) -> None:
        """Look from minute to minute until `stop` is set. No fault ends it."""
        while not stop.is_set():
            try:
                self.tend(self.clock())
            except Exception as fault:  # noqa: BLE001 - an unforeseen fault must not end the thread
                log.error("metadata cannot be looked after", extra={"cause": type(fault).__name__})  # noqa: TRY400
            stop.wait(LOOK.total_seconds())

    def tend(self, now: datetime) -> None:
        """Fetch what is due, then tell what is new to tell."""
        for origin in self.origins():
            if now >= self._due.get(origin, now):
                self._due[origin] = now + (EVERY if self._refresh(origin, now) else AGAIN)
        alarms = {str(alarm): alarm for alarm in self.alarms(now)}
        for text, alarm in alarms.items():
            if text not in self._told:
                (log.error if alarm.is_fault else log.warning)("%s", text)
        self._told = frozenset(alarms)

    def _refresh(self, origin: Origin, now: datetime) -> bool:
        try:
            if refresh(origin, self.folder, self.fetch, now=now):
                log.info("metadata taken", extra={"origin": origin.key})
        except (SamlRefused, PreauError, OSError) as fault:
            cause = str(fault) if isinstance(fault, SamlRefused) else type(fault).__name__
            log.warning("metadata not taken", extra={"origin": origin.key, "cause": cause})
            return False
        return True


def refresh(origin: Origin, folder: Path, fetch: Fetch, *, now: datetime) -> bool:
    """Get the metadata of an origin and keep them if they are others than before; tells whether they were.

    Raises `SamlRefused`, `PreauError`, `OSError`: what was kept stays.
    """
    octets = origin.file.read_bytes() if origin.file else fetch(origin.url)
    path = shelf_path(folder, origin.key)
    kept = _kept(path)
    if kept is not None and kept.source == source_of(octets):
        return False

    def accept(head: SignedHead) -> None:
        for check in HEAD_CHECKS:
            check(Taking(head, kept, origin.longest, now))

    fill_shelf(path, octets, (read_certificate(origin.certificate),), accept, now=now)
    return True


@dataclass(frozen=True, slots=True)
class Taking:
    """A signed document about to be kept, and the one that it would take the place of."""

    head: SignedHead
    kept: Shelf | None
    longest: timedelta
    now: datetime


def check_not_over(taking: Taking) -> None:
    """It is good now: an old copy is the same as none."""
    if taking.head.until <= taking.now:
        raise SamlRefused(Refusal.TIME, "its validUntil is over")


def check_not_too_long(taking: Taking) -> None:
    """It is not good for years: a copy with a key that was withdrawn would be good for as long (S-41)."""
    if taking.head.until > taking.now + taking.longest:
        raise SamlRefused(Refusal.TIME, "its validUntil is too far ahead")


def check_made(taking: Taking) -> None:
    """It was not made in a time to come: no later one could take its place until then."""
    if taking.head.made is not None and taking.head.made > taking.now + AHEAD:
        raise SamlRefused(Refusal.TIME, "made in a time to come")


def check_not_older(taking: Taking) -> None:
    """It is no earlier one, sent again: what was withdrawn since would come back."""
    if taking.kept is not None and _is_older(taking.head, taking.kept.head, now=taking.now):
        raise SamlRefused(Refusal.TIME, "older than what is kept")


HEAD_CHECKS: tuple[Callable[[Taking], None], ...] = (check_not_over, check_not_too_long, check_made, check_not_older)


def _is_older(head: SignedHead, kept: SignedHead, *, now: datetime) -> bool:
    """By when both were made, where both say it: a newer one may end sooner. Else by their ends, which is stricter.

    One that does not say it takes the place of one that does only when that has ended: an old copy, of a time when
    nothing was said, could end later.
    """
    if head.made is not None and kept.made is not None:
        return (head.made, head.until) < (kept.made, kept.until)
    if kept.made is not None and kept.until > now:
        return True
    return head.until < kept.until


def _kept(path: Path) -> Shelf | None:
    """What is kept; what cannot be read is as good as nothing, and is replaced."""
    try:
        return open_shelf(path)
    except ShelfUnreadable:
        return None
