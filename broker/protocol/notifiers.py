"""Telling services of a logout, whatever protocol they speak: the name of the grant's client says which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from broker.domain.logouts import Logout
from broker.domain.ports import LogoutNotifier
from broker.domain.services import Protocol


@dataclass(frozen=True, slots=True)
class Notifiers:
    """`LogoutNotifier` for every client: one notifier a protocol."""

    by_protocol: Mapping[Protocol, LogoutNotifier]

    def notify(self, logout: Logout, *, now: datetime) -> None:
        """See `LogoutNotifier.notify`."""
        self.by_protocol[protocol_of(logout.client_id)].notify(logout, now=now)


def protocol_of(client_id: str) -> Protocol:
    """The protocol of a client by its name: `cas:` and `saml:` stand before a service's id; no other has a colon."""
    before, colon, _ = client_id.partition(":")
    return Protocol(before) if colon and before in {Protocol.CAS, Protocol.SAML} else Protocol.OIDC
