"""Devices that an account knows: a cookie of a device's own, with two marks for each login that was right there.

Strangers' guesses at a login make strangers wait, never its owner's own telephone (DESIGN §12). One mark is of the
login as typed, which is all that is known before the source is asked; the other of the account that the source found by
it. A mark is a keyed digest of the device and of that: it names nobody, and is worth nothing on another device or for
anybody else. What the cookie allows is no more than a count of guesses of its own.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, replace

from broker.domain.handles import Handle, is_handle, new_handle

MOST_MARKS = 16
"""Of the logins that one device is remembered for and their accounts; the longest unused goes first."""
_MARK = 32


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """A device and its marks, the last used first."""

    device: str
    marks: tuple[str, ...] = ()

    def knows(self, key: bytes, name: str) -> bool:
        """Tell whether this login or account was once right on this device."""
        own = _mark(key, self.device, name)
        return any(hmac.compare_digest(mark, own) for mark in self.marks)

    def remembering(self, key: bytes, *names: str) -> KnownDevice:
        """The same device, with a mark for each of these in front."""
        marks = tuple(_mark(key, self.device, name) for name in names)
        return replace(self, marks=(*marks, *(each for each in self.marks if each not in marks))[:MOST_MARKS])

    def write(self) -> str:
        """The value of its cookie."""
        return ".".join((self.device, *self.marks))


def read_device(cookie: str) -> KnownDevice:
    """The device of a cookie; a new one that knows nobody where the cookie is none of ours."""
    device, *marks = cookie.split(".", MOST_MARKS)
    shaped = all(len(mark) == _MARK and mark.isascii() and mark.isalnum() for mark in marks)
    if not is_handle(Handle.DEVICE, device) or not shaped:
        return KnownDevice(new_handle(Handle.DEVICE))
    return KnownDevice(device, tuple(marks))


def _mark(key: bytes, device: str, name: str) -> str:
    return hmac.new(key, f"{device}\n{name}".encode(), hashlib.sha256).hexdigest()[:_MARK]
