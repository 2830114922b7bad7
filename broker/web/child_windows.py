"""The page on which a parent opens ten minutes for a child who lost their secret."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Response, request

from broker.accounts.family_windows import ForChild, may_open, open_for_child
from broker.accounts.screens import NO_SCREEN, TAKEN
from broker.accounts.session_life import is_fresh
from broker.domain.errors import LoginTooWeak, PageNotFound, StepUpNeeded
from broker.domain.people import ChildCard
from broker.federation import WaysIn
from broker.web.parts import PageParts
from broker.web.render import page, stands_at
from broker.web.sign_in import prove_again
from broker.web.visitor import SignedIn, current_visitor, require_signed_in
from broker.web.ways_in import WINDOW

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
        return self._show(tuple(self._children(me).values()), sure=self._ways.may_choose(me.session))

    def open(self) -> Response:
        """POST: open ten minutes for one of them, at the screen whose number was typed.

        Asks for a fresh login: children share tablets with their parents; and for one that proves enough.
        """
        me, now = require_signed_in(self.parts), self.parts.clock()
        rules = self.parts.federation.upstreams.rules(me.session.authn.authority)
        if not is_fresh(me.session, within=rules.sessions.step_up, now=now):
            raise StepUpNeeded("login too old to open a window", restart=prove_again(AGAIN))
        if not self._ways.may_choose(me.session):
            raise LoginTooWeak("a stolen login of an ENT would choose a child's secret")
        children = self._children(me)
        card = children.get(request.form.get("enfant", ""))
        if card is None:
            raise PageNotFound("not a child for whom this person may act")
        refused = self._open(me, card)
        shown = tuple(children.values())
        return self._show(shown, wrong=card, refused=refused) if refused else self._show(shown, opened=card)

    def _open(self, me: SignedIn, card: ChildCard) -> str:
        """Open it; why not, empty where it is open.

        Raises `MustWait`, `GuessesSpent` for who tries numbers out, or opens window after window.
        """
        ways, now, visitor, me_id = self._ways, self.parts.clock(), current_visitor(), me.person.person_id
        codes = self.parts.policies.current().installation.codes
        throttle = ways.federation.upstreams.rules(ways.source_id).throttle
        turn = ways.gate.enter_read_out(me_id, visitor.address, table=throttle, now=now)
        bound = ways.screens.bound_by(request.form.get("numero", ""), window=codes.window_life, now=now)
        if not bound:
            return NO_SCREEN
        turn.was_right()
        ways.gate.enter_opening(me_id, card.child_id, now=now)
        asked = ForChild(me_id, card, bound, ways.activation.source.tenant, visitor.trace, now)
        return "" if open_for_child(ways.activation.codes, asked, codes) else TAKEN

    def _show(
        self, children: tuple[ChildCard, ...], *, opened: ChildCard | None = None, wrong: ChildCard | None = None,
        refused: str = "", sure: bool = True,
    ) -> Response:  # fmt: skip
        if not children:
            raise PageNotFound("no child for whom this person may act")
        stands_at(f"{CHILDREN}?")
        number_page, status = f"{self.parts.issuer}{WINDOW}", 403 if refused else 200
        return page(
            "children.html", status=status, children=children, opened=opened, wrong=wrong, refused=refused,
            number_page=number_page, sure=sure, again=prove_again(AGAIN),
        )  # fmt: skip

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
