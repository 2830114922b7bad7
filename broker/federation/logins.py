"""The values of a login in progress, and their bytes: what was asked, where the browser went, what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from broker.domain.assurance import Assurance
from broker.domain.clock import require_utc
from broker.domain.errors import BadPageRequest
from broker.domain.login_faults import Hop, HopKind

ASK_AGAIN = frozenset({"login", "select_account"})
"""Values of `prompt` that no earlier login answers."""
_MOST_RESUME = 8192


@dataclass(frozen=True, slots=True)
class LoginRequest:
    """Who asks for a login, and how: protocol-neutral.

    `resume` is a path with query on our own origin. `max_age` in seconds, `prompt` and `acr` as in OIDC Core §3.1.2.1.
    `service_id` is empty for the portal itself. `requires`: the least assurance that the service opens for.
    """

    service_id: str = ""
    resume: str = "/"
    prompt: frozenset[str] = frozenset()
    max_age: int | None = None
    acr: tuple[str, ...] = ()
    locale: str = "fr"
    requires: Assurance = Assurance.NONE
    link_to: str = ""
    """Person who asked, signed in, that this login become one more of theirs; empty: nobody did."""

    @property
    def wants_proof(self) -> bool:
        """Tell whether the source must ask the person again, whatever session it keeps."""
        return bool(self.prompt & ASK_AGAIN) or self.max_age is not None


@dataclass(frozen=True, slots=True)
class Interaction:
    """One login in progress. `browser` is the digest of the browser's cookie."""

    request: LoginRequest
    browser: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class WayOut:
    """Where a browser goes to sign in. `form`: what it carries there by POST; empty: it goes there by GET."""

    url: str
    form: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outing:
    """A browser sent to a source: what the return must match."""

    interaction_handle: str
    source_id: str
    browser: str
    private: Mapping[str, str]
    proof_wanted: bool
    left_at: datetime


@dataclass(frozen=True, slots=True)
class SettledReturn:
    """A return that opened a session. `session` is the digest of its cookie."""

    browser: str
    session: str
    resume: str


def hops_of(login: Interaction, *further: Hop) -> tuple[Hop, ...]:
    """The steps of a login, for whoever is asked why it did not work."""
    return (Hop(HopKind.ASKED, login.started_at, login.request.service_id), *further)


def came_back(source_id: str, at: datetime) -> Hop:
    """The browser came back from a source."""
    return Hop(HopKind.CAME_BACK, at, source_id)


Record = Interaction | Outing | SettledReturn
T = TypeVar("T", Interaction, Outing, SettledReturn)


def local_path(path: str) -> str:
    """Let through a plain path with query on our own origin only (open redirector). Raises `BadPageRequest`."""
    plain = path.isascii() and path.isprintable() and " " not in path and "\\" not in path
    if not plain or not path.startswith("/") or path.startswith("//") or len(path) > _MOST_RESUME:
        raise BadPageRequest("not a path of our own origin")
    return path


def encode(record: Record) -> bytes:
    """Write a record with the name of its kind, so that no kind can be read as another."""
    return json.dumps({"kind": type(record).__name__, **_fields(record)}, default=_plain).encode()


def decode(kind: type[T], stored: bytes | None) -> T | None:
    """Read a record of this kind; None when absent, of another kind or damaged."""
    if stored is None:
        return None
    try:
        fields = json.loads(stored)
        if fields.pop("kind") != kind.__name__:
            return None
        read: Callable[[dict[str, Any]], T] = _READERS[kind]
        return read(fields)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _plain(value: object) -> object:
    if isinstance(value, LoginRequest):
        return _fields(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, frozenset):
        return sorted(value)
    raise TypeError(type(value).__name__)


def _fields(record: Record | LoginRequest) -> dict[str, object]:
    """The fields as they stand: `asdict` copies each of them deeply, at three times the cost of all the rest."""
    return {name: getattr(record, name) for name in record.__slots__}


def _instant(text: str) -> datetime:
    return require_utc(datetime.fromisoformat(text))


def _interaction(fields: dict[str, Any]) -> Interaction:
    asked = fields["request"]
    read = {"prompt": frozenset(asked["prompt"]), "acr": tuple(asked["acr"]), "requires": Assurance(asked["requires"])}
    request = LoginRequest(**{**asked, **read})
    return Interaction(request, fields["browser"], _instant(fields["started_at"]))


def _outing(fields: dict[str, Any]) -> Outing:
    return Outing(**{**fields, "left_at": _instant(fields["left_at"])})


def _settled(fields: dict[str, Any]) -> SettledReturn:
    return SettledReturn(**fields)


_READERS: dict[type[Any], Callable[[dict[str, Any]], Any]] = {
    Interaction: _interaction,
    Outing: _outing,
    SettledReturn: _settled,
}
