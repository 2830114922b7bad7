"""The audit chain as pure functions: what a link covers, and what is wrong with a chain that was read back.

Link n is SHA-256 over link n-1 and the canonical JSON of event n with its position. Ids of rows are not covered: the
position is, so that an event under another id at another place shows as reordered, not as two edits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from broker.domain.audit import AuditFault, FaultKind

START = "0" * 64
"""What the first link of a chain follows."""
MOST_SUSPECTS = 32
"""Reordering is looked for among so many broken links (the work is cubic); beyond, a broken link is called edited."""
MOST_MISSING = 100
"""Places of one gap that are named: a forged link far ahead must not make the report endless."""


@dataclass(frozen=True, slots=True)
class Link:
    """One place in the chain as stored; `content` is None when the event behind it is gone."""

    position: int
    digest: str
    content: dict[str, object] | None


@dataclass(frozen=True, slots=True)
class Head:
    """The newest link, as signed."""

    tenant: str
    position: int
    digest: str
    signed_at: datetime
    signature: str = ""

    def signed_bytes(self) -> bytes:
        """What the signature covers."""
        fields = {"tenant": self.tenant, "position": self.position, "digest": self.digest}
        return canonical({"kind": "preau audit head", **fields, "signed_at": instant(self.signed_at)})


def canonical(content: dict[str, object]) -> bytes:
    """One byte string for one content: sorted keys, no spaces, UTF-8."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def instant(moment: datetime) -> str:
    """UTC with microseconds, the precision both databases keep."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def link_digest(previous: str, position: int, content: dict[str, object]) -> str:
    """The digest of the link at `position` that follows `previous`."""
    return hashlib.sha256(previous.encode() + canonical({"position": position, "event": content})).hexdigest()


@dataclass(slots=True)
class Inspection:
    """Reads a chain from its first link on and collects what is wrong; memory does not grow with a sound chain."""

    tenant: str
    position: int = 0
    digest: str = START
    _faults: list[AuditFault] = field(default_factory=list)
    _suspects: list[Link] = field(default_factory=list)
    _anchors: list[str] = field(default_factory=list)

    def read(self, links: Iterable[Link]) -> None:
        """Take the next links, in stored order; after a fault the stored digest is followed: each is named once."""
        for link in links:
            missing = range(self.position + 1, link.position)[:MOST_MISSING]
            self._faults += (self._fault(gone, FaultKind.DELETED) for gone in missing)
            unbroken = link.position == self.position + 1
            if link.content is None:
                self._faults.append(self._fault(link.position, FaultKind.DELETED))
            elif unbroken and link_digest(self.digest, link.position, link.content) != link.digest:
                self._suspects.append(link)
                self._anchors.append(self.digest)
            self.position, self.digest = link.position, link.digest

    def judge_head(self, head: Head | None, *, genuine: bool, at_head: str | None) -> None:
        """Compare with the signed head; `at_head` is the digest stored at the head's position."""
        if head is None:
            if self.position:
                self._faults.append(self._fault(self.position, FaultKind.TRUNCATED))
            return
        moved = any(link.position == head.position for link in self._suspects)
        if not genuine or (at_head is not None and at_head != head.digest and not moved):
            self._faults.append(self._fault(head.position, FaultKind.FORGED))
        if head.position > self.position:
            self._faults.append(self._fault(self.position + 1, FaultKind.TRUNCATED))
        elif head.position < self.position:
            self._faults.append(self._fault(head.position + 1, FaultKind.FORGED))

    def faults(self) -> tuple[AuditFault, ...]:
        """Everything found, in the order of the chain."""
        found = [*self._faults, *self._named_suspects()]
        return tuple(sorted(found, key=lambda fault: (fault.position, fault.kind)))

    def _named_suspects(self) -> Iterator[AuditFault]:
        """A broken link is *reordered* when some other broken link's event belongs, by its digest, at this place."""
        digests = [link.digest for link in self._suspects]
        previous = {*digests, *self._anchors}
        for link in self._suspects:
            moved = len(digests) <= MOST_SUSPECTS and self._belongs_elsewhere(link, previous, frozenset(digests))
            yield self._fault(link.position, FaultKind.REORDERED if moved else FaultKind.EDITED)

    def _belongs_elsewhere(self, link: Link, previous: Iterable[str], digests: frozenset[str]) -> bool:
        contents: Sequence[dict[str, object]] = [other.content for other in self._suspects if other.content is not None]
        return any(
            link_digest(before, link.position, content) in digests
            for before in previous
            for content in contents
            if content is not link.content
        )

    def _fault(self, position: int, kind: FaultKind) -> AuditFault:
        return AuditFault(tenant=self.tenant, position=position, kind=kind)
