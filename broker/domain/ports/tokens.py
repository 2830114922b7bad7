"""Seams to the database for tokens that no code is redeemed for (adapters in `storage`)."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from broker.domain.acts import ApproveDevice, ExchangeForChild, IssueServiceToken, OpenDeviceRequest
from broker.domain.audit import AuditEvent
from broker.domain.sessions import ChildToken, DeviceRequest, Polled, ServiceToken


class ServiceTokens(Protocol):
    """Tokens of clients in their own name. `issue` is hot: one statement with its audit."""

    def issue(self, act: IssueServiceToken) -> None:
        """Store the token."""
        ...

    def find(self, token_digest: str, *, now: datetime) -> ServiceToken | None:
        """A live token, whoever shows it."""
        ...

    def revoke(self, token_digest: str, audit: AuditEvent) -> None:
        """Forget a token; the audit keeps that there was one."""
        ...


class ChildTokens(Protocol):
    """Tokens for one child in a guardian's place. Every reading asks again whether the guardian may act."""

    def exchange(self, act: ExchangeForChild) -> ChildToken | None:
        """Store the token; None, and nothing stored, when the act's conditions do not all hold."""
        ...

    def find(self, token_digest: str, *, now: datetime) -> ChildToken | None:
        """A live token of a live grant and session, whose guardian may act for the child now."""
        ...

    def revoke(self, token_digest: str, audit: AuditEvent) -> None:
        """Forget a token; the audit keeps that there was one."""
        ...


class DeviceRequests(Protocol):
    """Devices that wait for a person's yes. What is decided is decided once; the tokens are `Grants.redeem`'s."""

    def open(self, act: OpenDeviceRequest) -> bool:
        """Keep a request; False when its user code is taken."""
        ...

    def waiting(self, user_code: str, *, now: datetime) -> DeviceRequest | None:
        """The request behind a user code (by digest) that nobody decided yet and that is not over."""
        ...

    def approve(self, act: ApproveDevice) -> bool:
        """Carry out the yes; False, and nothing changed, when it was decided, is over, or the session ended."""
        ...

    def deny(self, user_code: str, *, now: datetime, audit: AuditEvent) -> bool:
        """Carry out the no; False when it was decided already or is over."""
        ...

    def poll(self, device_code: str, client_id: str, *, now: datetime) -> Polled:
        """Note that the device asked, and tell what it is told when it could not redeem its code."""
        ...
