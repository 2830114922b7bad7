"""Seam to acts that wait for a second agent (adapter in `storage`)."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from broker.domain.audit import AuditEvent
from broker.domain.desk_requests import AnswerRequest, DeskRequest


class DeskRequests(Protocol):
    """Requests of first agents. One that is answered with codes is claimed by `Codes.issue`, in one transaction."""

    def ask(self, request: DeskRequest, audit: AuditEvent) -> None:
        """Keep a request; the same agent's earlier one for the same act, if it still waits, waits no more."""
        ...

    def open(self, tenant: str, *, now: datetime) -> tuple[DeskRequest, ...]:
        """The requests of a tenant that wait, oldest first: none that was answered, or is over."""
        ...

    def answer(self, act: AnswerRequest) -> None:
        """Answer a request. Raises `AlreadyUsed` where it no longer waits, or not for this agent."""
        ...
