"""A login begun here for a service: the browser is led to where the service begins it (OIDC Core §4)."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Response, request

from broker.domain.errors import PageNotFound, ServiceSuspended
from broker.web.parts import PageParts
from broker.web.render import see_other
from broker.web.sign_in import service_of
from broker.web.visitor import find_session
from broker.wire import oauth
from broker.wire.http import with_parameters


@dataclass(frozen=True, slots=True)
class Start:
    """The page /start/<service>: never a page, and of no use to whoever wants to lead a browser elsewhere."""

    parts: PageParts

    def go(self, service_id: str) -> Response:
        """GET /start/<service>[?uai=…]: send the browser to the service, which then asks for a login as ever.

        `target_link_uri` is the address that the register holds for the school, nothing that came with the request;
        no `login_hint` is sent: the service learns who it is at the end, by its own subject. A client that registered
        itself is one to go to only for whoever said so in this visit: else our address would lead anywhere.
        """
        service = service_of(self.parts, service_id)
        if service is None or not service.login_starts_at:
            raise PageNotFound("no service that has a login begun for it")
        if self.parts.federation.agreements.missing(service, find_session(self.parts)):
            raise PageNotFound("a service that registered itself, to which nobody here said yes")
        if service.is_suspended:
            raise ServiceSuspended("suspended by an administrator")
        target = service.url_for(request.args.get("uai", ""))
        told = {oauth.ISS: self.parts.issuer} | ({"target_link_uri": target} if target else {})
        return see_other(with_parameters(service.login_starts_at, told))
