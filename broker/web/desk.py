"""The desk: search, and the one sheet with its acts (ux §6). Works without JavaScript and by keyboard alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from urllib.parse import quote, urlencode

from flask import Response, request
from flask_babel import gettext

from broker.accounts.screens import NO_SCREEN, TAKEN
from broker.domain.audit import Action, AuditEvent
from broker.domain.credentials import read_digits
from broker.domain.errors import AlreadyUsed, DeskRefused, PageNotFound
from broker.domain.names import fold
from broker.domain.people import PersonName
from broker.domain.search import Hits
from broker.helpdesk import pairs
from broker.helpdesk.acts import ActAsked
from broker.helpdesk.agents import Agent
from broker.helpdesk.gate import Target
from broker.helpdesk.incident import read_number
from broker.helpdesk.proofs import ENOUGH, POINTS, WORDS, Proof, are_enough, read_proofs
from broker.helpdesk.rooms import Helpdesk
from broker.helpdesk.sheet import Sheet
from broker.helpdesk.situation import WORDS as SITUATIONS
from broker.helpdesk.texted import NO_GATEWAY
from broker.web import desk_words
from broker.web.desk_door import desk_of, require_agent
from broker.web.parts import PageParts
from broker.web.render import page, see_other
from broker.web.visitor import current_visitor
from broker.web.ways_in import WINDOW
from policies import AgentProfile, HelpdeskAct

NO_HITS = Hits(())
_TWO = 2
_PROOF = "preuve_"
_MOST_FIELDS, _MOST_GIVEN = 8, 64
"""Of what a form holds beside, so many fields of so many characters are kept with a request."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The pages /guichet and /guichet/compte/<id>."""

    parts: PageParts

    def search(self) -> Response:
        """GET /guichet: the search box, and what it finds. One hit alone opens at once."""
        agent, typed = require_agent(self.parts), request.args.get("q", "").strip()
        elsewhere = _other_page(agent, typed)
        if elsewhere:
            return see_other(elsewhere)
        if not typed:
            return self._results(agent, "", NO_HITS, empty="q" in request.args)
        after, visitor = request.args.get("apres", ""), current_visitor()
        try:
            hits = desk_of(self.parts).finder.find(
                agent, typed, after=after, trace=visitor.trace, now=self.parts.clock()
            )
        except DeskRefused as fault:
            return self._results(agent, typed, NO_HITS, refused=fault.cause, status=fault.status)
        if len(hits.rows) == 1 and not hits.near and not after:
            return see_other(sheet_path(hits.rows[0].person_id))
        return self._results(agent, typed, hits)

    def show(self, person_id: str) -> Response:
        """GET /guichet/compte/<id>: the sheet; of a homonym once a child's first name was typed."""
        agent, now = require_agent(self.parts), self.parts.clock()
        try:
            target = self._target(agent, person_id)
            desk_of(self.parts).gate.check(agent, HelpdeskAct.VIEW, target, trace=current_visitor().trace, now=now)
        except DeskRefused as fault:
            return self._results(agent, "", NO_HITS, refused=fault.cause, status=fault.status)
        sheet = self._sheet(agent, target)
        if self._is_doubtful(sheet, request.args.get("prenom", "")):
            wrong = "prenom" in request.args
            return page("desk_homonym.html", sheet=sheet, wrong=wrong, path=sheet_path(sheet.person_id))
        self._note_view(agent, sheet)
        return self._page(agent, target, sheet, done=desk_words.DONE.get(request.args.get("fait", ""), ""))

    def act(self, person_id: str) -> Response:
        """POST /guichet/compte/<id>: one act, with its proofs and its reason."""
        agent = require_agent(self.parts)
        target = self._target(agent, person_id)
        asked_of_second, proofs = request.form.get("demande", ""), read_ticked()
        name = asked_of_second or request.form.get("acte", "")
        try:
            sheet = self._opened(agent, target)
            asked = self._asked(agent, target, sheet, proofs)
            if asked_of_second:
                return self._ask_second(name, asked, sheet)
            return self._carry_out(name, asked, sheet)
        except DeskRefused as fault:
            if desk_of(self.parts).gate.allows(agent, HelpdeskAct.VIEW, target):
                return self._results(agent, "", NO_HITS, refused=fault.cause, status=fault.status)
            shown = self._sheet(agent, target)
            wrong_number = name == "fenetre" and _is_no_number(fault.cause)
            return self._page(
                agent, target, shown, refused=fault.cause, proofs=proofs, status=fault.status, wrong_number=wrong_number
            )

    def _carry_out(self, name: str, asked: ActAsked, sheet: Sheet) -> Response:
        document = carry_out(desk_of(self.parts), name, asked, sheet.name)
        return document or self._done(name, sheet)

    def _ask_second(self, name: str, asked: ActAsked, sheet: Sheet) -> Response:
        if name not in pairs.ACTS:
            raise PageNotFound("no act of two agents")
        if name == "fenetre" and not read_digits(asked.given.get("numero", "")):
            raise DeskRefused(NO_SCREEN)
        desk_of(self.parts).pairs.ask(asked, name)
        return self._done("demande", sheet)

    def _done(self, name: str, sheet: Sheet) -> Response:
        kept = {"prenom": request.form["prenom"]} if request.form.get("prenom") else {}
        return see_other(f"{sheet_path(sheet.person_id)}?{urlencode({'fait': name, **kept})}")

    def _target(self, agent: Agent, person_id: str) -> Target:
        return desk_of(self.parts).gate.target(agent, person_id, now=self.parts.clock())

    def _opened(self, agent: Agent, target: Target) -> Sheet:
        """The sheet that an act was asked on: whoever may not see it, or did not say which homonym, acts on nobody."""
        desk, now = desk_of(self.parts), self.parts.clock()
        why = desk.gate.allows(agent, HelpdeskAct.VIEW, target)
        if why:
            desk.gate.check(agent, HelpdeskAct.VIEW, target, trace=current_visitor().trace, now=now)
        sheet = self._sheet(agent, target)
        if self._is_doubtful(sheet, request.form.get("prenom", "")):
            raise PageNotFound("a homonym, and no first name")
        return sheet

    def _asked(self, agent: Agent, target: Target, sheet: Sheet, proofs: frozenset[Proof]) -> ActAsked:
        reason = request.form.get("motif", "")
        if reason not in desk_words.REASONS:
            raise DeskRefused(desk_words.NO_REASON)
        return ActAsked(
            agent, target, proofs, reason, sheet.uai, sheet.school, current_visitor().trace, self.parts.clock(),
            _given(),
        )  # fmt: skip

    def _sheet(self, agent: Agent, target: Target) -> Sheet:
        sheet = desk_of(self.parts).sheets.build(agent, target.person_id, now=self.parts.clock())
        if sheet is None:
            raise PageNotFound("no live record speaks of them")
        return sheet

    def _is_doubtful(self, sheet: Sheet, typed: str) -> bool:
        if sheet.homonyms < _TWO:
            return False
        return fold(typed) not in desk_of(self.parts).sheets.names(sheet.person_id)

    def _note_view(self, agent: Agent, sheet: Sheet) -> None:
        event = AuditEvent(
            agent.tenant, self.parts.clock(), Action.AGENT_VIEWED, agent.person_id, sheet.person_id,
            trace=current_visitor().trace, detail={"uai": sheet.uai},
        )  # fmt: skip
        desk_of(self.parts).audit.append((event,))

    def _page(
        self, agent: Agent, target: Target, sheet: Sheet, *, done: str = "", refused: str = "",
        proofs: frozenset[Proof] = frozenset(), status: int = 200, wrong_number: bool = False,
    ) -> Response:  # fmt: skip
        desk = desk_of(self.parts)
        opening = desk.gate.allows(agent, HelpdeskAct.OPEN_WINDOW, target, tuple(Proof))
        by_two = bool(opening) and not desk.gate.allows_two(agent, HelpdeskAct.OPEN_WINDOW, target, tuple(Proof))
        return page(
            "desk_sheet.html", agent=agent, sheet=sheet, done=done, refused=refused, proofs=proofs, status=status,
            now=SITUATIONS[sheet.situation], points=POINTS, proof_words=WORDS, enough=ENOUGH, opening=opening,
            by_two=by_two,
            sources=self.parts.sources, desk_words=desk_words, prints=desk.letters is not None,
            texts=desk.texts is not None and desk.texts.are_set_up and not target.is_staff,
            number_page=f"{self.parts.issuer}{WINDOW}", wrong_number=wrong_number,
            number=request.form.get("numero", ""),
            first_name=request.values.get("prenom", ""), may_close=not desk.gate.allows(
                agent, HelpdeskAct.CLOSE_ACCESS, target), reached=are_enough(proofs),
        )  # fmt: skip

    def _results(
        self, agent: Agent, typed: str, hits: Hits, *, refused: str = "", status: int = 200, empty: bool = False
    ) -> Response:
        onward = urlencode({"q": typed, "apres": hits.after}) if hits.after else ""
        doubled = [hit.name_key for hit in hits.rows]
        homonyms = {name: doubled.count(name) for name in doubled}
        return page(
            "desk.html", agent=agent, typed=typed, hits=hits, onward=onward, refused=refused, homonyms=homonyms,
            empty=empty, desk_words=desk_words, status=status, path_of=sheet_path,
            reads=not desk_of(self.parts).journals.why_not(agent),
            delegates=bool(desk_of(self.parts).delegations.schools(agent)),
            waiting=desk_of(self.parts).pairs.waiting(agent, now=self.parts.clock()),
        )  # fmt: skip


def carry_out(desk: Helpdesk, name: str, asked: ActAsked, whose: PersonName) -> Response | None:
    """Do the act of this name; returns the document that it prints, if it does. Raises `DeskRefused`, `PageNotFound`.

    A request that was answered meanwhile is refused too: nothing was done.
    """
    acts, letters = desk.acts, desk.letters
    try:
        if name == "lettre" and letters is not None:
            return printed(letters.one(asked, whose))
        if name == "rouvrir" and not acts.reopen(asked):
            raise DeskRefused(desk_words.NOTHING_LIFTED)
        simple: dict[str, Callable[[ActAsked], object]] = {
            "sms": partial(_text, desk),
            "attente": acts.lift_wait,
            "fermer": acts.close,
        }
        if name == "fenetre":
            acts.open_window(asked, asked.given.get("numero", ""))
        elif name in simple:
            simple[name](asked)
        elif name != "rouvrir":
            raise PageNotFound("no such act")
    except AlreadyUsed:
        raise DeskRefused(pairs.OVER) from None
    return None


def _text(desk: Helpdesk, asked: ActAsked) -> None:
    if desk.texts is None:
        raise DeskRefused(NO_GATEWAY)
    desk.texts.send(asked)


def _given() -> dict[str, str]:
    """What the form holds beside what every act has."""
    plain = {"csrf", "acte", "demande", "motif", "prenom"}
    kept = {name: value for name, value in request.form.items() if name not in plain and not name.startswith(_PROOF)}
    return {name[:_MOST_GIVEN]: value[:_MOST_GIVEN] for name, value in list(kept.items())[:_MOST_FIELDS]}


def _other_page(agent: Agent, typed: str) -> str:
    """Where who does not search belongs, or what was typed leads; empty: to the search."""
    if not agent.works_at_desk:
        return "/guichet/ma-classe"
    if agent.profile is AgentProfile.AUDITEUR:
        return "/guichet/journal"
    number = read_number(typed)
    return f"/guichet/incident/{number}" if number else ""


def printed(document: bytes) -> Response:
    """A document to print, kept by no cache: it holds codes."""
    response = Response(document, mimetype="application/pdf")
    response.headers["Content-Disposition"] = f'inline; filename="{gettext("lettre")}.pdf"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _is_no_number(why: str) -> bool:
    """Whether the number is at fault, beside whatever else was refused."""
    return why in {NO_SCREEN, TAKEN} or not read_digits(request.form.get("numero", ""))


def sheet_path(person_id: str) -> str:
    """The page of one account."""
    return f"/guichet/compte/{quote(person_id)}"


def read_ticked() -> frozenset[Proof]:
    """The proofs that the form at hand ticks."""
    return read_proofs(each.value for each in Proof if request.form.get(f"{_PROOF}{each.value}"))


def read_day(typed: str) -> date | None:
    """A day of this century as forms and addresses write it (ISO 8601); None: it is none."""
    try:
        day = date.fromisoformat(typed.strip())
    except ValueError:
        return None
    return day if day.year in range(2000, 2100) else None
