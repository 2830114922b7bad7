"""The page "Mes accès": the logins linked to a person, undoing one, the last sign-ins."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Response, request

from broker.domain.errors import PageNotFound
from broker.domain.people import RecordKind
from broker.federation.farewells import Farewell
from broker.portal import AccessLine, AccessPage, build_access
from broker.web.parts import PageParts, SourceOffer
from broker.web.render import page, parting, see_other
from broker.web.self_post import lead_away
from broker.web.visitor import SignedIn, current_visitor, require_signed_in

SHOWN_SIGN_INS = 10
LINKED = "/acces?fait=relie"


@dataclass(frozen=True, slots=True)
class Access:
    """The pages under /acces."""

    parts: PageParts

    def show(self) -> Response:
        """GET /acces."""
        me = require_signed_in(self.parts)
        access, linkable = self._access(me), self._linkable(me)
        return page(
            "access.html",
            return_origins={origin for source in linkable for origin in source.origins.current()},
            access=access,
            sources=self.parts.sources,
            linkable=linkable,
            own_accounts=self.parts.reaching is not None,
            done=request.args.get("fait", ""),
        )

    def link(self) -> Response:
        """POST /acces/relier: leave for a source whose login is to become one more of this person's (LR-03)."""
        me, source_id = require_signed_in(self.parts), request.form.get("source", "")
        if source_id not in self.parts.federation.linkable(me.session):
            raise PageNotFound("not a source that this person can link")
        browser = current_visitor().browser
        return lead_away(self.parts.federation.begin_link(me.session, source_id, browser=browser, resume=LINKED))

    def confirm(self, account_id: str) -> Response:
        """GET /acces/<account>/annuler: say what undoing does, before it is done."""
        line = self._line(require_signed_in(self.parts), account_id)
        return page("undo.html", line=line, source=self.parts.sources.get(line.account.source_id))

    def undo(self, account_id: str) -> Response:
        """POST /acces/<account>/annuler: undo the link. Ends this session too when it was opened with that login."""
        me = require_signed_in(self.parts)
        line = self._line(me, account_id)
        self.parts.federation.undo(me.session, account_id, trace=current_visitor().trace)
        if not line.is_current:
            return see_other("/acces?fait=annule")
        return parting(self.parts.federation.farewells.keep(Farewell(me.session.visit)))

    def _linkable(self, me: SignedIn) -> tuple[SourceOffer, ...]:
        """Grown-ups link one more login themselves; a pupil's is linked by the school."""
        if RecordKind.PUPIL in me.person.kinds:
            return ()
        return tuple(self.parts.sources[each] for each in self.parts.federation.linkable(me.session))

    def _access(self, me: SignedIn) -> AccessPage:
        person_id = me.person.person_id
        return build_access(
            self.parts.links.accounts_of(person_id),
            self.parts.links.sign_ins(person_id, limit=SHOWN_SIGN_INS),
            current_account=me.session.account_id,
            now=self.parts.clock(),
        )

    def _line(self, me: SignedIn, account_id: str) -> AccessLine:
        line = self._access(me).line(account_id)
        if line is None:
            raise PageNotFound("not an account of this person that can be undone")
        return line
