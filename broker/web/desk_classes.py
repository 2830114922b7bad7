"""Letters of a class, and the teacher's mini-screen."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Response, request

from broker.accounts.screens import NO_SCREEN
from broker.domain.errors import DeskRefused, PageNotFound
from broker.helpdesk.agents import Agent
from broker.helpdesk.gate import Gate, nobody_at
from broker.helpdesk.teacher import Opened
from broker.web import desk_words
from broker.web.desk import printed
from broker.web.desk_door import desk_of, require_agent
from broker.web.parts import PageParts
from broker.web.render import page
from broker.web.visitor import current_visitor
from broker.web.ways_in import WINDOW
from policies import HelpdeskAct

_PUPIL = "eleve_"
NOBODY = Opened((), ())


@dataclass(frozen=True, slots=True)
class DeskClasses:
    """The pages /guichet/classe and /guichet/ma-classe."""

    parts: PageParts

    def ask(self) -> Response:
        """GET /guichet/classe: a school, then a class, then the button."""
        agent = require_agent(self.parts)
        if not agent.works_at_desk:
            raise PageNotFound("a teacher")
        return self._classes(agent, request.args.get("ecole", ""))

    def print_letters(self) -> Response:
        """POST /guichet/classe: the letters of a class as one document."""
        agent, uai = require_agent(self.parts), request.form.get("ecole", "")
        letters = desk_of(self.parts).letters
        if letters is None:
            raise PageNotFound("no letters here")
        label = request.form.get("classe", "")
        try:
            return printed(letters.of_class(agent, uai, label, trace=current_visitor().trace, now=self.parts.clock()))
        except DeskRefused as fault:
            return self._classes(agent, uai, refused=fault.cause, status=fault.status)

    def mine(self) -> Response:
        """GET /guichet/ma-classe: the teacher's classes, then the pupils of one."""
        return self._mine(require_agent(self.parts), request.args)

    def open(self) -> Response:
        """POST /guichet/ma-classe: ten minutes for the pupils beside whose names a number was typed."""
        agent = require_agent(self.parts)
        fields = {name: value.strip() for name, value in request.form.items() if name.startswith(_PUPIL)}
        typed = {name.removeprefix(_PUPIL): value for name, value in fields.items() if value}
        uai, label = request.form.get("ecole", ""), request.form.get("classe", "")
        trace, now = current_visitor().trace, self.parts.clock()
        try:
            opened = desk_of(self.parts).teacher.open(agent, uai, label, typed, trace=trace, now=now)
        except DeskRefused as fault:
            return self._mine(agent, request.form, refused=fault.cause, status=fault.status)
        status = 403 if opened.misread and not opened.pupils else 200
        return self._mine(agent, request.form, opened=opened, status=status)

    def _classes(self, agent: Agent, uai: str, *, refused: str = "", status: int = 200) -> Response:
        desk = desk_of(self.parts)
        chosen = uai if uai in agent.covers else next(iter(agent.covers), "") if len(agent.covers) == 1 else ""
        classes = desk.gate.files.classes(chosen) if chosen else ()
        return page(
            "desk_class.html", agent=agent, desk_words=desk_words, uai=chosen, classes=classes,
            refused=refused, status=status, prints=desk.letters is not None, why=_why_not(desk.gate, agent, chosen),
        )  # fmt: skip

    def _mine(
        self, agent: Agent, asked: object, *, refused: str = "", status: int = 200, opened: Opened = NOBODY
    ) -> Response:
        teacher, get = desk_of(self.parts).teacher, getattr(asked, "get", lambda *_: "")
        classes = teacher.classes(agent)
        uai, label = str(get("ecole", "")), str(get("classe", ""))
        if (uai, label) not in classes and len(classes) == 1:
            ((uai, label),) = classes
        pupils = teacher.pupils(agent, uai, label, now=self.parts.clock())
        return page(
            "desk_mine.html", agent=agent, classes=classes, uai=uai, label=label, pupils=pupils, refused=refused,
            opened=opened, status=status, number_page=f"{self.parts.issuer}{WINDOW}", misread=NO_SCREEN,
        )  # fmt: skip


def _why_not(gate: Gate, agent: Agent, uai: str) -> str:
    """Why the agent prints no letters for a class of this school; empty: they do."""
    school = nobody_at({uai} if uai else agent.covers)
    return gate.allows(agent, HelpdeskAct.CLASS_LETTERS, school)
