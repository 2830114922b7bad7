"""Seam to the staff of schools as a desk knows them (adapter in `storage`)."""

from __future__ import annotations

from typing import Protocol


class Colleagues(Protocol):
    """Who works beside an agent."""

    def name_of(self, account_id: str) -> str:
        """What the agent's source called whoever signs in by this account; empty where it said nothing."""
        ...
