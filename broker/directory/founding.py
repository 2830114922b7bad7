"""Whose records are these: persons for records that have none, each with its evidence. Pure.

Every record founds its own person, unless strong evidence joins it to one: for a pupil the same INE and birth date;
for a guardian a shared child, with the same name, civility and link code, unique on both sides. Anything weaker is
proposed and opens nothing. Names alone: nothing.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from broker.directory.content import decode_person
from broker.directory.grounds import is_same_pupil, note_changes, review_all
from broker.directory.record_facts import Circumstances
from broker.directory.tied import TiedRecords
from broker.domain.audit import Action, AuditEvent
from broker.domain.founding import (
    AttachmentChange,
    AttachmentRow,
    FoundingPlan,
    Likeness,
    Neighbour,
    PupilTwin,
    Surroundings,
    Tied,
    Unattached,
)
from broker.domain.handles import Id
from broker.domain.identity import EvidenceKind
from broker.domain.people import AttachmentState, RecordKind
from broker.domain.ports import Matcher, MatchSubject
from broker.domain.school import ine_is_plausible


@dataclass(frozen=True, slots=True)
class Founder:
    """Decides for chunks of unattached records of one kind."""

    around: Circumstances
    matcher: Matcher
    propose_from: float
    new_id: Callable[[Id], str]

    def decide(self, kind: RecordKind, records: Sequence[Unattached], surroundings: Surroundings) -> FoundingPlan:
        """Decide for records of a kind: first whether what joined changed ones still holds, then whose new ones are."""
        rule = {RecordKind.PUPIL: self.pupils, RecordKind.GUARDIAN: self.guardians, RecordKind.STAFF: self.staff}
        found = review_all(surroundings)
        changed = found.changed
        plan = rule[kind](records, _without_frozen(surroundings, changed))
        plan.contact_hold = self.around.contact_hold
        note_changes(plan, changed, around=self.around)
        for evidence_kind, number in found.unproven.items():
            plan.count(f"unproven_{evidence_kind}", number)
        return plan

    def pupils(self, records: Sequence[Unattached], surroundings: Surroundings) -> FoundingPlan:
        """Same INE, same birth date and given names that do not contradict: one pupil. Same INE alone: proposed."""
        plan = FoundingPlan()
        twins: dict[str, list[PupilTwin]] = defaultdict(list)
        for twin in surroundings.twins:
            twins[twin.ine].append(twin)
        tied = TiedRecords(surroundings.tied)
        for record in records:
            # Files hold dummies ("INCONNU", eleven zeros) that hundreds of pupils share: these prove nothing.
            proves = ine_is_plausible(record.ine)
            person = self._pupil(record, twins[record.ine] if proves else [], tied, plan)
            tied.settle(record, person)
            if proves:
                twins[record.ine].append(_as_twin(record, person))
        return plan

    def guardians(self, records: Sequence[Unattached], surroundings: Surroundings) -> FoundingPlan:
        """A shared child joins two records of one adult; contacts under the same name are at most proposed."""
        plan = FoundingPlan()
        joined = shared_children(surroundings.neighbours)
        likenesses: dict[str, list[Likeness]] = defaultdict(list)
        for likeness in surroundings.likenesses:
            likenesses[likeness.name_key].append(likeness)
        tied = TiedRecords(surroundings.tied)
        for record in records:
            candidates = joined.get(record.record_id, {})
            shared = {
                person: (EvidenceKind.SHARED_CHILD, {"other": other, "child": child})
                for person, (other, child) in candidates.items()
            }
            person = self._home(plan, record, shared, *_tied_to(record, RecordKind.GUARDIAN, tied))
            tied.settle(record, person)
            if not candidates:
                others = [one for one in likenesses.get(record.name_key, ()) if one.person_id != person]
                self._resemblances(plan, record, others)
        return plan

    def staff(self, records: Sequence[Unattached], surroundings: Surroundings) -> FoundingPlan:
        """Nothing in a feed proves that two staff records, or a teacher and a parent, are one person."""
        plan = FoundingPlan()
        tied = TiedRecords(surroundings.tied)
        for record in records:
            person = self._home(plan, record, {}, *_tied_to(record, RecordKind.STAFF, tied))
            tied.settle(record, person)
        return plan

    def _pupil(self, record: Unattached, twins: Sequence[PupilTwin], tied: TiedRecords, plan: FoundingPlan) -> str:
        proof = {twin.person_id: (EvidenceKind.SAME_INE, {"other": twin.record_id}) for twin in twins}
        same = {twin.person_id: proof[twin.person_id] for twin in twins if is_same_pupil(record, twin)}
        sure, weak = _tied_to(record, RecordKind.PUPIL, tied)
        return self._home(plan, record, same, sure, weak if len(same) == 1 else {**weak, **proof})

    def _home(self, plan: FoundingPlan, record: Unattached, own: _Proofs, sure: _Proofs, weak: _Proofs) -> str:
        """Attach the record where its own facts, or else a directory, name one person; propose it to all others."""
        named = own if len(own) == 1 else sure if not own and len(sure) == 1 else {}
        for person, (kind, detail) in named.items():
            self._attach(plan, record, person, kind, detail)
        home = next(iter(named), None) or self._found(plan, record)
        for person, (kind, detail) in sorted({**weak, **sure, **own}.items()):
            if person != home:
                self._propose(plan, record, person, kind, detail)
        return home

    def _resemblances(self, plan: FoundingPlan, record: Unattached, others: Sequence[Likeness]) -> None:
        if not others:
            return
        persons = {other.record_id: other.person_id for other in others}
        mine = _subject(record.record_id, record.name_key, record.content)
        pairs = ((mine, _subject(one.record_id, one.name_key, one.content)) for one in others)
        for pair in self.matcher.score(pairs):
            if pair.score >= self.propose_from:
                detail = {"other": pair.right, "grounds": pair.grounds}
                self._propose(plan, record, persons[pair.right], EvidenceKind.RESEMBLANCE, detail, score=pair.score)

    def _found(self, plan: FoundingPlan, record: Unattached) -> str:
        person = self.new_id(Id.PERSON)
        plan.persons.append(person)
        plan.attachments.append(self._row(record, person, AttachmentState.ATTACHED, EvidenceKind.OWN_RECORD, {}))
        plan.count("persons_founded")
        return person

    def _attach(
        self, plan: FoundingPlan, record: Unattached, person: str, kind: EvidenceKind, detail: Mapping[str, str]
    ) -> None:
        plan.attachments.append(self._row(record, person, AttachmentState.ATTACHED, kind, detail))
        plan.count(f"attached_{kind.value}")
        plan.audit.append(
            AuditEvent(
                tenant=self.around.tenant,
                at=self.around.now,
                action=Action.RECORD_ATTACHED,
                actor=f"feed:{self.around.feed}",
                subject=person,
                trace=self.around.import_id,
                detail={"record": record.record_id, "evidence": kind.value, **detail},
            )
        )

    def _propose(
        self,
        plan: FoundingPlan,
        record: Unattached,
        person: str,
        kind: EvidenceKind,
        detail: Mapping[str, str],
        *,
        score: float | None = None,
    ) -> None:
        plan.attachments.append(self._row(record, person, AttachmentState.PROPOSED, kind, detail, score=score))
        plan.count(f"proposed_{kind.value}")

    def _row(
        self,
        record: Unattached,
        person: str,
        state: AttachmentState,
        kind: EvidenceKind,
        detail: Mapping[str, str],
        *,
        score: float | None = None,
    ) -> AttachmentRow:
        return AttachmentRow(
            id=self.new_id(Id.ATTACHMENT),
            record_id=record.record_id,
            person_id=person,
            state=state.value,
            evidence_kind=kind.value,
            evidence=json.dumps(dict(detail)) if detail else "{}",
            score=score,
            actor=f"feed:{self.around.feed}",
            at=self.around.now,
        )


_Proofs: TypeAlias = Mapping[str, tuple[EvidenceKind, Mapping[str, str]]]
"""Persons, and what says that a record is theirs."""


def _tied_to(record: Unattached, kind: RecordKind, tied: TiedRecords) -> tuple[_Proofs, _Proofs]:
    """The persons that a directory names, beyond doubt and not."""
    sure, weak = tied.persons(record, kind)
    return _proofs(sure), _proofs(weak)


def _proofs(ties: Mapping[str, Tied]) -> _Proofs:
    told = ((person, {"other": tie.other, "nature": tie.nature}) for person, tie in ties.items())
    return {person: (EvidenceKind.DIRECTORY_TIE, detail) for person, detail in told}


def _without_frozen(surroundings: Surroundings, changed: Sequence[AttachmentChange]) -> Surroundings:
    """Nothing is joined to a record that this very chunk freezes."""
    frozen = {one.record_id for one in changed if one.state == AttachmentState.FROZEN.value}
    if not frozen:
        return surroundings
    return replace(
        surroundings,
        twins=[one for one in surroundings.twins if one.record_id not in frozen],
        neighbours=[one for one in surroundings.neighbours if one.record_id not in frozen],
        tied=[one for one in surroundings.tied if one.other not in frozen],
    )


def shared_children(neighbours: Sequence[Neighbour]) -> dict[str, dict[str, tuple[str, str]]]:
    """For each unattached adult record: the persons it shares a child with, by (other record, child person).

    A pair counts when both stand beside the same child person, in different feeds, with the same name key, civility
    and link code, and each is the only one of its feed there with these. What a feed leaves out equals nothing.
    """
    beside: dict[tuple[str, str, str], dict[str, list[Neighbour]]] = defaultdict(lambda: defaultdict(list))
    for one in neighbours:
        if one.civility and one.link_code:
            beside[one.child_person, one.name_key, one.link_code][one.feed].append(one)
    joined: dict[str, dict[str, tuple[str, str]]] = defaultdict(dict)
    for (child, _, _), feeds in beside.items():
        unique = [rows[0] for rows in feeds.values() if len({row.record_id for row in rows}) == 1]
        for mine, other in _pairs(unique):
            if mine.person_id is None and other.person_id is not None:
                joined[mine.record_id].setdefault(other.person_id, (other.record_id, child))
    return joined


def _pairs(rows: Sequence[Neighbour]) -> Iterator[tuple[Neighbour, Neighbour]]:
    return ((one, other) for one in rows for other in rows if one is not other)


def _as_twin(record: Unattached, person: str) -> PupilTwin:
    return PupilTwin(record.record_id, record.ine, record.given_name, record.birth_date, person)


def _subject(record_id: str, name_key: str, content: str) -> MatchSubject:
    record = decode_person(content, kind=RecordKind.GUARDIAN, key="")
    return MatchSubject(record_id, name_key, record.birth_name, record.mobile, record.mail, record.address)
