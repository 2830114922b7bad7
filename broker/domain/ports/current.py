"""Seam to what may change while the broker runs: policies and the register."""

from __future__ import annotations

from typing import Protocol, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Current(Protocol[T_co]):
    """A value that may be replaced as a whole, never changed in place."""

    def current(self) -> T_co:
        """The value now. Ask once a request: two answers within one decision may be two versions."""
        ...
