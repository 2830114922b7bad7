"""Seam to the database for the tickets of CAS (adapter in `storage`)."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from broker.domain.cas import (
    CasEntry,
    EndEntries,
    IssueTicket,
    KeepProxyGrant,
    ProxyGrant,
    SpentTicket,
    ValidateTicket,
)


class Tickets(Protocol):
    """CAS tickets. `issue` and `validate` are hot: statements are counted in tests."""

    def issue(self, act: IssueTicket) -> bool:
        """Store the ticket and its grant; False, and nothing stored, when the act's conditions do not all hold."""
        ...

    def validate(self, act: ValidateTicket) -> SpentTicket | None:
        """Spend the ticket and draw its person; None when it is unknown, spent, over, or its session is."""
        ...

    def keep_proxy_grant(self, act: KeepProxyGrant) -> bool:
        """Store a proxy-granting ticket; False when its grant no longer lives."""
        ...

    def proxy_grant(self, digest: str, *, now: datetime) -> ProxyGrant | None:
        """A live proxy-granting ticket; None for anything else."""
        ...

    def entries(self, client_id: str, visit: str) -> tuple[CasEntry, ...]:
        """Logins of a visit at this client that stand and were told of somebody."""
        ...

    def end_entries(self, act: EndEntries) -> None:
        """End these logins: their grants, and with them their proxy-granting tickets; the service is told."""
        ...
