"""Logins that did not work: what a trace number leads to, so that whoever helps sees every step and the cause.

Kept also where nobody was known yet (an answer that was refused, a service that presented itself badly). Nothing here
is a secret, nor what somebody typed: codes, causes of our own, ids of sources and services.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class HopKind(StrEnum):
    """A step of a login."""

    ASKED = "asked"
    """A service, or the portal, asked for a login."""
    LEFT = "left"
    """The browser was sent to a source."""
    CAME_BACK = "came_back"
    """The browser came back from it."""
    TYPED = "typed"
    """A name and a password were written on a page of ours."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One step: `place` is the service or the source; empty for the portal."""

    kind: HopKind
    at: datetime
    place: str = ""


@dataclass(frozen=True, slots=True)
class LoginFault:
    """What the page with this trace number did not tell.

    `cause`: ours, for whoever helps; `person_id`: who was signed in there, if anybody; `service_id`: who asked.
    """

    trace: str
    at: datetime
    code: str
    cause: str
    path: str
    person_id: str = ""
    source_id: str = ""
    service_id: str = ""
    hops: tuple[Hop, ...] = ()
