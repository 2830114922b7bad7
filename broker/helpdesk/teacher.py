"""The one thing a teacher may do: open ten minutes to pupils of a class of theirs, who sit before them, at screens."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from broker.accounts.screens import NO_SCREEN, window_for
from broker.domain.access_notices import AccessNotice, NoticeKind
from broker.domain.audit import Action, AuditEvent
from broker.domain.credential_acts import IssueCodes
from broker.domain.credentials import Code, read_digits
from broker.domain.desk_file import ClassPupil
from broker.domain.handles import Id, new_id
from broker.domain.ports import Codes, DeskFiles
from broker.helpdesk.agents import Agent
from broker.helpdesk.gate import Gate, Refusal, teacher_facts
from broker.helpdesk.readings import Reading, Readings
from policies import HelpdeskAct
from policies.explain import explain


@dataclass(frozen=True, slots=True)
class Opened:
    """To whom ten minutes were opened, and to whom not, because no screen shows the number typed, or another has it."""

    pupils: tuple[ClassPupil, ...]
    misread: tuple[ClassPupil, ...]


@dataclass(frozen=True, slots=True)
class Teacher:
    """The teacher's mini-screen."""

    files: DeskFiles
    codes: Codes
    gate: Gate
    readings: Readings

    def classes(self, agent: Agent) -> tuple[tuple[str, str], ...]:
        """The teacher's classes, by school and label; where the directory names none, those of the schools."""
        named = sorted(each for each in self.files.taught(agent.person_id) if each[0] in agent.teaches)
        if named:
            return tuple(named)
        return tuple((uai, label) for uai in sorted(agent.teaches) for label in self.files.classes(uai))

    def pupils(self, agent: Agent, uai: str, label: str, *, now: datetime) -> tuple[ClassPupil, ...]:
        """The pupils of a class of theirs; none of any other."""
        return self.files.pupils(uai, label, now=now) if (uai, label) in self.classes(agent) else ()

    def open(
        self, agent: Agent, uai: str, label: str, typed: Mapping[str, str], *, trace: str, now: datetime
    ) -> Opened:
        """Open ten minutes to these pupils, each at the screen whose number was typed beside the name.

        Raises `DeskRefused` for any that is no pupil of theirs, and then opens nothing: one wrong id is no slip of a
        form that lists the class. A number that no screen shows, or that was typed twice, is a slip: the others' open.
        """
        pupils = {each.person_id: each for each in self.pupils(agent, uai, label, now=now)}
        self._check(agent, typed, pupils, uai, trace=trace, now=now)
        table = self.gate.policies.current().of(agent.tenant).codes
        numbers = [read_digits(number) for number in typed.values()]
        codes: list[Code] = []
        for person_id, number in typed.items():
            one = number if numbers.count(read_digits(number)) == 1 else ""
            bound, why = self.readings.bound(Reading(agent, person_id, uai, trace, now), one, window=table.window_life)
            why = why if not bound else self._claim(agent, person_id, trace=trace, now=now)
            if why and why != NO_SCREEN:
                refusal = Refusal(HelpdeskAct.OPEN_WINDOW, why, person_id, uai)
                self.gate.refuse(agent, refusal, trace=trace, now=now)
            if bound:
                codes.append(window_for(person_id, uai, bound, table, now=now))
        taken = self.codes.issue(_windows(agent, uai, tuple(codes), trace=trace, now=now)) if codes else frozenset()
        opened = {each.person_id for each in codes if each.code_id not in taken}
        return Opened(
            tuple(pupils[each] for each in typed if each in opened),
            tuple(pupils[each] for each in typed if each not in opened),
        )

    def _check(
        self, agent: Agent, asked: Collection[str], pupils: Collection[str], uai: str, *, trace: str, now: datetime
    ) -> None:
        """Refuse all where one is no pupil of theirs, or of their own family."""
        own = self.gate.family(agent.person_id)
        for each in asked:
            inside = each in pupils
            namesake = inside and self.gate.bears_name_of(agent, each, now=now)
            facts = teacher_facts(agent, teaches=inside, own_family=each in own, same_name=namesake)
            decision = self.gate.policies.current().of(agent.tenant).helpdesk(facts)
            if not decision.allowed:
                why = explain(decision).sentences[0]
                refusal = Refusal(HelpdeskAct.OPEN_WINDOW, why, each, uai if inside else "", outside=not inside)
                self.gate.refuse(agent, refusal, trace=trace, now=now)

    def _claim(self, agent: Agent, person_id: str, *, trace: str, now: datetime) -> str:
        return self.gate.limits.claim(agent, HelpdeskAct.OPEN_WINDOW, person_id, trace=trace, now=now)


def _windows(agent: Agent, uai: str, codes: tuple[Code, ...], *, trace: str, now: datetime) -> IssueCodes:
    events = tuple(
        AuditEvent(
            agent.tenant, now, Action.WINDOW_OPENED, agent.person_id, code.person_id, trace=trace,
            detail={"code": code.code_id, "uai": uai, "by": "teacher"},
        )
        for code in codes
    )  # fmt: skip
    told = {"school": agent.teaches.get(uai, ""), "uai": uai}
    notices = tuple(AccessNotice(each.person_id, NoticeKind.WINDOW_OPENED, now, told, trace) for each in codes)
    return IssueCodes(codes, agent.person_id, new_id(Id.BATCH), events, notices)
