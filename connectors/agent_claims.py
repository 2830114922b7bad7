"""The desk of an academy by OpenID Connect: its claims bear the names that the directory's attributes have in SAML."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from broker.domain.desk import SaidPost
from broker.domain.people import Reference
from connectors.agents import APPLICATION, posts_of
from connectors.claims import Claims, texts_of


@dataclass(frozen=True, slots=True)
class AgentClaimsProfile:
    """`Profile` of an academy's desk. `application`: by which name heads delegate our desk."""

    application: str = APPLICATION

    def references(self, claims: Claims) -> tuple[Reference, ...]:  # noqa: ARG002 - part of the seam
        """None: the desk knows staff by number."""
        return ()

    def methods(self, claims: Claims) -> tuple[str, ...]:  # noqa: ARG002 - part of the seam
        """None beyond `amr`."""
        return ()

    def posts(self, claims: Claims, *, now: datetime) -> tuple[SaidPost, ...]:
        """The schools that the agent heads, and those where a head lets them help."""
        return posts_of(partial(texts_of, claims), self.application, now=now)
