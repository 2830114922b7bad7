"""The plain matcher: guardians under one name key whose contacts are the same. Supports a proposal, never a link.

A matcher that weighs more grounds may stand behind the same port.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from broker.domain.names import fold
from broker.domain.ports import MatchSubject, ScoredPair

_SCORES = {0: 0.0, 1: 0.8, 2: 0.9, 3: 0.95}
"""By how many contacts agree. Fixed and uncalibrated: e-mails and mobiles are shared in real families."""


class SameContacts:
    """Scores a pair by how many of mobile, mail and address are the same."""

    def score(self, candidates: Iterable[tuple[MatchSubject, MatchSubject]]) -> Iterator[ScoredPair]:
        """Pairs that share the name key and at least one contact."""
        for left, right in candidates:
            if left.name_key != right.name_key:
                continue
            grounds = [name for name, mine, theirs in _contacts(left, right) if mine and mine == theirs]
            if grounds:
                yield ScoredPair(left.record_id, right.record_id, _SCORES[len(grounds)], "+".join(grounds))


def _contacts(left: MatchSubject, right: MatchSubject) -> tuple[tuple[str, str, str], ...]:
    return (
        ("mobile", left.mobile, right.mobile),
        ("mail", left.mail.casefold(), right.mail.casefold()),
        ("address", fold(left.address), fold(right.address)),
    )
