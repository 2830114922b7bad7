"""The page on which a parent opens ten minutes for a child who lost their secret."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Response, request

from broker.accounts.family_windows import ForChild, may_open, open_for_child
from broker.accounts.session_life import is_fresh
from broker.domain.errors import PageNotFound, StepUpNeeded
from broker.domain.people import ChildCard
from broker.federation import WaysIn
from broker.web.parts import PageParts
from broker.web.render import page, stands_at
from broker.web.sign_in import prove_again
from broker.web.visitor import SignedIn, current_visitor, require_signed_in

CHILDREN = "/enfants"
AGAIN = "enfants"
"""Value of `but`: the login is asked again to open a window for a child."""


@dataclass(frozen=True, slots=True)
class ChildWindows:
    """The page /enfants."""

    parts: PageParts

    def ask(self) -> Response:
        """GET: the children for whom this person may act, at école and collège."""
        me = require_signed_in(self.parts)
        return self._show(tuple(self._children(me).values()))

    def open(self) -> Response:
        """POST: open ten minutes for one of them. Asks for a fresh login: children share tablets with their parents."""
        me, ways, now = require_signed_in(self.parts), self._ways, self.parts.clock()
        rules = self.parts.federation.upstreams.rules(me.session.authn.authority)
        if not is_fresh(me.session, within=rules.sessions.step_up, now=now):
            raise StepUpNeeded("login too old to open a window", restart=prove_again(AGAIN))
        children = self._children(me)
        card = children.get(request.form.get("enfant", ""))
        if card is None:
            raise PageNotFound("not a child for whom this person may act")
        table = self.parts.policies.current().installation.codes
        asked = ForChild(me.person.person_id, card, ways.activation.source.tenant, current_visitor().trace, now)
        open_for_child(ways.activation.codes, asked, life=table.window_life, tries=int(table.window_tries))
        return self._show(tuple(children.values()), opened=card)

    def _show(self, children: tuple[ChildCard, ...], *, opened: ChildCard | None = None) -> Response:
        if not children:
            raise PageNotFound("no child for whom this person may act")
        stands_at(f"{CHILDREN}?")
        issuer = self.parts.issuer
        return page("children.html", children=children, opened=opened, issuer=issuer)

    def _children(self, me: SignedIn) -> dict[str, ChildCard]:
        """Each child once, by person. Raises `PageNotFound` where no secrets are kept here."""
        _ = self._ways
        cards = self.parts.people.children_of(me.person.person_id, now=self.parts.clock())
        return {card.child_id: card for card in cards if may_open(card)}

    @property
    def _ways(self) -> WaysIn:
        if self.parts.ways_in is None:
            raise PageNotFound("no accounts of our own")
        return self.parts.ways_in
