"""What every protocol endpoint is to the door: a route, a call, an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from broker.domain.sessions import Session
from broker.federation.logins import LoginRequest
from broker.wire.http import PlainRequest, PlainResponse


@dataclass(frozen=True, slots=True)
class Call:
    """One request as an endpoint sees it.

    `browser` is the handle of this browser (drawn by the door when there was none); `session` is the live session
    behind the cookie, read only for routes that ask for it. `trace` goes into audit events and error answers.
    """

    request: PlainRequest
    now: datetime
    trace: str = ""
    browser: str = ""
    session: Session | None = None


@dataclass(frozen=True, slots=True)
class NeedsLogin:
    """The endpoint can go no further without a login: the door begins one, which ends at `login.resume`."""

    login: LoginRequest


@dataclass(frozen=True, slots=True)
class SelfPost:
    """An answer that the browser carries to a service by POST: the door shows a page whose form sends itself.

    `action` is an address that was verified as the service's own; `fields` go there and into no address or log.
    """

    action: str
    fields: Mapping[str, str]


Answer = PlainResponse | NeedsLogin | SelfPost
Endpoint = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path. `pages`: what it refuses is read by a person, so an error becomes a page, not JSON.

    `per_minute` limits volume from one address: far above a town behind one address, below what would drown us.
    `asks_again`: whatever it issues, its own act asks the database whether the session runs and is this person's; a
    session that was seen a moment ago will do for it (`broker.accounts.seen_sessions`).
    `readers` tells whether pages of an origin may read the answers (CORS); None: those of no other origin.
    """

    method: str
    path: str
    answer: Endpoint
    pages: bool = False
    reads_session: bool = False
    asks_again: bool = False
    per_minute: int = 60_000
    readers: Callable[[str], bool] | None = None
    beside_page: bool = False
    """Whether the other methods of this path are a page's."""
