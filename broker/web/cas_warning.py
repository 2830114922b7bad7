"""The page before a service that asked, by CAS, that nobody enters it without noticing (`warn`)."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Response, request

from broker.domain.errors import BadPageRequest, PageNotFound
from broker.domain.handles import Handle, is_handle
from broker.protocol.cas.requests import LOGIN_RESUME
from broker.web.parts import PageParts
from broker.web.render import page
from broker.web.sign_in import service_of
from broker.web.visitor import require_signed_in
from broker.wire.http import with_parameters


@dataclass(frozen=True, slots=True)
class CasWarning:
    """The page /cas/avertir. What waits is known by its handle, and taken up in this browser alone."""

    parts: PageParts

    def show(self) -> Response:
        """GET /cas/avertir: where the person goes next, and the way on. It decides nothing: every check comes after."""
        require_signed_in(self.parts)
        service, waiting = service_of(self.parts, request.args.get("service", "")), request.args.get("i", "")
        if service is None or service.cas is None:
            raise PageNotFound("no service that speaks CAS")
        if not is_handle(Handle.REQUEST, waiting):
            raise BadPageRequest("nothing waits here")
        return page("cas_warning.html", service=service, onward=with_parameters(LOGIN_RESUME, {"i": waiting}))
