"""The portal and its explanation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flask import Response

from broker.accounts.family_windows import may_open
from broker.domain.people import ChildCard
from broker.portal import build_home, build_why
from broker.web.desk_door import find_agent
from broker.web.parts import PageParts
from broker.web.render import page, see_other
from broker.web.sign_in import SignIn
from broker.web.viewers import viewer_of
from broker.web.visitor import find_half, find_signed_in, require_signed_in, second_path


@dataclass(frozen=True, slots=True)
class Home:
    """The pages / and /pourquoi."""

    parts: PageParts
    sign_in: SignIn

    def show(self) -> Response:
        """GET /: every child as a card; the sign-in page for whoever is not signed in."""
        me = find_signed_in(self.parts)
        if me is None and find_half(self.parts):
            return see_other(second_path("/"))
        if me is None:
            return self.sign_in.offer()
        children = self.parts.people.children_of(me.person.person_id, now=self.parts.clock())
        desk = find_agent(self.parts, me)
        if desk is not None and desk.works_at_desk and not me.person.kinds:
            return see_other("/guichet")  # an agent without a record has no other page of their own
        return page(
            "home.html", helps=self._helps(children), home=build_home(viewer_of(self.parts, me), children), desk=desk
        )

    def _helps(self, children: Iterable[ChildCard]) -> bool:
        """Tell whether this parent may open ten minutes for a child of theirs."""
        return self.parts.ways_in is not None and any(may_open(card) for card in children)

    def explain(self) -> Response:
        """GET /pourquoi: which source, records and rules led to each card."""
        me = require_signed_in(self.parts)
        now = self.parts.clock()
        children = self.parts.people.children_of(me.person.person_id, now=now)
        reasons = self.parts.people.why(me.person.person_id, now=now)
        source = self.parts.sources.get(me.session.authn.authority)
        accounts = self.parts.links.accounts_of(me.person.person_id)
        why = build_why(viewer_of(self.parts, me), children, reasons, accounts)
        return page(
            "why.html", why=why, source=source, session=me.session, feeds=self.parts.feeds, sources=self.parts.sources
        )
