"""What is held of a person, as that person may ask for it (RGPD articles 15 and 20): whole, and of nobody else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from broker.domain.identity import EvidenceKind
from broker.domain.people import RecordKind, Reference


@dataclass(frozen=True, slots=True)
class HeldRecord:
    """A record attached to the person. `content` is its text as stored; `directory.content` reads it.

    `told_on`: the day of the delivery that last changed it, None where it is not known any more. `retired_at`: when the
    feed stopped to name the record; None while it does.
    """

    feed: str
    kind: RecordKind
    reference: Reference
    content: str
    evidence: EvidenceKind
    attached_at: datetime
    since: datetime
    retired_at: datetime | None
    told_on: date | None = None
