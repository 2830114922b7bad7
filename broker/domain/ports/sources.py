"""Seams to the sources people log in with, and to services that are told of a logout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from broker.domain.identity import UpstreamIdentity
from broker.domain.logouts import Logout


@dataclass(frozen=True, slots=True)
class Departure:
    """Where to send the browser, and what the connector wants back at the return (state, nonce, PKCE verifier …).

    `private` never reaches the browser: federation keeps it, bound to that browser, and hands it back once. `form`:
    what the browser carries there by POST; empty: it goes there by GET.
    """

    url: str
    private: Mapping[str, str]
    form: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Return:
    """What came back from the source: each query parameter exactly once (repeated ones were refused at the edge)."""

    params: Mapping[str, str]
    url: str


class RedirectConnector(Protocol):
    """A source reached by redirect: OIDC, SAML and CAS alike. Takes and returns plain values."""

    @property
    def state_parameter(self) -> str:
        """Under which parameter of the return our own `state` comes back."""
        ...

    def start(self, *, return_url: str, state: str, force: bool) -> Departure:
        """Begin a login. `return_url` is this source's own callback; `force` asks for a fresh proof.

        Raises `UpstreamUnavailable`.
        """
        ...

    def finish(self, answer: Return, *, private: Mapping[str, str], now: datetime) -> UpstreamIdentity:
        """Check everything the source answered and return who it says this is.

        Raises `UpstreamRefused` (a check failed) or `UpstreamUnavailable`.
        """
        ...


class PasswordConnector(Protocol):
    """A source that checks a name and a password (LDAP)."""

    def place(self) -> AbstractContextManager[None]:
        """A place among those whose passwords are checked here, for this thread, until the block ends.

        Taken before anything is counted: whoever finds none costs nothing more. Raises `HashingCrowded`.
        """
        ...

    def authenticate(
        self, *, login: str, password: str, now: datetime, admit: Callable[[str], bool]
    ) -> UpstreamIdentity:
        """Return who this is. Raises `CredentialsRefused`, `UpstreamRefused` or `UpstreamUnavailable`.

        `admit` is asked once, before the password is tried: whether one more guess at this account may be made. It is
        given the same text for every name that the source knows the account by; empty where there is no account.
        `CredentialsRefused` is one and the same for an unknown login, a wrong password, a closed account and one that
        was not admitted; no exception is ever mapped to success.
        """
        ...


@dataclass(frozen=True, slots=True)
class UpstreamLogout:
    """An address that ends the session at the source. `comes_back`: whether the source leads the browser back to us."""

    url: str
    comes_back: bool = True


class LogoutConnector(Protocol):
    """A source that can be told that its person signed out here."""

    def start_logout(self, *, hint: str, return_url: str, state: str) -> UpstreamLogout | None:
        """Where to send the browser to end the source's own session, or None when the source offers nothing.

        `hint` is what the login left for this; `return_url` is ours, for this source alone. Raises what `start` does.
        """
        ...

    def finish_logout(self, answer: Return, *, state: str) -> bool:
        """Tell whether the browser came back from the logout of this `state`, and the source says that it is done."""
        ...


class LogoutNotifier(Protocol):
    """Tells services, in their protocol, that a visit ended."""

    def notify(self, logout: Logout, *, now: datetime) -> None:
        """Return when the client confirmed. A second telling of the same logout does no harm.

        Raises `LogoutUntold` when it never will (no address, refused), `UpstreamUnavailable` when it did not answer.
        """
        ...
