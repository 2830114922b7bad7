"""The page "Mes moyens": a new passphrase, and how to be reached (K2). Changes want a login of the last minutes."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Response, request

from broker.accounts.reaching import Asking, Reaching, read_channel
from broker.accounts.session_life import is_fresh
from broker.domain.errors import BadPageRequest, PageNotFound, StepUpNeeded
from broker.web.parts import PageParts
from broker.web.render import page, see_other, stands_at
from broker.web.sign_in import prove_again
from broker.web.visitor import SignedIn, current_visitor, require_signed_in
from broker.web.ways_in import WaysInPages, caller

AGAIN = "joindre"
"""Value of `but`: the login is asked again to change how one is reached."""
KINDS = ("mobile", "mail")


@dataclass(frozen=True, slots=True)
class MeansPages:
    """The pages under /moyens."""

    parts: PageParts

    @property
    def reaching(self) -> Reaching:
        """How persons are reached. Raises `PageNotFound` where nobody has an account of our own."""
        if self.parts.reaching is None:
            raise PageNotFound("no accounts of our own")
        return self.parts.reaching

    def show(self) -> Response:
        """GET /moyens."""
        return self._show(require_signed_in(self.parts), done=request.args.get("fait") == "oui")

    def ask(self) -> Response:
        """POST /moyens: another number or address; held before it counts (`contact_hold`)."""
        me = self._fresh()
        kind = next((name for name in KINDS if name in request.form), "")
        if not kind:
            raise BadPageRequest("neither a number nor an address")
        channel = read_channel(kind, request.form[kind])
        if channel is None:
            return self._show(me, wrong=kind)
        upstreams = self.parts.federation.upstreams
        asking = Asking(
            me.person.person_id,
            upstreams.tenant_of(me.session.authn.authority),
            current_visitor().trace,
            self.parts.clock(),
        )
        self.reaching.ask(asking, channel, self.parts.policies.current().installation.codes)
        return see_other("/moyens?fait=oui")

    def new_secret(self) -> Response:
        """POST /moyens/passe: to the page where a passphrase is chosen; every other session ends with it.

        Raises `LoginTooWeak`: the page said so, and offered no button.
        """
        me = self._fresh()
        handle = WaysInPages(self.parts).ways.by_session(me.session, caller())
        return see_other(f"/code/passe?{urlencode({'c': handle})}")

    def _fresh(self) -> SignedIn:
        me = require_signed_in(self.parts)
        within = self.parts.federation.upstreams.rules(me.session.authn.authority).sessions.step_up
        if not is_fresh(me.session, within=within, now=self.parts.clock()):
            raise StepUpNeeded("login too old for this act", restart=prove_again(AGAIN))
        return me

    def _show(self, me: SignedIn, *, done: bool = False, wrong: str = "") -> Response:
        means = self.reaching.of_person(me.person.person_id, now=self.parts.clock())
        stands_at("/moyens?fait=")
        sure = WaysInPages(self.parts).ways.may_choose(me.session)
        again = prove_again(AGAIN)
        return page(
            "means.html", status=400 if wrong else 200, means=means, done=done, wrong=wrong, sure=sure, again=again
        )
