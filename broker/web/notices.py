"""Small answers: the page of an error after a return from a source, health, robots, the style sheet."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from flask import Response, request

from broker.domain.errors import PageNotFound, every_fault
from broker.web.assets import StyleSheet
from broker.web.faults import NOTICE_FIELDS, fault_page
from broker.web.forms import seal_notice
from broker.web.parts import PageParts
from broker.web.visitor import current_visitor

_YEAR = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Notices:
    """Answers that need neither a session nor a form."""

    parts: PageParts
    style: StyleSheet

    def fault(self) -> Response:
        """GET /avis: the error this browser was led to; to any other browser there is no such page."""
        code, trace, restart = told = tuple(request.args.get(name, "") for name in NOTICE_FIELDS)
        expected = seal_notice(self.parts.csrf_key, told, browser=current_visitor().browser)
        kind = every_fault().get(code)
        if kind is None or not hmac.compare_digest(request.args.get("s", "").encode(), expected.encode()):
            raise PageNotFound("notice of another browser")
        return fault_page(kind, trace=trace, restart=restart)

    def health(self) -> Response:
        """GET /sante: 200 while the database answers, 503 otherwise."""
        if self.parts.healthy():
            return Response('{"status":"ok"}', mimetype="application/json")
        return Response('{"status":"down"}', status=503, mimetype="application/json")

    def robots(self) -> Response:
        """GET /robots.txt: nothing here is for a search engine."""
        return Response("User-agent: *\nDisallow: /\n", mimetype="text/plain")

    def style_sheet(self, name: str) -> Response:
        """GET /static/<name>: the one static file, kept by browsers for ever under this name."""
        if name != self.style.name:
            raise PageNotFound("no such file")
        response = Response(self.style.body, mimetype="text/css")
        response.headers["Cache-Control"] = f"public, max-age={_YEAR}, immutable"
        return response
