"""Who is meant on a command line: a person by id (`prs_…`), or by a record (`FEED:KEY`)."""

from __future__ import annotations

from broker.domain.handles import Id
from broker.domain.people import RecordView, Reference
from broker.settings import Settings
from broker.stores import Stores


def person_meant(who: str, settings: Settings, stores: Stores) -> str:
    """The living person. An id is not looked for. Raises `LookupError` for a record that is not there."""
    if who.startswith(Id.PERSON):
        return stores.people.owner(who)
    found = records_meant(who, settings, stores)
    if not found:
        raise LookupError(f"no live record {who}")
    return found[0].person_id


def records_meant(who: str, settings: Settings, stores: Stores) -> tuple[RecordView, ...]:
    """Live records under `FEED:KEY`. Raises `LookupError` when the feed is unknown."""
    feed_id, colon, key = who.partition(":")
    feed = settings.feed(feed_id)
    if not colon or feed is None:
        known = ", ".join(feed.id for feed in settings.feeds) or "none"
        raise LookupError(f"{who} is neither an id (prs_…) nor FEED:KEY; feeds: {known}")
    return stores.people.by_reference([Reference(feed.academie, key)], feeds=frozenset({feed_id}))
