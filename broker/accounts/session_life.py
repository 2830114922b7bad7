"""How long a session lives, by device and by role. Pure; the numbers are those of `policies/sessions.toml`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from broker.domain.people import RecordKind, Space
from broker.domain.sessions import Device, Offline, Session
from policies import SessionLimits

TOUCH_EVERY = timedelta(minutes=1)
"""The idle limit is written at most this often: a busy page costs one write a minute, not one a request."""


@dataclass(frozen=True, slots=True)
class SessionLife:
    """Limits of one session. `idle` None: it does not end by idleness."""

    idle: timedelta | None
    absolute: timedelta


def life_of(device: Device, kinds: frozenset[RecordKind], limits: SessionLimits) -> SessionLife:
    """Limits for this device and these roles; the strictest role decides (a parent who teaches counts as staff)."""
    if RecordKind.STAFF in kinds:
        return SessionLife(limits.staff_idle, limits.staff_absolute)
    if device is Device.OWN:
        return SessionLife(None, limits.own_absolute)
    if RecordKind.PUPIL in kinds:
        return SessionLife(limits.shared_idle, limits.pupil_absolute)
    return SessionLife(limits.shared_idle, limits.shared_absolute)


def first_limits(life: SessionLife, *, now: datetime) -> tuple[datetime, datetime]:
    """Idle and absolute end of a session that opens now."""
    ends_at = now + life.absolute
    return _idle_end(life, ends_at=ends_at, now=now), ends_at


def next_idle(session: Session, life: SessionLife, *, now: datetime) -> datetime | None:
    """The new idle limit if it is worth a write, else None. Never past the absolute end, never backwards."""
    moved = _idle_end(life, ends_at=session.ends_at, now=now)
    return moved if moved - session.idle_until >= TOUCH_EVERY else None


def offline_of(
    device: Device, kinds: frozenset[RecordKind], space: Space, limits: SessionLimits, *, now: datetime
) -> Offline | None:
    """How long a service may renew its tokens by itself; None on a shared device: its next user would be the family.

    A service for staff is renewed on any device, since their session asks a second factor; who is staff keeps to the
    staff's limits everywhere.
    """
    staff = RecordKind.STAFF in kinds
    if device is Device.SHARED and not (staff and space is Space.STAFF):
        return None
    if staff:
        return Offline(limits.refresh_staff_idle, now + limits.refresh_staff_absolute)
    return Offline(limits.refresh_family_idle, now + limits.refresh_family_absolute)


def is_fresh(session: Session, *, within: timedelta, now: datetime) -> bool:
    """Tell whether the person proved who they are within this span: what a sensitive act asks (step-up)."""
    return session.authn.proven and now - session.authn.auth_time <= within


def _idle_end(life: SessionLife, *, ends_at: datetime, now: datetime) -> datetime:
    return ends_at if life.idle is None else min(now + life.idle, ends_at)
