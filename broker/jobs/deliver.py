"""Deliverers: one for each topic of the outbox. Each may be told twice and must then do no harm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from broker.accounts import session_copy
from broker.domain.audit import OutboxRow, Topic, copies_named
from broker.domain.ports import EphemeralStore
from broker.protocol.oidc import copies

Deliverer = Callable[[OutboxRow], None]
"""Tells one row; raises when it was not told."""


@dataclass(frozen=True, slots=True)
class EvictCopies:
    """Drops the copies a row names, so that what ended in the database ends in the ephemeral store at once."""

    store: EphemeralStore
    copy_key: Callable[[str], str]

    def __call__(self, row: OutboxRow) -> None:
        """Drop them; copies that are gone already are no fault."""
        self.store.drop([self.copy_key(digest) for digest in copies_named(row)])


def deliverers(store: EphemeralStore) -> Mapping[Topic, Deliverer]:
    """Who tells what: adding a topic is adding a line."""
    return {
        Topic.SESSIONS_CHANGED: EvictCopies(store, session_copy.copy_key),
        Topic.TOKENS_REVOKED: EvictCopies(store, copies.copy_key),
    }
