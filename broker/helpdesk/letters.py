"""Letters that the desk prints: one for the person before the agent, or those of a whole class as one document.

The codes are in the document and nowhere else: what is not printed now can never be printed again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from broker.domain.credentials import LetterCode
from broker.domain.desk_file import ClassPupil
from broker.domain.desk_requests import AnswerRequest
from broker.domain.notices import Letter, LetterBatch
from broker.domain.people import PersonName
from broker.domain.ports import DeskFiles
from broker.domain.ports.notify import Printer
from broker.helpdesk.acts import ActAsked, check
from broker.helpdesk.agents import Agent
from broker.helpdesk.gate import Gate, nobody_at
from policies import HelpdeskAct


@dataclass(frozen=True, slots=True)
class Drawn:
    """A code that was drawn for a person, and until when it works."""

    person_id: str
    code: LetterCode = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Giving:
    """To whom codes are drawn, in one act: by which agent, for which school, under which trace number."""

    persons: tuple[str, ...]
    actor: str
    tenant: str
    uai: str
    school: str
    trace: str
    now: datetime
    told: Mapping[str, str] = field(default_factory=dict)
    """What the journal says of it beside: the reason and the proofs."""
    answers: AnswerRequest | None = None


Draw = Callable[[Giving], Sequence[Drawn]]
"""Draws and keeps codes: `accounts.letters`, as the composition root sets it up."""


@dataclass(frozen=True, slots=True)
class DeskLetters:
    """Prints letters. `page`: where codes are written; `phone`: who answers when called."""

    gate: Gate
    files: DeskFiles
    printer: Printer
    draw: Draw
    page: str
    phone: str

    def one(self, asked: ActAsked, name: PersonName) -> bytes:
        """The letter of one person. Raises `DeskRefused`."""
        check(self.gate, HelpdeskAct.LETTER, asked)
        giving = Giving(
            (asked.target.person_id,), asked.agent.person_id, asked.agent.tenant, asked.uai, asked.school, asked.trace,
            asked.now, asked.told, asked.answers,
        )  # fmt: skip
        letters = [Letter(_full(name), each.code, each.expires_at.date()) for each in self.draw(giving)]
        return self._print(giving, letters)

    def of_class(self, agent: Agent, uai: str, label: str, *, trace: str, now: datetime) -> bytes:
        """A letter for each adult who may see a pupil of the class, given out in class. Raises `DeskRefused`."""
        school = nobody_at({uai})
        self.gate.check(agent, HelpdeskAct.CLASS_LETTERS, school, trace=trace, now=now)
        own = self.gate.family(agent.person_id)
        pupils = [each for each in self.files.pupils(uai, label, now=now) if each.person_id not in own]
        adults = dict.fromkeys(adult.person_id for pupil in pupils for adult in pupil.adults)
        given = [each for each in adults if self._may_have(agent, each, now=now)]
        giving = Giving(tuple(given), agent.person_id, agent.tenant, uai, agent.places.get(uai, ""), trace, now)
        drawn = {each.person_id: each for each in self.draw(giving)} if given else {}
        return self._print(giving, [letter for pupil in pupils for letter in _of_pupil(pupil, drawn)])

    def _may_have(self, agent: Agent, person_id: str, *, now: datetime) -> bool:
        """Whether a class's letters may hold one for this adult: what a letter alone wants, a batch must not go round.

        Not the agent's own family, nor who bears the agent's name, nor staff (two agents reopen those), nor anybody who
        was reset or moved just now.
        """
        target = self.gate.target(agent, person_id, now=now)
        return not (
            target.own_family or target.same_name or target.is_staff or self.gate.is_too_soon(agent, target, now=now)
        )

    def _print(self, giving: Giving, letters: Sequence[Letter]) -> bytes:
        return self.printer.letters(
            LetterBatch(giving.school, self.phone, self.page, giving.now.date(), tuple(letters))
        )


def _of_pupil(pupil: ClassPupil, drawn: dict[str, Drawn]) -> list[Letter]:
    """An adult of two pupils of one class gets one letter, by the first of them."""
    return [
        Letter(_full(adult.name), found.code, found.expires_at.date(), child=_full(pupil.name),
               class_label=pupil.class_label)
        for adult in pupil.adults
        if (found := drawn.pop(adult.person_id, None)) is not None
    ]  # fmt: skip


def _full(name: PersonName) -> str:
    return " ".join(filter(None, (name.civility, name.given, name.family)))
