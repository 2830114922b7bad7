"""What must hold of the feeds: each kind has keys of its own, and those of another kind are refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from broker.domain.school import Level
from broker.settings.key_checks import check_authority, check_directory_address, check_keys, check_secret
from broker.settings.values import FeedKind, FeedSettings, Settings

ACADEMIE = re.compile(r"\d{2}")

_EVERYWHERE = frozenset({"id", "tenant", "kind"})
_NEEDED: Mapping[FeedKind, tuple[str, ...]] = {
    FeedKind.AAF: ("academie", "degree"),
    FeedKind.CSV: ("people", "columns"),
    FeedKind.LDAP: ("url", "reader_dn", "reader_password_file", "people_dn", "structures_dn"),
}
_POSSIBLE: Mapping[FeedKind, tuple[str, ...]] = {
    FeedKind.ONDE: ("guardians",),
    FeedKind.SIECLE: ("level",),
    FeedKind.CSV: ("level", "separator"),
    FeedKind.LDAP: ("ca_file", "key_attribute", "academies"),
}
"""The keys of each kind beside those of all: without the first a feed cannot be read, the second may be left out."""


def check_feeds(settings: Settings) -> Iterator[str]:
    """Faults of each feed by itself."""
    tenants = {tenant.id for tenant in settings.tenants}
    for feed in settings.feeds:
        where = f"feeds.{feed.id}"
        if feed.tenant not in tenants:
            yield f"{where}.tenant: {feed.tenant} is not among the tenants"
        yield from (f"{where}.{problem}" for check in _FEED_CHECKS for problem in check(feed))


def check_allotted(settings: Settings) -> Iterator[str]:
    """A login may be recognised by national keys alone: those of a school's own list or an ENT are no such keys."""
    feeds = {feed.id: feed for feed in settings.feeds}
    for source in settings.sources:
        for name in source.feeds:
            if name in feeds and feeds[name].kind is not FeedKind.AAF:
                yield f"sources.{source.id}.feeds: {name} has no national keys (kind = {feeds[name].kind})"


def _check_keys(feed: FeedSettings) -> Iterator[str]:
    needed, possible = _NEEDED.get(feed.kind, ()), _POSSIBLE.get(feed.kind, ())
    yield from check_keys(feed, needed=needed, possible=_EVERYWHERE | {*possible})


def _check_academies(feed: FeedSettings) -> Iterator[str]:
    if feed.academie and not ACADEMIE.fullmatch(feed.academie):
        yield "academie: two digits are wanted"
    for name, number in feed.academies.items():
        if not ACADEMIE.fullmatch(number):
            yield f"academies.{name}: two digits are wanted"


def _check_level(feed: FeedSettings) -> Iterator[str]:
    if feed.kind is FeedKind.SIECLE and feed.level is Level.ECOLE:
        yield "level: college or lycee is wanted"


def _check_directory(feed: FeedSettings) -> Iterator[str]:
    if feed.url:
        yield from check_directory_address(feed.url)


def _check_separator(feed: FeedSettings) -> Iterator[str]:
    if feed.separator and (len(feed.separator) != 1 or feed.separator in '"\r\n'):
        yield "separator: one character is wanted, and no quote"


def _check_feed_files(feed: FeedSettings) -> Iterator[str]:
    yield from check_authority(feed.ca_file)
    yield from check_secret("reader_password_file", feed.reader_password_file)


_FEED_CHECKS: tuple[Callable[[FeedSettings], Iterable[str]], ...] = (
    _check_keys,
    _check_academies,
    _check_level,
    _check_directory,
    _check_separator,
    _check_feed_files,
)
