"""The way out: asked first, done by a POST, and told afterwards."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Response

from broker.web.cookies import sign_out_cookies
from broker.web.parts import PageParts
from broker.web.render import page, see_other
from broker.web.visitor import current_visitor, require_signed_in


@dataclass(frozen=True, slots=True)
class SignOut:
    """The pages /deconnexion and /au-revoir."""

    parts: PageParts

    def ask(self) -> Response:
        """GET /deconnexion: a link alone signs nobody out (any page on the web could hold it)."""
        require_signed_in(self.parts)
        return page("sign_out.html")

    def leave(self) -> Response:
        """POST /deconnexion: end the session and what was granted in it, and empty the browser of it."""
        visitor = current_visitor()
        if visitor.session_handle:
            self.parts.federation.sign_out(visitor.session_handle, trace=visitor.trace)
        response = see_other("/au-revoir")
        # Not "cookies": that would also empty every neighbour on the same registrable domain.
        response.headers["Clear-Site-Data"] = '"cache", "storage"'
        for cookie in sign_out_cookies():
            response.headers.add(*cookie)
        return response

    def farewell(self) -> Response:
        """GET /au-revoir: what is closed, and what is not ours to close."""
        return page("signed_out.html")
