"""The pages "Mes appareils" and "Qui a utilisé mon accès", and « Ce n'est pas moi », which closes at once."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Response, request

from broker.accounts.freeze import NotMe, freeze
from broker.domain.audit import Action, AuditEvent
from broker.domain.errors import PageNotFound
from broker.domain.places import CloseSessions
from broker.federation.farewells import Farewell
from broker.portal import HISTORY, ON_A_PAGE, build_places
from broker.web.parts import PageParts
from broker.web.render import page, parting, see_other
from broker.web.visitor import SignedIn, current_visitor, require_signed_in

CLOSED_PAGE = "/acces-ferme"
_MOST_PAGES = 500


@dataclass(frozen=True, slots=True)
class PlacesPages:
    """The pages /appareils and /passages. Closing asks for no more than the session: it is the safe direction."""

    parts: PageParts

    def show(self) -> Response:
        """GET /appareils: where the person is signed in now."""
        me = require_signed_in(self.parts)
        found = self.parts.places.open_places(me.person.person_id, now=self.parts.clock())
        places = build_places(found, here=me.session.sid)
        return page("places.html", places=places, sources=self.parts.sources, done=request.args.get("fait") == "ferme")

    def close(self) -> Response:
        """POST /appareils: end one session of the person's, or all the others."""
        me, visitor = require_signed_in(self.parts), current_visitor()
        sid, now = request.form.get("sid", ""), self.parts.clock()
        if sid == me.session.sid:
            return see_other("/deconnexion")
        person_id = me.person.person_id
        detail = {"which": sid or "others", "kept": me.session.sid}
        audit = AuditEvent(
            tenant=self._tenant(me), at=now, action=Action.SESSIONS_CLOSED, actor=person_id, subject=person_id,
            trace=visitor.trace, detail=detail,
        )  # fmt: skip
        self.parts.places.close(CloseSessions(person_id, sid, me.session.sid, now, audit))
        return see_other("/appareils?fait=ferme")

    def history(self) -> Response:
        """GET /passages: every sign-in of a year, some on each page."""
        me, now, number = require_signed_in(self.parts), self.parts.clock(), _page_number()
        found = self.parts.places.passages(
            me.person.person_id,
            since=now - HISTORY,
            now=now,
            offset=(number - 1) * ON_A_PAGE,
            limit=ON_A_PAGE + 1,
        )
        places = build_places(found, here=me.session.sid, number=number)
        told = self.parts.access_notices.of_person(me.person.person_id, limit=ON_A_PAGE) if number == 1 else ()
        return page("passages.html", places=places, sources=self.parts.sources, told=told)

    def not_me(self) -> Response:
        """POST /passages: close the login of a sign-in that was somebody else's, or the whole access; end everything.

        This session ends with all others: which of them is the thief's is not known.
        """
        me = require_signed_in(self.parts)
        account_id = self._account_of(me, request.form.get("sid", ""))
        said = NotMe(
            person_id=me.person.person_id,
            actor=me.person.person_id,
            account_id=account_id,
            tenant=self._tenant(me),
            trace=current_visitor().trace,
            now=self.parts.clock(),
        )
        freeze(self.parts.places, said)
        self.parts.federation.live.forget(me.session.handle_digest)
        response = parting(self.parts.federation.farewells.keep(Farewell(me.session.visit)))
        response.headers["Location"] = f"{CLOSED_PAGE}?quoi={'acces' if account_id else 'tout'}"
        return response

    def closed(self) -> Response:
        """GET /acces-ferme: what is closed now, and what to do next. It names nobody: anybody may read it."""
        return page("closed.html", everything=request.args.get("quoi") == "tout")

    def _account_of(self, me: SignedIn, sid: str) -> str:
        """The login of a sign-in of this person's; empty where the person closes everything."""
        if not sid:
            return ""
        now = self.parts.clock()
        found = self.parts.places.passages(
            me.person.person_id, since=now - HISTORY, now=now, offset=0, limit=_MOST_PAGES * ON_A_PAGE
        )
        account_id = next((each.account_id for each in found if each.sid == sid), "")
        if not account_id:
            raise PageNotFound("not a sign-in of this person")
        return account_id

    def _tenant(self, me: SignedIn) -> str:
        return self.parts.federation.upstreams.tenant_of(me.session.authn.authority)


def _page_number() -> int:
    asked = request.args.get("page", "1")
    number = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) <= len(str(_MOST_PAGES)) else 1
    return min(max(number, 1), _MOST_PAGES)
