"""Seam to persons as hot endpoints read them: together with the act that they decide, in one statement."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from broker.domain.acts import Redeem
from broker.domain.portraits import DetailClaims, Portrait, Renewal, TokenPortrait


class Portraits(Protocol):
    """The person behind a session, refresh token or access token. Hot: statements are counted in tests."""

    def remembered(self, person_id: str, *, now: datetime) -> Portrait | None:
        """The portrait that this process drew last, or None. Good only for an act that names its mark."""
        ...

    def read(self, person_id: str, *, now: datetime) -> Portrait:
        """Draw the portrait now."""
        ...

    def renew(self, act: Redeem) -> Renewal | None:
        """Carry out a redemption (`Grants.redeem`) and draw its person, in one statement."""
        ...

    def of_token(self, token_digest: str, *, claims: DetailClaims, now: datetime) -> TokenPortrait | None:
        """A live token of a live grant and session, and its person, in one statement; None for anything else."""
        ...
