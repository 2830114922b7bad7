"""A session that is about to close by itself: the page warns, and the person may stay (WCAG 2.2 §2.2.1).

Without JavaScript: every page of a session that ends soon asks the browser to go and warn three minutes before
(header `Refresh`). The warning touches nothing, whatever it is that asks for it: only the button « Rester » keeps a
session open, so that pages left open on a shared screen cannot keep each other alive. Once the time is over, the same
address signs out, and what was on the screen is gone from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from urllib.parse import urlencode

from flask import Response, g, request

from broker.domain.errors import BadPageRequest
from broker.domain.sessions import Session
from broker.federation import local_path
from broker.web.parts import PageParts
from broker.web.render import page, parting, see_other
from broker.web.visitor import NotSignedIn, current_visitor, require_signed_in

STILL_THERE = "/toujours-la"
WARNED = timedelta(minutes=3)
_KEPT = ("i", "but", "c", "page", "q", "de", "ecole", "classe", "fait")
_SOON = timedelta(hours=1)
"""On a device of one's own a session lasts for weeks: nothing to warn of, and no timer of weeks."""


@dataclass(frozen=True, slots=True)
class StillThere:
    """The page /toujours-la."""

    parts: PageParts

    def ask(self) -> Response:
        """GET: how long the session still has; it is over: sign out."""
        visitor, now = current_visitor(), self.parts.clock()
        session = self.parts.federation.unended(visitor.session_handle)
        if session is None:
            raise NotSignedIn
        left = _left(session, now)
        if left <= timedelta():
            if self.parts.ways_in is not None:
                self.parts.ways_in.screens.forget(visitor.browser)
            return parting(self.parts.federation.sign_out(visitor.session_handle, trace=visitor.trace))
        back = back_to(request.args.get("de", ""))
        response = page(
            "still_there.html",
            minutes=ceil(left.total_seconds() / 60),
            can_stay=session.idle_until < session.ends_at,
            back=back,
        )
        response.headers["Refresh"] = _refresh(left + timedelta(seconds=1), back)
        return response

    def stay(self) -> Response:
        """POST: the person is there. Reading the session moves its limit along; back to where they were."""
        require_signed_in(self.parts)
        return see_other(back_to(request.form.get("de", "")))


def warn_in_time(response: Response, *, now: datetime) -> None:
    """Let a page of a session that ends soon lead to the warning in time."""
    session = g.get("session")
    if session is None or response.mimetype != "text/html" or response.status_code != 200:  # noqa: PLR2004
        return
    left = _left(session, now)
    if left > _SOON or "Refresh" in response.headers:
        return
    here = _place() if request.method == "GET" else "/"
    response.headers["Refresh"] = _refresh(left - WARNED if left > WARNED else left, here)


def _place() -> str:
    """The page at hand, with what of its query is ours: nothing that somebody wrote into an address comes back."""
    kept = {name: request.args[name] for name in _KEPT if name in request.args}
    return f"{request.path}?{urlencode(kept)}" if kept else request.path


def _left(session: Session, now: datetime) -> timedelta:
    return min(session.idle_until, session.ends_at) - now


def _refresh(after: timedelta, back: str) -> str:
    return f"{max(1, int(after.total_seconds()))}; url={STILL_THERE}?{urlencode({'de': back})}"


def back_to(path: str) -> str:
    """Where the person was or goes on to: a page of ours, or the portal."""
    try:
        return local_path(path)
    except BadPageRequest:
        return "/"
