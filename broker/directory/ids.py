"""Identifiers by the hundred thousand: the random bytes of many are drawn at once."""

from __future__ import annotations

import base64
import secrets

from broker.domain.handles import Id

_BYTES = 16
_AT_ONCE = 4096


class IdSource:
    """As `domain.handles.new_id` (prefix and 128 random bits), at a third of its cost."""

    def __init__(self) -> None:
        self._drawn = b""
        self._used = 0

    def __call__(self, kind: Id) -> str:
        """A fresh identifier."""
        if self._used == len(self._drawn):
            self._drawn = secrets.token_bytes(_BYTES * _AT_ONCE)
            self._used = 0
        piece = self._drawn[self._used : self._used + _BYTES]
        self._used += _BYTES
        return kind + base64.urlsafe_b64encode(piece)[:22].decode("ascii")
