"""The way out: asked first, done by a POST, and told afterwards, service by service."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Response, request

from broker.domain.errors import UnavailableError
from broker.domain.ports import Return
from broker.federation.farewells import FAREWELL, Farewell, SourceFarewell
from broker.portal import Receipts, build_receipts
from broker.protocol.oidc.front_channel import frame_addresses
from broker.services.addresses import origin_of
from broker.web.faults import START
from broker.web.parts import PageParts, SourceOffer
from broker.web.render import page, parting, see_other
from broker.web.visitor import NotSignedIn, current_visitor
from broker.wire.http import FAREWELL_COOKIE, parse_cookies

ONWARD_AFTER = 3
"""Seconds for the framed services to load before the browser is led on."""
NEXT_PERSON = "connexion"
"""Value of `suite`: somebody else is to sign in now."""
_NOTHING = Receipts((), ())


@dataclass(frozen=True, slots=True)
class SignOut:
    """The pages /deconnexion and /au-revoir."""

    parts: PageParts

    def ask(self) -> Response:
        """GET /deconnexion: a link alone signs nobody out (any page on the web could hold it).

        Asked also where the session was idle too long: what services hold of it ends with this alone.
        """
        if self.parts.federation.unended(current_visitor().session_handle) is None:
            raise NotSignedIn
        return page("sign_out.html")

    def leave(self) -> Response:
        """POST /deconnexion: end the session and what was granted in it, and empty the browser of it.

        Whoever changes persons is led on to the sign-in page, by way of the sources that have to be signed out of: the
        next person must not come in by what the last one left open there.
        """
        visitor, handle = current_visitor(), ""
        if self.parts.ways_in is not None:
            self.parts.ways_in.screens.forget(visitor.browser)
        onward = START if request.form.get("suite", "") == NEXT_PERSON else ""
        if visitor.session_handle:
            handle = self.parts.federation.sign_out(visitor.session_handle, trace=visitor.trace, onward=onward)
        response = parting(handle)
        if onward and not handle:
            response.headers["Location"] = onward
        return response

    def farewell(self) -> Response:
        """GET /au-revoir: what is closed, who confirmed, and what is not ours to close.

        Whoever signed out by a service is led on to it: at once, or after the page has told those that it frames; on a
        shared device not before they saw that a source is open which leads nobody back.
        """
        farewell = self._farewell()
        receipts = self._receipts(farewell)
        frames = self._frames(receipts, visit=farewell.visit)
        onward = f"{FAREWELL}/{farewell.next_source}" if farewell.next_source else farewell.onward
        stays = "voir" in request.args or farewell.asks
        # Browsers follow the form of « Changer de personne » to no other site (CSP form-action): sources are left here.
        leaves_from_form = farewell.onward == START and farewell.next_source
        if farewell.onward and not (frames or stays or leaves_from_form):
            return see_other(onward)
        origins = [origin_of(address) for address in frames]
        response = page(
            "signed_out.html",
            frame_origins=origins,
            receipts=receipts,
            frames=frames,
            onward=farewell.onward,
            next_person=farewell.onward == START,
            upstream=self._upstream(farewell),
        )
        if onward and not stays:
            response.headers["Refresh"] = f"{ONWARD_AFTER}; url={onward}"
        return response

    def leave_source(self, source_id: str) -> Response:
        """GET /au-revoir/<source>: go and sign out there too. The address was made by its connector at the sign-out."""
        return _untold(see_other(self.parts.federation.partings.leave(self._handle(), source_id) or FAREWELL))

    def come_back(self, source_id: str) -> Response:
        """GET /au-revoir/<source>/retour: back from there, to the page that says what came of it."""
        query = request.query_string.decode("ascii", "replace")
        answer = Return(params=request.args.to_dict(), url=f"{self.parts.issuer}{request.path}?{query}")
        self.parts.federation.partings.come_back(self._handle(), source_id, answer)
        return _untold(see_other(FAREWELL))

    def _upstream(self, farewell: Farewell) -> tuple[tuple[SourceOffer, SourceFarewell], ...]:
        """The sources of the visit by their names, with what is left to do at each."""
        known = self.parts.sources
        return tuple((known[leg.source_id], leg) for leg in farewell.sources if leg.source_id in known)

    def _frames(self, receipts: Receipts, *, visit: str) -> tuple[str, ...]:
        """Where the page tells services by itself: those of OpenID Connect, then those of SAML."""
        by_openid = frame_addresses(receipts.shown, issuer=self.parts.issuer, visit=visit)
        if self.parts.saml_frames is None or not receipts.providers:
            return by_openid
        by_saml = self.parts.saml_frames.addresses(receipts.providers, visit=visit, now=self.parts.clock())
        return (*by_openid, *by_saml)

    def _farewell(self) -> Farewell:
        """What ended in this browser a moment ago; an empty one when nothing did."""
        return self.parts.federation.farewells.find(self._handle()) or Farewell("")

    def _handle(self) -> str:
        return parse_cookies(request.headers.get("Cookie", "")).get(FAREWELL_COOKIE, "")

    def _receipts(self, farewell: Farewell) -> Receipts:
        """Nothing while the database is away: that the person is signed out is said all the same."""
        if not farewell.visit:
            return _NOTHING
        try:
            return build_receipts(self.parts.notices.of_visit(farewell.visit), self.parts.services.current())
        except UnavailableError:
            return _NOTHING


def _untold(response: Response) -> Response:
    """No address of ours is told to a source, nor one of a source to us: they hold what signs people out."""
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
