"""Deliverers: one for each topic of the outbox. Each may be told twice and must then do no harm."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from broker.accounts.session_copy import copy_key
from broker.domain.audit import OutboxRow, Topic, copies_named
from broker.domain.clock import Clock
from broker.domain.errors import UpstreamUnavailable
from broker.domain.logouts import LogoutUntold, Untold, logout_named
from broker.domain.ports import EphemeralStore, LogoutNotifier

log = logging.getLogger(__name__)

Deliverer = Callable[[OutboxRow], None]
"""Tells one row; raises when it was not told (`LogoutUntold`: and never will be)."""


@dataclass(frozen=True, slots=True)
class EvictCopies:
    """Drops the copies of sessions that a row names: what ended in the database ends in the ephemeral store at once."""

    store: EphemeralStore

    def __call__(self, row: OutboxRow) -> None:
        """Drop them; copies that are gone already are no fault."""
        self.store.drop([copy_key(digest) for digest in copies_named(row)])


@dataclass(frozen=True, slots=True)
class TellLogout:
    """Has a client told that a visit ended; it is tried for so long (`sessions.toml`), then given up."""

    notifier: LogoutNotifier
    clock: Clock
    tries: Callable[[], timedelta]

    def __call__(self, row: OutboxRow) -> None:
        """Tell it. Raises `LogoutUntold` when it never will be, whatever the notifier raises when it may yet be."""
        logout, now = logout_named(row), self.clock()
        try:
            self.notifier.notify(logout, now=now)
        except UpstreamUnavailable:
            if now - row.at < self.tries():
                raise
            untold = Untold.GIVEN_UP
        except LogoutUntold as end:
            untold = end.why
        else:
            return
        log.warning("a service was not told of a logout", extra={"client": logout.client_id, "cause": untold})
        raise LogoutUntold(untold)


def deliverers(store: EphemeralStore) -> Mapping[Topic, Deliverer]:
    """Who tells what: adding a topic is adding a line."""
    return {Topic.SESSIONS_CHANGED: EvictCopies(store)}
