"""Seam to what is kept of logins that did not work, and to the trail read for a person or a trace number."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from broker.domain.audit import AuditEvent
from broker.domain.login_faults import LoginFault


class LoginFaults(Protocol):
    """What trace numbers lead to."""

    def note(self, fault: LoginFault) -> None:
        """Keep it; a trace number that is there already keeps what it has."""
        ...

    def find(self, trace: str) -> LoginFault | None:
        """What this trace number leads to."""
        ...

    def events(self, trace: str) -> tuple[AuditEvent, ...]:
        """What the trail says of sign-ins and links under this trace number, in the order of its rows."""
        ...

    def events_of(
        self, persons: Sequence[str], *, since: datetime, until: datetime, limit: int
    ) -> tuple[AuditEvent, ...]:
        """What the trail says of these persons within a time, newest first; of services' tokens nothing."""
        ...
