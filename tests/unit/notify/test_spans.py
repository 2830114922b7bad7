"""How long something lasts, in the words of each language."""

from __future__ import annotations

from datetime import timedelta

import pytest

from broker.notify.spans import lasting

SPANS = {
    timedelta(minutes=1): ("1 minute", "1 minute", "دقيقة"),
    timedelta(minutes=2): ("2 minutes", "2 minutes", "دقيقتين"),
    timedelta(minutes=10): ("10 minutes", "10 minutes", "10 دقائق"),
    timedelta(minutes=15): ("15 minutes", "15 minutes", "15 دقيقة"),
    timedelta(minutes=90): ("90 minutes", "90 minutes", "90 دقيقة"),
    timedelta(hours=1): ("1 heure", "1 hour", "ساعة"),
    timedelta(hours=72): ("3 jours", "3 days", "3 أيام"),
    timedelta(hours=80): ("80 heures", "80 hours", "80 ساعة"),
    timedelta(days=2): ("2 jours", "2 days", "يومين"),
    timedelta(days=11): ("11 jours", "11 days", "11 يومًا"),
}


@pytest.mark.parametrize("span", SPANS)
def test_a_span_is_written_whole_in_each_language(span: timedelta) -> None:
    assert tuple(lasting(span, language) for language in ("fr", "en", "ar")) == SPANS[span]


def test_a_part_of_a_minute_is_not_promised() -> None:
    assert lasting(timedelta(minutes=5, seconds=30), "fr") == "5 minutes"
