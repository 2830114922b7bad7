"""Authorization requests that wait: for a login, or for the GET that follows a cross-site POST.

A waiting request is looked at once. Its handle opens nothing: it stands for parameters that its holder could as well
send again, and all of them are checked again when it comes back.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from broker.domain.acts import PushedRequest
from broker.domain.errors import LoginExpired
from broker.domain.handles import Handle, digest, is_handle, new_handle
from broker.domain.ports import EphemeralStore
from broker.protocol.oidc.provider import RESUME_PATH
from broker.wire.http import Form, with_parameters

POSTED_SECONDS = 60
LOGIN_MARGIN = timedelta(seconds=60)
"""A login that ends in its last second still finds the request that it was for."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request taken back. `started` is when its login began; None when it only came by POST.

    `pushed`: as what it was pushed; None when it came openly.
    """

    form: Form
    started: datetime | None
    pushed: PushedRequest | None = None


class PendingRequests:
    """Waiting requests of one endpoint over the ephemeral store; `resume` is the path that takes them up again."""

    def __init__(self, store: EphemeralStore, *, login: Callable[[], timedelta], resume: str = RESUME_PATH) -> None:
        self._store = store
        self._login = login
        self._resume = resume

    @property
    def longest(self) -> timedelta:
        """The longest that a request waits for its login."""
        return self._login() + LOGIN_MARGIN

    def keep_for_login(
        self, values: Mapping[str, str], *, browser: str, started: datetime, pushed: PushedRequest | None = None
    ) -> str:
        """Keep a request while its person logs in; returns the path that takes it up again, in this browser only."""
        return self._path(self.keep_for_answer(values, browser=browser, started=started, pushed=pushed))

    def keep_for_answer(
        self, values: Mapping[str, str], *, browser: str, started: datetime | None, pushed: PushedRequest | None = None
    ) -> str:
        """Keep a request while its person answers a question of ours; returns the handle that takes it up again.

        `started`: when the login began that was made for it, if one was.
        """
        began = started.isoformat() if started else ""
        record = {"values": dict(values), "browser": digest(browser), "started": began, "pushed": _told(pushed)}
        return self._keep(record, seconds=int(self.longest.total_seconds()))

    def keep_posted(self, values: Mapping[str, str], *, pushed: PushedRequest | None = None) -> str:
        """Keep a request for the GET that follows its POST: only that GET carries the browser's cookies."""
        record = {"values": dict(values), "browser": "", "started": "", "pushed": _told(pushed)}
        return self._path(self._keep(record, seconds=POSTED_SECONDS))

    def take(self, handle: str, *, browser: str) -> Waiting:
        """Take a request up again, once. Raises `LoginExpired`; another browser's attempt does not spend it."""
        found = self._store.get(self._key(handle)) if is_handle(Handle.REQUEST, handle) else None
        if found is None:
            raise LoginExpired("no such request waits", restart="/")
        record = json.loads(found)
        if record["browser"] and not hmac.compare_digest(record["browser"], digest(browser)):
            raise LoginExpired("a request of another browser", restart="/")
        if self._store.take(self._key(handle)) is None:
            raise LoginExpired("taken up meanwhile", restart="/")
        started = datetime.fromisoformat(record["started"]) if record["started"] else None
        return Waiting(Form(record["values"]), started, pushed=_pushed(record["pushed"]))

    def _keep(self, record: Mapping[str, object], *, seconds: int) -> str:
        handle = new_handle(Handle.REQUEST)
        self._store.put(self._key(handle), json.dumps(record).encode(), ttl=seconds)
        return handle

    def _path(self, handle: str) -> str:
        return with_parameters(self._resume, {"i": handle})

    def _key(self, handle: str) -> str:
        """One kind of request is never taken up as another."""
        return f"request:{self._resume}:{digest(handle)}"


def _told(pushed: PushedRequest | None) -> Mapping[str, str]:
    return {"digest": pushed.digest, "until": pushed.until.isoformat()} if pushed else {}


def _pushed(told: Mapping[str, str]) -> PushedRequest | None:
    return PushedRequest(told["digest"], datetime.fromisoformat(told["until"])) if told else None
