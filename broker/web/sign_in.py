"""The way in: choose a source, leave for it, come back from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from flask import Response, request

from broker.domain.errors import BadPageRequest, PageNotFound, PreauError
from broker.domain.ports import Return
from broker.domain.services import Service
from broker.domain.sessions import Device
from broker.domain.standings import StandingKind
from broker.federation import Arrival, LoginRequest, SignInChoices, local_path
from broker.services.addresses import origin_of
from broker.web.cookies import device_cookie, no_farewell_cookie, session_cookie
from broker.web.faults import notice_redirect
from broker.web.languages import BY_CODE
from broker.web.parts import PageParts, SourceOffer
from broker.web.render import page, see_other
from broker.web.self_post import lead_away
from broker.web.visitor import current_visitor, find_session, second_path
from broker.wire.http import FAREWELL_COOKIE, parse_cookies

AFTER_STEP_UP: Mapping[str, str] = {
    "acces": "/acces",
    "donnees": "/donnees/export",
    "joindre": "/moyens",
    "ecran": "/device",
    "moyens": "/second",
    "enfants": "/enfants",
}
"""Values of `but`: what the login is asked again for, and where it leads. Any other value asks for nothing."""


def prove_again(purpose: str) -> str:
    """Where to prove again who one is, for this purpose."""
    return f"/connexion?{urlencode({'but': purpose})}"


@dataclass(frozen=True, slots=True)
class SignInDoor:
    """A source on the sign-in page. One that is down keeps its button; one that an administrator closed has none."""

    source: SourceOffer
    is_down: bool
    is_closed: bool


@dataclass(frozen=True, slots=True)
class SignIn:
    """The pages under /connexion and /retour."""

    parts: PageParts

    def ask(self) -> Response:
        """GET /connexion: the sources to choose from, and the service that asked; no question when none is open."""
        interaction_handle, visitor = request.args.get("i", ""), current_visitor()
        asked = request.args.get("but", "")
        purpose = asked if asked in AFTER_STEP_UP else ""
        session = find_session(self.parts)
        if not interaction_handle:
            return self.offer(purpose) if purpose or session is None else see_other("/")
        wanted = self._language_of(interaction_handle)
        if wanted:
            return see_other(f"/connexion?{urlencode({'i': interaction_handle, 'lang': wanted})}")
        choices = self.parts.federation.choices(interaction_handle, browser=visitor.browser, session=session)
        if choices.done:
            return see_other(local_path(choices.resume))
        if choices.straight:
            departure = self.parts.federation.depart(interaction_handle, choices.straight, browser=visitor.browser)
            return lead_away(departure)
        return self._show(
            interaction_handle, self._doors(choices), service_of(self.parts, choices.service_id), choices=choices
        )

    def offer(self, purpose: str = "") -> Response:
        """The sign-in page for the portal itself. The login begins when a source is chosen: looking writes nothing.

        Whoever only has to prove again who they are is offered the source they came in by.
        """
        session = find_session(self.parts) if purpose else None
        last = self.parts.sources.get(session.authn.authority) if session else None
        sources = (last,) if last else tuple(self.parts.sources.values())
        down = self.parts.federation.ways(now=self.parts.clock()).down
        return self._show("", tuple(self._door(source, down=down) for source in sources), None, purpose=purpose)

    def choose(self) -> Response:
        """POST /connexion: remember the device's kind and send the browser to the chosen source."""
        source_id = request.form.get("source", "")
        if source_id not in self.parts.sources:
            raise BadPageRequest("no such source")
        visitor = current_visitor()
        interaction_handle = request.form.get("i", "") or self._begin(request.form.get("but", ""))
        response = lead_away(self.parts.federation.depart(interaction_handle, source_id, browser=visitor.browser))
        own = request.form.get("device", "") == Device.OWN
        response.headers.add(*device_cookie(Device.OWN if own else Device.SHARED))
        return response

    def come_back(self, source_id: str) -> Response:
        """GET /retour/<source>: check the answer, open the session. Never a page: the address holds a code."""
        try:
            response = self._arrive(source_id)
        except PreauError as fault:
            response = notice_redirect(fault, key=self.parts.csrf_key)
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    def _arrive(self, source_id: str) -> Response:
        if source_id not in self.parts.sources:
            raise PageNotFound("callback of an unknown source")
        visitor = current_visitor()
        query = request.query_string.decode("ascii", "replace")
        params = self.parts.federation.with_posted(source_id, request.args.to_dict())
        arrival = self.parts.federation.arrive(
            source_id,
            Return(params=params, url=f"{self.parts.issuer}{request.path}?{query}"),
            browser=visitor.browser,
            device=visitor.device,
            current=visitor.session_handle or None,
            trace=visitor.trace,
            software=visitor.software,
        )
        return welcome(arrival, now=self.parts.clock())

    def _begin(self, purpose: str) -> str:
        wanted = LoginRequest(
            resume=AFTER_STEP_UP.get(purpose, "/"),
            prompt=frozenset({"login"} if purpose in AFTER_STEP_UP else ()),
            locale=current_visitor().language.code,
        )
        return self.parts.federation.begin(wanted, browser=current_visitor().browser, now=self.parts.clock())

    def _show(
        self,
        interaction_handle: str,
        doors: tuple[SignInDoor, ...],
        service: Service | None,
        *,
        purpose: str = "",
        choices: SignInChoices | None = None,
    ) -> Response:
        return page(
            "sign_in.html",
            return_origins=_origins(doors) | service_origins(service),
            interaction=interaction_handle,
            purpose=purpose,
            doors=doors,
            service=service,
            step_up=choices is not None and choices.step_up,
            own_device=current_visitor().device is Device.OWN,
            left=self._somebody_left(),
        )

    def _somebody_left(self) -> bool:
        """Tell whether somebody signed out at this browser a moment ago, and nobody is signed in."""
        handle = parse_cookies(request.headers.get("Cookie", "")).get(FAREWELL_COOKIE, "")
        return self.parts.federation.farewells.find(handle) is not None and not current_visitor().session_handle

    def _language_of(self, interaction_handle: str) -> str:
        """The language the service asked for (OIDC Core §3.1.2.1 `ui_locales`), until the person chose one."""
        visitor = current_visitor()
        if visitor.asked_language in BY_CODE or visitor.kept_language in BY_CODE:
            return ""
        wanted = self.parts.federation.interaction(interaction_handle, browser=visitor.browser).request.locale
        return wanted if wanted in BY_CODE and wanted != visitor.language.code else ""

    def _doors(self, choices: SignInChoices) -> tuple[SignInDoor, ...]:
        """The sources of a login in progress, and beside them those that are closed: nobody should look for them."""
        every = (self._door(source, down=choices.down) for source in self.parts.sources.values())
        offered = frozenset(choices.source_ids)
        return tuple(
            door for door in every if door.source.source_id in offered or (door.is_closed and not choices.step_up)
        )

    def _door(self, source: SourceOffer, *, down: frozenset[str]) -> SignInDoor:
        closed = self.parts.federation.standings.current().closes(StandingKind.SOURCE, source.source_id)
        return SignInDoor(source, is_down=source.source_id in down, is_closed=closed)


def service_of(parts: PageParts, service_id: str) -> Service | None:
    """The service that asks for a login; None when it is the portal itself."""
    return next((known for known in parts.services.current().all() if known.service_id == service_id), None)


def welcome(arrival: Arrival, *, now: datetime) -> Response:
    """Lead whoever has arrived to where the login was for, with the cookie of their session.

    By way of the page that asks for the second factor, where the login is only half one.
    """
    onward = local_path(arrival.resume)
    response = see_other(second_path(onward) if arrival.session.is_half else onward)
    response.headers.add(*session_cookie(arrival.session_handle, arrival.session, now=now))
    response.headers.add(*no_farewell_cookie())
    return response


def service_origins(service: Service | None) -> set[str]:
    """Where a login for this service may lead in the end: the return addresses that it registered."""
    parties = service.parties if service else ()
    by_cas = service.cas.services if service and service.cas else ()
    return {origin_of(uri) for party in parties for uri in party.redirect_uris} | {origin_of(uri) for uri in by_cas}


def _origins(doors: Iterable[SignInDoor]) -> set[str]:
    """The origins of the sources on offer: a form's redirects lead there."""
    return {origin for door in doors if not door.is_closed for origin in door.source.origins.current()}
