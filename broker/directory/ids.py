"""Identifiers by the hundred thousand: the random bytes of many are drawn at once."""

from __future__ import annotations

import base64
import secrets

from broker.domain.handles import Id

_BYTES = 10
_PLACE = 6
_AT_ONCE = 4096


class IdSource:
    """As `domain.handles.new_id` (prefix and 128 random bits), at a third of its cost.

    Ids of one draw share their first 48 bits, and so stand side by side in an index: strewn over all of it, each new
    row would bring a page of its own into memory and into the log.
    """

    def __init__(self) -> None:
        self._place = ""
        self._drawn = b""
        self._used = 0

    def __call__(self, kind: Id) -> str:
        """A fresh identifier; its last 80 bits are its own."""
        if self._used == len(self._drawn):
            self._place = _text(secrets.token_bytes(_PLACE))
            self._drawn = secrets.token_bytes(_BYTES * _AT_ONCE)
            self._used = 0
        piece = self._drawn[self._used : self._used + _BYTES]
        self._used += _BYTES
        return f"{kind}{self._place}{_text(piece)}"


def _text(piece: bytes) -> str:
    return base64.urlsafe_b64encode(piece).rstrip(b"=").decode("ascii")
