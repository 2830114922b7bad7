"""What a service provider is told at a login: by the register and the policies, computed anew each time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from broker.domain.errors import AccessDenied
from broker.domain.people import Space
from broker.domain.portraits import Portrait
from broker.domain.ports import Details, Grants
from broker.domain.released import Released
from broker.domain.services import Protocol, Service
from broker.protocol.saml.provider import Provider
from broker.services.release import About, Asker, release_for
from broker.services.release_details import needs_children, read_details
from policies import PolicyBook


@dataclass(frozen=True, slots=True)
class Releases:
    """Reads what a release needs and builds it."""

    grants: Grants
    details: Details

    def subject(self, service: Service, person_id: str, portrait: Portrait, *, now: datetime) -> str:
        """The person's pairwise identifier at the service: the same by every protocol."""
        known = portrait.subjects.get((service.sector, service.space))
        return known or self.grants.subject(person_id, sector=service.sector, space=service.space, now=now)

    def build(
        self, provider: Provider, portrait: Portrait, book: PolicyBook, *, subject: str, school: str, now: datetime
    ) -> Released:
        """What is told; `school`: the one in play, empty: none. Raises `ReleaseRefused`, `AccessDenied`."""
        service, person = provider.service, portrait.person
        if person is None:
            raise AccessDenied("no live record")
        asker = Asker(service, Protocol.SAML, school)
        claims = [claim.value for claim in service.claims]
        about = About(
            person,
            portrait.children if asker.by_school or needs_children(claims) else (),
            subject=subject,
            child_subject=self._child_subject(service, now=now),
            now=now,
            details=read_details(self.details, person, claims, now=now),
        )
        return release_for(book.of(service.tenant), asker, about)

    def _child_subject(self, service: Service, *, now: datetime) -> Callable[[str], str]:
        def subject(child_id: str) -> str:
            return self.grants.subject(child_id, sector=service.sector, space=Space.FAMILY, now=now)

        return subject
