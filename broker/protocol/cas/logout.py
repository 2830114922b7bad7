"""Single logout (CAS Protocol 3.0.3 §2.3.3): a service is told, server to server, that a visit ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from urllib.parse import urlencode
from uuid import UUID

from broker.domain.cas import LogoutStyle
from broker.domain.errors import UpstreamUnavailable
from broker.domain.logouts import Logout, LogoutUntold, Untold
from broker.domain.ports import Current, Services
from broker.domain.release_rules import IdShape, PrincipalKind, ReleaseRules
from broker.domain.services import Service
from broker.wire.cas_logout import NOT_USED, write_logout_request

FIELD = "logoutRequest"
FORM, XML = "application/x-www-form-urlencoded", "text/xml; charset=utf-8"

Post = Callable[[str, str, str], int]
"""Sends a body of a media type to an address and returns the status; raises `UpstreamUnavailable`. Guarded."""


_NOT_NOW = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS})
"""What a service answers that is being put up, or that has too much to do: tried again."""


@dataclass(frozen=True, slots=True)
class CasLogout:
    """`LogoutNotifier` for services that speak CAS."""

    services: Current[Services]
    post: Post

    def notify(self, logout: Logout, *, now: datetime) -> None:
        """See `LogoutNotifier.notify`. The service finds its session by the ticket that it was made of."""
        service = self.services.current().by_client(logout.client_id)
        client = service.cas if service else None
        url = (client.logout_url or logout.url) if client else ""
        if service is None or client is None or not url or client.logout is LogoutStyle.NONE:
            raise LogoutUntold(Untold.NO_ADDRESS)
        request = write_logout_request(name_of(service, logout.subject), logout.index, now=now)
        if client.logout is LogoutStyle.BODY:
            status = self.post(url, request, XML)
        else:
            status = self.post(url, urlencode({FIELD: request}), FORM)
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return
        if status in _NOT_NOW or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise UpstreamUnavailable(f"answered {status}")
        raise LogoutUntold(Untold.REFUSED)  # led to a login page, say: it read nothing, and would read nothing again


def name_of(service: Service, subject: str) -> str:
    """The person's pairwise name there; of any other name nothing is kept, and clients look at the index alone."""
    rule = (service.release or ReleaseRules()).principal
    if rule.kind is PrincipalKind.SUBJECT:
        return subject
    if rule.kind is PrincipalKind.ID:
        return str(UUID(hex=subject)) if rule.shape is IdShape.UUID else subject
    return NOT_USED
