"""Seam to the staff of schools as a desk knows them (adapter in `storage`)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from broker.domain.desk import Colleague, Delegation
from broker.domain.people import PersonName


class Colleagues(Protocol):
    """Who works beside an agent, in a school or at its desk."""

    def name_of(self, account_id: str) -> str:
        """What the agent's source called whoever signs in by this account; empty where it said nothing."""
        ...

    def staff(self, uai: str, *, now: datetime) -> tuple[PersonName, ...]:
        """The staff of a school, as its feeds name them."""
        ...

    def signed_in(self, sources: Collection[str]) -> tuple[Colleague, ...]:
        """Whoever signed in at one of these sources of agents, and is called something there."""
        ...

    def delegations(self, uai: str, *, now: datetime) -> tuple[Delegation, ...]:
        """The posts at the front desk of a school that stand, whoever gave them."""
        ...
