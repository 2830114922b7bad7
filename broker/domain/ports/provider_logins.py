"""Logins at SAML service providers: granted in one act, and found again by what a provider knows of them."""

from __future__ import annotations

from typing import Protocol

from broker.domain.acts import EnterProvider
from broker.domain.sessions import Session


class ProviderLogins(Protocol):
    """What was granted to service providers. `enter` is hot: its statements are counted in tests."""

    def enter(self, act: EnterProvider) -> bool:
        """Store the grant and its events; False, and nothing stored, when its session is over or another person's."""
        ...

    def sessions_of(self, client_id: str, name: str) -> tuple[Session, ...]:
        """The sessions, not ended, in which this client was told this name; newest first, at most 64."""
        ...

    def leave(self, client_id: str, visit: str) -> None:
        """Note that a client ended its own session of a visit: it is not told of the end that it asked for."""
        ...

    def clients_of(self, visit: str) -> tuple[str, ...]:
        """Every client that was granted something in a visit: whoever is told of its end."""
        ...
