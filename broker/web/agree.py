"""The question before a client that registered itself: nobody checked it, so the person says yes first."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Response, request
from werkzeug.datastructures import MultiDict

from broker.domain.errors import BadPageRequest, PageNotFound, ServiceSuspended
from broker.domain.handles import Handle, is_handle
from broker.domain.services import Service
from broker.protocol.oidc.provider import RESUME_PATH
from broker.web.parts import PageParts
from broker.web.render import page, see_other
from broker.web.sign_in import service_of, service_origins
from broker.web.visitor import require_signed_in
from broker.wire.http import with_parameters


@dataclass(frozen=True, slots=True)
class Agree:
    """The page /accord. What waits for the answer is known by its handle, and taken up in this browser alone."""

    parts: PageParts

    def ask(self) -> Response:
        """GET /accord: who asks, at which host, and that nobody checked it. A link alone says yes to nothing."""
        require_signed_in(self.parts)
        service, waiting = self._read(request.args)
        return page("agree.html", return_origins=service_origins(service), service=service, waiting=waiting)

    def say_yes(self) -> Response:
        """POST /accord: keep the yes for this visit, and take up what waited for it."""
        me = require_signed_in(self.parts)
        service, waiting = self._read(request.form)
        self.parts.federation.agreements.give(service, me.session)
        return see_other(with_parameters(RESUME_PATH, {"i": waiting}))

    def _read(self, values: MultiDict[str, str]) -> tuple[Service, str]:
        service, waiting = service_of(self.parts, values.get("service", "")), values.get("i", "")
        if service is None or service.registered is None:
            raise PageNotFound("no service that registered itself")
        if service.is_suspended:
            raise ServiceSuspended("suspended by an administrator")
        if not is_handle(Handle.REQUEST, waiting):
            raise BadPageRequest("nothing waits for this answer")
        return service, waiting
