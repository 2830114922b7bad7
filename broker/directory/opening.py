"""Which run a delivery opens: a new one, the continuation of an unfinished one, or none. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from broker.domain.errors import FeedRefused, ImportHeld, ImportStale
from broker.domain.feed import Feed, FeedHeader
from broker.domain.imports import ImportRun, ImportState

_WAITING = frozenset({ImportState.STAGING, ImportState.STAGED, ImportState.HELD})


_AHEAD = timedelta(days=1)
"""How far ahead of our day, which is UTC's, the day of files may be: it may be tomorrow already east of here."""


def check_header(header: FeedHeader, feed: Feed, *, today: date) -> None:
    """Refuse files of another académie, degree or school than the feed's, or of a day yet to come.

    A wrong year in a header would make every later delivery an older one, and so close the feed for good; nor can it
    be confirmed, as what is held can. Raises `FeedRefused`.
    """
    if header.made_on and header.made_on > today + _AHEAD:
        raise FeedRefused(f"made on {header.made_on}: that day is still to come")
    if header.academie and header.academie != feed.academie:
        raise FeedRefused(f"files of académie {header.academie} for a feed of académie {feed.academie}")
    if header.degree and feed.degree and header.degree != feed.degree:
        raise FeedRefused(f"files of degree {header.degree} for a feed of degree {feed.degree}")
    if feed.school and header.school != feed.school:
        raise FeedRefused(f"files of school {header.school or 'unknown'} for school {feed.school}")


@dataclass(frozen=True, slots=True)
class Delivery:
    """Decides, once the feed is locked, which run of its history `fresh` is or becomes.

    `live` is its header's.
    """

    fresh: ImportRun
    live: bool = False

    def choose(self, history: Sequence[ImportRun]) -> ImportRun | None:
        """The run to work on; None when this very delivery was the last one applied.

        `history` is newest first. Raises `ImportStale` for an older delivery, `ImportHeld` while an earlier one was
        begun or waits for its confirmation, unless `fresh` is a complete set of everything that one covers.
        """
        unfinished = next((run for run in history if run.state is ImportState.APPLYING), None)
        if unfinished:
            return unfinished
        same = next((run for run in history if run.state in _WAITING and run.checksum == self.fresh.checksum), None)
        if same:
            return same
        self._check_order(history)
        done = [run for run in history if run.state is ImportState.DONE]
        if done and done[0].checksum == self.fresh.checksum:
            return None
        self._check_waiting(history)
        return self.fresh

    def _check_waiting(self, history: Sequence[ImportRun]) -> None:
        """A delivery not applied yet may withdraw rights: only a complete set of all it speaks of takes its place."""
        for run in history:
            if run.state not in _WAITING or (self.fresh.complete and run.covers <= self.fresh.covers):
                continue
            if run.state is ImportState.HELD:
                raise ImportHeld(f"run {run.import_id} waits for its confirmation")
            raise ImportHeld(f"run {run.import_id}, made on {run.made_on}, was begun: import its files again first")

    def _check_order(self, history: Sequence[ImportRun]) -> None:
        done = [run for run in history if run.state is ImportState.DONE]
        if not self.live and any(run.checksum == self.fresh.checksum for run in done[1:]):
            raise ImportStale("this delivery was applied before a later one")
        newest = max((run.made_on for run in done if run.made_on), default=None)
        if newest and self.fresh.made_on and self.fresh.made_on < newest:
            raise ImportStale(f"made on {self.fresh.made_on}, after {newest} was applied")
