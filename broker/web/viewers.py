"""The signed-in person as the read models of the portal take them: roles, proof, rules and services of one moment."""

from __future__ import annotations

from broker.portal import Viewer
from broker.web.parts import PageParts
from broker.web.visitor import SignedIn


def viewer_of(parts: PageParts, me: SignedIn) -> Viewer:
    """The viewer of this request: rules and register are each asked for once."""
    book, services = parts.policies.current(), parts.services.current().all()
    moment = parts.federation.moment(me.session, book)
    return Viewer(me.person, moment, book, services, source=me.session.authn.authority)
