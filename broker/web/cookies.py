"""Cookies of the pages' own, beside the two that the protocol door shares (`wire.http`).

All carry the `__Host-` prefix (RFC 6265bis §4.1.3.2): Secure, Path=/ and no Domain, so that no neighbour on the same
domain can set or read them. `SameSite=Lax` and never `None`: a cross-site POST carries none of them.
"""

from __future__ import annotations

from datetime import datetime

from broker.domain.sessions import Device, Session
from broker.wire.http import BROWSER_COOKIE, FAREWELL_COOKIE, SESSION_COOKIE, cookie_header, kept_cookie_header

LANGUAGE_COOKIE = "__Host-preau-lang"
DEVICE_COOKIE = "__Host-preau-device"
"""`own` when the person said that the device is theirs alone; absent otherwise."""
KNOWN_COOKIE = "__Host-preau-known"
"""A device of a person's own, marked for the logins that were right on it (`accounts.known_devices`)."""

LATER_COOKIE = "__Host-preau-later"
"""On a device of one's own: a passkey was offered, and its person said « Plus tard »."""

_QUARTER = 90 * 24 * 3600
_YEAR = 365 * 24 * 3600

Header = tuple[str, str]


def session_cookie(handle: str, session: Session, *, now: datetime) -> Header:
    """The session's cookie: it outlives the browser only on a device that is the person's own."""
    if session.device is Device.OWN:
        return kept_cookie_header(SESSION_COOKIE, handle, seconds=int((session.ends_at - now).total_seconds()))
    return cookie_header(SESSION_COOKIE, handle)


def device_cookie(device: Device) -> Header:
    """Remember an own device; a shared one is remembered by nothing at all."""
    if device is Device.OWN:
        return kept_cookie_header(DEVICE_COOKIE, Device.OWN, seconds=_YEAR)
    return kept_cookie_header(DEVICE_COOKIE, "", seconds=0)


def known_cookie(value: str) -> Header:
    """Remember for a year that logins were right on this device; an empty value forgets it."""
    return kept_cookie_header(KNOWN_COOKIE, value, seconds=_YEAR if value else 0)


def language_cookie(code: str) -> Header:
    """Remember the language for a year."""
    return kept_cookie_header(LANGUAGE_COOKIE, code, seconds=_YEAR)


def browser_cookie(handle: str) -> Header:
    """Tie this browser to its logins in progress and its forms."""
    return cookie_header(BROWSER_COOKIE, handle)


def no_farewell_cookie() -> Header:
    """Forget the sign-out of before: whoever signs in next is not told which services it was about."""
    return kept_cookie_header(FAREWELL_COOKIE, "", seconds=0)


def later_cookie() -> Header:
    """Offer no passkey on this device for three months."""
    return kept_cookie_header(LATER_COOKIE, "1", seconds=_QUARTER)
