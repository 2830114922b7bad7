"""A current value that a test replaces, as the watcher would."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Settable(Generic[T]):
    """Implements `ports.Current`."""

    def __init__(self, value: T) -> None:
        self.value = value

    def current(self) -> T:
        return self.value
