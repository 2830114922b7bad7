"""The findings of a school brought up to date: feeds as configured, the stores, and the pure checks put together.

Part of the composition root, beside `imports` and `stores`. Findings are looked for when somebody asks for a school's
report, and after a delivery that is one school's own; each is dated with the delivery that shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from broker.directory.quality import findings_of
from broker.domain.ports import Quality
from broker.domain.quality import Origin, QualityCheck
from broker.settings import Degree, FeedKind, FeedSettings, Settings

_ATTEMPTS = 3


def origins_of(settings: Settings, uai: str) -> Mapping[str, Origin]:
    """The feeds that may speak of a school, and where what each delivers is written down.

    Lists of vendors are not among them: no school keeps them, and they state neither rights nor classes.
    """
    found: dict[str, Origin] = {}
    for feed in settings.feeds:
        origin = _origin(feed)
        if origin is not None:
            found[f"{feed.id}.{uai.lower()}" if feed.kind.by_school else feed.id] = origin
    return found


def _origin(feed: FeedSettings) -> Origin | None:
    if feed.kind is FeedKind.AAF:
        return Origin.AAF_1D if feed.degree is Degree.FIRST else Origin.AAF_2D
    return _ORIGINS.get(feed.kind)


_ORIGINS: Mapping[FeedKind, Origin] = {
    FeedKind.ONDE: Origin.ONDE,
    FeedKind.SIECLE: Origin.SIECLE,
    FeedKind.LDAP: Origin.LDAP,
}


def bring_up_to_date(quality: Quality, uai: str, *, feeds: Mapping[str, Origin], now: datetime) -> bool:
    """Look a school over and track what is found; False while a delivery is being applied: nothing is touched then."""
    own = [feed for feed in feeds if "." in feed]  # `<feed>.<uai>`: only a feed that is one school's own has a dot
    for _ in range(_ATTEMPTS):
        deliveries = quality.deliveries(list(feeds))
        if deliveries.at_work:
            return False
        picture = quality.picture(uai, feeds=list(feeds), own=own)
        found = findings_of(picture, today=now.date())
        if quality.track(QualityCheck(uai, found, deliveries)):
            return True
    return False


def follow_up(settings: Settings, quality: Quality, feed: str, *, now: datetime) -> None:
    """After a delivery that is one school's own (`<feed>.<uai>`): look that school over, so that dates are exact."""
    _, dot, school = feed.partition(".")
    if dot:
        uai = school.upper()
        bring_up_to_date(quality, uai, feeds=origins_of(settings, uai), now=now)
