"""Seam to the posts of agents (adapter in `storage`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from broker.domain.desk import DeskSchool, EndPost, GrantPost, HeldPost


class DeskPosts(Protocol):
    """Who may do what at the desk. What a source says is written by `Sessions.open`, in the login that says it."""

    def of_account(self, account_id: str, *, now: datetime) -> tuple[HeldPost, ...]:
        """The posts that stand for this account."""
        ...

    def standing(self, *, now: datetime) -> tuple[HeldPost, ...]:
        """Every post that stands."""
        ...

    def accounts(self, source_id: str, subject: str) -> tuple[str, ...]:
        """The accounts that sign in at this source under this key."""
        ...

    def places(self, posts: Sequence[HeldPost]) -> tuple[DeskSchool, ...]:
        """The schools that these posts cover."""
        ...

    def grant(self, act: GrantPost) -> None:
        """Give a post. Raises `NoSuchSubject` for an account that is not there, or a school."""
        ...

    def end(self, act: EndPost) -> bool:
        """Take a post back; False when none of this id stands."""
        ...
