"""The one thing a teacher may do: open ten minutes to pupils of a class of theirs, who sit before them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from broker.domain.access_notices import AccessNotice, NoticeKind
from broker.domain.audit import Action, AuditEvent
from broker.domain.credential_acts import IssueCodes
from broker.domain.credentials import Code
from broker.domain.desk_file import ClassPupil
from broker.domain.handles import Id, new_id
from broker.domain.ports import Codes, DeskFiles
from broker.helpdesk.acts import window_for
from broker.helpdesk.agents import Agent
from broker.helpdesk.gate import Gate, Refusal, teacher_facts
from policies import HelpdeskAct
from policies.explain import explain


@dataclass(frozen=True, slots=True)
class Teacher:
    """The teacher's mini-screen."""

    files: DeskFiles
    codes: Codes
    gate: Gate

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
        self, agent: Agent, uai: str, label: str, ticked: Collection[str], *, trace: str, now: datetime
    ) -> tuple[ClassPupil, ...]:
        """Open ten minutes to these pupils; returns whom it was opened to. Raises `DeskRefused` for any that is not.

        All or nothing: one wrong id is no slip of a form that lists the class.
        """
        pupils = {each.person_id: each for each in self.pupils(agent, uai, label, now=now)}
        chosen = [pupils[each] for each in ticked if each in pupils]
        own = self.gate.family(agent.person_id)
        for each in ticked:
            inside = each in pupils
            namesake = inside and self.gate.bears_name_of(agent, each, now=now)
            facts = teacher_facts(agent, teaches=inside, own_family=each in own, same_name=namesake)
            decision = self.gate.policies.current().of(agent.tenant).helpdesk(facts)
            if not decision.allowed:
                why = explain(decision).sentences[0]
                refusal = Refusal(HelpdeskAct.OPEN_WINDOW, why, each, uai if inside else "", outside=not inside)
                self.gate.refuse(agent, refusal, trace=trace, now=now)
        for pupil in chosen:
            why = self.gate.limits.claim(agent, HelpdeskAct.OPEN_WINDOW, pupil.person_id, trace=trace, now=now)
            if why:
                refusal = Refusal(HelpdeskAct.OPEN_WINDOW, why, pupil.person_id, uai)
                self.gate.refuse(agent, refusal, trace=trace, now=now)
        if chosen:
            table = self.gate.policies.current().of(agent.tenant).codes
            codes = tuple(window_for(each.person_id, uai, table, now=now) for each in chosen)
            self.codes.issue(_windows(agent, uai, codes, trace=trace, now=now))
        return tuple(chosen)


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
