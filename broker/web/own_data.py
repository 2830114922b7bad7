"""The pages about one's own data: who receives what, and a copy of everything that is held."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date

from flask import Response

from broker.domain.errors import StepUpNeeded
from broker.portal import Export, Held, as_json, build_disclosures, build_export
from broker.web.parts import PageParts
from broker.web.render import page
from broker.web.sign_in import prove_again
from broker.web.viewers import viewer_of
from broker.web.visitor import SignedIn, current_visitor, require_signed_in

FILE_NAME = "preau-mes-donnees.json"
_EVER = date(2000, 1, 1)
_EVERY_SIGN_IN = 10_000


@dataclass(frozen=True, slots=True)
class OwnData:
    """The pages under /donnees."""

    parts: PageParts

    def show(self) -> Response:
        """GET /donnees: each service that can be opened or ever received something, and what it may be told."""
        me = require_signed_in(self.parts)
        person_id = me.person.person_id
        children = self.parts.people.children_of(person_id, now=self.parts.clock())
        releases = self.parts.ledger.of_person(person_id, since=_EVER)
        return page("data.html", told=build_disclosures(viewer_of(self.parts, me), children, releases))

    def read(self) -> Response:
        """GET /donnees/export: everything that is held, to read and to print."""
        export = self._export(require_signed_in(self.parts))
        services = {service.service_id: service for service in self.parts.services.current().all()}
        return page("export.html", export=export, feeds=self.parts.feeds, sources=self.parts.sources, services=services)

    def download(self) -> Response:
        """GET /donnees/export.json: the same as a file (RGPD article 20: structured, machine-readable)."""
        export = self._export(require_signed_in(self.parts))
        body = json.dumps(as_json(export), ensure_ascii=False, indent=2)
        response = Response(body, mimetype="application/json")
        response.headers["Content-Disposition"] = f'attachment; filename="{FILE_NAME}"'
        return response

    def _export(self, me: SignedIn) -> Export:
        """Asked for fresh: whoever finds a browser left open must not carry a family's data away."""
        try:
            self.parts.federation.allow_export(me.session, trace=current_visitor().trace)
        except StepUpNeeded as fault:
            fault.restart = prove_again("donnees")
            raise
        person_id, now = me.person.person_id, self.parts.clock()
        held = Held(
            person=me.person,
            children=self.parts.people.children_of(person_id, now=now),
            records=self.parts.holdings.records_of(person_id),
            accounts=self.parts.links.accounts_of(person_id),
            sign_ins=self.parts.links.sign_ins(person_id, limit=_EVERY_SIGN_IN),
            releases=self.parts.ledger.of_person(person_id, since=_EVER),
        )
        return build_export(held, now=now)
