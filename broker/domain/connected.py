"""Which of some things belong together, when pairs and groups of them are known to: connected sets."""

from __future__ import annotations

from collections.abc import Iterable


class Connected:
    """Sets of names that grow together; at first each stands alone."""

    def __init__(self, names: Iterable[str]) -> None:
        self._parent = {name: name for name in names}

    def join(self, names: Iterable[str]) -> None:
        """Make one set of the sets of these names; unknown ones are passed over."""
        roots = {self.root(name) for name in names if name in self._parent}
        for root in roots:
            self._parent[root] = min(roots)

    def root(self, name: str) -> str:
        """The name that stands for the whole set: its smallest."""
        while self._parent[name] != name:
            name = self._parent[name]
        return name

    def same(self, one: str, other: str) -> bool:
        """Tell whether two names are of one set; an unknown one is of none."""
        return one in self._parent and other in self._parent and self.root(one) == self.root(other)
