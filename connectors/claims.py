"""Claims of an OpenID provider as plain values, and the seam for what a family of providers does its own way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from broker.domain.desk import SaidPost
from broker.domain.people import Reference

Claims = Mapping[str, Any]


class Profile(Protocol):
    """A family of providers: claims in, directory words out. What it does not read is dropped."""

    def references(self, claims: Claims) -> tuple[Reference, ...]:
        """Authoritative references among the claims. Raises `UpstreamRefused`."""
        ...

    def methods(self, claims: Claims) -> tuple[str, ...]:
        """How the person proved who they are, beyond `amr`."""
        ...

    def posts(self, claims: Claims, *, now: datetime) -> tuple[SaidPost, ...]:
        """What the person may do at the desk, and where."""
        ...


@dataclass(frozen=True, slots=True)
class PlainProfile:
    """A provider that knows nothing of schools: it proves a login and releases no reference."""

    def references(self, claims: Claims) -> tuple[Reference, ...]:  # noqa: ARG002 - part of the seam
        """None."""
        return ()

    def methods(self, claims: Claims) -> tuple[str, ...]:  # noqa: ARG002 - part of the seam
        """None."""
        return ()

    def posts(self, claims: Claims, *, now: datetime) -> tuple[SaidPost, ...]:  # noqa: ARG002 - part of the seam
        """None."""
        return ()


def text_of(claims: Claims, name: str) -> str:
    """A claim as text; empty when absent or of another type. Providers send empty texts where they have nothing."""
    value = claims.get(name)
    return value.strip() if isinstance(value, str) else ""


def texts_of(claims: Claims, name: str) -> tuple[str, ...]:
    """A claim as texts, one or a list; what is not text or is empty is left out."""
    value = claims.get(name)
    values: Sequence[object] = value if isinstance(value, list) else [value]
    return tuple(text.strip() for text in values if isinstance(text, str) and text.strip())
