"""By which source the sessions of a visit were opened, and what that source wants back when they end."""

from __future__ import annotations

from dataclasses import dataclass, field

from broker.domain.handles import digest
from broker.domain.identity import UpstreamProtocol


@dataclass(frozen=True, slots=True)
class SessionOrigin:
    """One source of a visit. `hint`: what its connector wrote down at the login, for it alone to read."""

    source_id: str
    hint: str = field(default="", repr=False)


def answer_digest(protocol: UpstreamProtocol, issuer: str, answer: str) -> str:
    """Under what an answer of a source (ticket, code, assertion id) is claimed, and its session found again."""
    return digest(f"{protocol}\n{issuer}\n{answer}")
