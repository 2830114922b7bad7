"""Lines of the ledger of releases, for tests that say themselves what was told."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from broker.domain.released import SUBJECT, Release


def told(person_id: str, service_id: str, day: date, *claims: str) -> Release:
    """A line of the ledger, noted at noon."""
    return Release(person_id, service_id, (SUBJECT, *claims), datetime.combine(day, time(12), UTC))
