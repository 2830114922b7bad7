"""Whether what joined a record to a person still holds, once a feed has corrected one of the records. Pure.

A person is a connected set of records: each attachment made beside a record ties the two while its grounds hold, each
login ties the records it named together. What hangs on the person by grounds that are gone is frozen, with everything
that came along with it: it opens nothing until the grounds hold again or a human decides.

Only a stated value that contradicts another takes grounds away. What a feed leaves out since, and what has merely left
the directory, proved what it proved. One thing is asked for always: what joined two pupils by a directory's word alone
holds only while both state one birth date.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import Protocol

from broker.directory.record_facts import Circumstances
from broker.domain.audit import Action, AuditEvent
from broker.domain.connected import Connected
from broker.domain.founding import (
    AttachmentChange,
    Belonging,
    Beside,
    FoundingPlan,
    Surroundings,
    given_names_agree,
    judged_facts,
)
from broker.domain.identity import EvidenceKind
from broker.domain.people import AttachmentState
from broker.domain.school import ine_is_plausible

TIE = EvidenceKind.DIRECTORY_TIE.value
RESTING = frozenset({EvidenceKind.SAME_INE.value, EvidenceKind.SHARED_CHILD.value, TIE})
"""Evidence of an attachment that lies in another record, named by `evidence["other"]`."""

FROZEN, ATTACHED = AttachmentState.FROZEN.value, AttachmentState.ATTACHED.value
_Holds = Callable[[Belonging, Belonging], bool]


class Pupil(Protocol):
    """What tells two pupils of one INE apart."""

    @property
    def given_name(self) -> str:
        """As the school wrote it."""
        ...

    @property
    def birth_date(self) -> date | None:
        """None when the feed gives none."""
        ...


def is_same_pupil(one: Pupil, other: Pupil) -> bool:
    """Tell whether two records with one INE are one pupil: same birth date, and given names that do not contradict.

    The given names keep apart twins whose INE a school typed twice.
    """
    return (
        one.birth_date is not None
        and one.birth_date == other.birth_date
        and given_names_agree(one.given_name, other.given_name)
    )


def family_of(name_key: str) -> str:
    """The folded family name of a name key (`names.name_key`)."""
    return name_key.partition("|")[0]


@dataclass(frozen=True, slots=True)
class Review:
    """What becomes of attachments, and how many by kind stay although a feed no longer states all that joined them."""

    changed: list[AttachmentChange] = field(default_factory=list)
    unproven: Counter[str] = field(default_factory=Counter)


def review(surroundings: Surroundings) -> list[AttachmentChange]:
    """What becomes of the attachments of these persons."""
    return review_all(surroundings).changed


def review_all(surroundings: Surroundings) -> Review:
    """Look at all these persons; pupils first, for children in common are adults' grounds."""
    persons: dict[str, list[Belonging]] = defaultdict(list)
    for one in surroundings.belongings:
        persons[one.person_id].append(one)
    found = Review()
    rules = _Rules(_one_pupil, _one_pupil, _uncontradicted, _uncontradicted, surroundings)
    for rows in persons.values():
        if rows[0].is_pupil:
            _review_person(rows, rules, found)
    children = _Children(surroundings.beside, found.changed)
    rules = _Rules(children.still_shared, children.shared, children.uncontradicted, _uncontradicted, surroundings)
    for rows in persons.values():
        if not rows[0].is_pupil:
            _review_person(rows, rules, found)
    return found


def note_changes(plan: FoundingPlan, changed: Sequence[AttachmentChange], *, around: Circumstances) -> None:
    """Put changes into a plan, those of state counted and audited."""
    plan.changed += changed
    for one in changed:
        if one.state == one.was:
            continue
        evidence = json.loads(one.evidence)
        frozen = one.state == FROZEN
        plan.count(f"{'frozen' if frozen else 'thawed'}_{one.evidence_kind}")
        plan.audit.append(
            AuditEvent(
                tenant=around.tenant,
                at=around.now,
                action=Action.RECORD_FROZEN if frozen else Action.RECORD_THAWED,
                actor=f"feed:{around.feed}",
                subject=one.person_id,
                trace=around.import_id,
                detail={"record": one.record_id, "evidence": one.evidence_kind, "other": evidence.get("other", "")},
            )
        )


@dataclass(frozen=True, slots=True)
class _Rules:
    """What holds two records of a kind together. `proves`: it does beyond doubt. `would_join`: it would do so today.

    `stays`: nothing stated contradicts it. `settled`: the same where what proved it was purged since.
    """

    proves: _Holds
    would_join: _Holds
    stays: _Holds
    settled: _Holds
    around: Surroundings

    def holds(self, row: Belonging, other: Belonging) -> bool:
        """Tell whether a record still stands beside the other; what is in doubt already needs proof to come back."""
        if self.is_proven(row, other) or self._is_judged(row, other):
            return True
        if _in_doubt(row):
            return False
        if row.evidence_kind == TIE:
            return _may_be_tied(row, other)
        if other.retired and not (other.changed or row.changed):
            return True
        return self.settled(row, other) if "settled" in row.evidence else self.stays(row, other)

    def is_proven(self, row: Belonging, other: Belonging) -> bool:
        """Tell whether these are one human beyond doubt: by their own facts, or because a directory says so now."""
        return self.proves(row, other) or self._is_tied(row, other)

    def joins(self, row: Belonging, other: Belonging) -> bool:
        """Tell whether these would be joined today."""
        if self.would_join(row, other):
            return True
        return self._is_tied(row, other) and (row.is_pupil or family_of(row.name_key) == family_of(other.name_key))

    def _is_tied(self, row: Belonging, other: Belonging) -> bool:
        return frozenset((row.record_id, other.record_id)) in self.around.tied_pairs and _may_be_tied(row, other)

    def has_left(self, row: Belonging) -> bool:
        """Tell whether the record beside it is gone from the directory: there is nothing to look at any more."""
        other = row.evidence.get("other")
        return "settled" in row.evidence if other is None else other in self.around.purged and not _in_doubt(row)

    def _is_judged(self, row: Belonging, other: Belonging) -> bool:
        if "judged_on" not in row.evidence:
            return False
        facts = judged_facts(row, other, self.around.beside)
        asked = {"judged_on"} if "settled" in row.evidence else set(facts)
        return all(row.evidence.get(name) == facts[name] for name in asked)


def _in_doubt(row: Belonging) -> bool:
    return row.state == FROZEN or "unheld" in row.evidence


def _one_pupil(one: Belonging, other: Belonging) -> bool:
    return one.ine == other.ine and ine_is_plausible(one.ine) and is_same_pupil(one, other)


def _uncontradicted(one: Belonging, other: Belonging) -> bool:
    return not one.stated.contradicts(other.stated)


def _may_be_tied(one: Belonging, other: Belonging) -> bool:
    """Tell whether a directory's word may hold these together: a mistyped key names any pupil of that given name."""
    if one.is_pupil or other.is_pupil:
        return _uncontradicted(one, other) and is_same_pupil(one, other)
    return _uncontradicted(one, other)


class _Children:
    """Children that adults' records stand beside: (child person, link code), frozen records of children left out."""

    def __init__(self, beside: Iterable[Beside], changed: Iterable[AttachmentChange]) -> None:
        states = {one.record_id: one.state for one in changed}
        self._of: dict[str, set[tuple[str, str]]] = defaultdict(set)
        for one in beside:
            if one.link_code and states.get(one.child_record, one.child_state) == ATTACHED:
                self._of[one.adult_record].add((one.child_person, one.link_code))

    def shared(self, one: Belonging, other: Belonging) -> bool:
        """Tell whether these would be joined today: a child in common under the very same name."""
        return one.name_key == other.name_key and self.still_shared(one, other)

    def still_shared(self, one: Belonging, other: Belonging) -> bool:
        """Tell whether what joined these is all still stated. The family name may differ: people marry."""
        return one.civility != "" and one.civility == other.civility and self.uncontradicted(one, other)

    def uncontradicted(self, one: Belonging, other: Belonging) -> bool:
        """Tell whether these still have a child in common, and nothing stated tells them apart."""
        return (
            one.feed != other.feed
            and _uncontradicted(one, other)
            and not self._of[one.record_id].isdisjoint(self._of[other.record_id])
        )


@dataclass(frozen=True, slots=True)
class _Found:
    """What holds a person's records together: `rests` names, for a record, the one beside which it still stands."""

    groups: Connected
    rests: dict[str, str]
    lost: list[Belonging]
    left: frozenset[str]
    """Records beside one that is gone from the directory."""
    proven: frozenset[str]

    def causes(self) -> dict[str, str]:
        """Group whose tie to the person broke, and the record where it broke."""
        causes: dict[str, str] = {}
        for row in self.lost:
            causes.setdefault(self.groups.root(row.record_id), row.record_id)
        return causes


def _review_person(before: Sequence[Belonging], rules: _Rules, review: Review) -> None:
    rows = list(before)
    found = _find(rows, rules)
    for _ in rows:  # each turn puts one record on the other side of its broken tie, for good
        turned = _turned(rows, found, rules)
        if turned is None:
            break
        rows = turned
        found = _find(rows, rules)
    causes = found.causes()
    for was, row in zip(before, rows, strict=True):
        if row.state == FROZEN and "frozen" not in was.evidence:
            continue  # frozen by a human, who alone thaws it
        cause = causes.get(found.groups.root(row.record_id), "")
        evidence = _evidence(row, found, cause)
        state = FROZEN if cause else ATTACHED
        if row.record_id in found.rests and row.record_id not in found.proven and not cause:
            review.unproven[row.evidence_kind] += 1
        if (state, row.evidence_kind, evidence) != (was.state, was.evidence_kind, was.evidence):
            review.changed.append(
                AttachmentChange(
                    row.id, row.record_id, row.person_id, row.state, state, row.evidence_kind, json.dumps(evidence)
                )
            )


def _find(rows: Sequence[Belonging], rules: _Rules) -> _Found:
    by_record = {row.record_id: row for row in rows}
    groups = Connected(by_record)
    for tie in rules.around.ties:
        groups.join(tie)
    resting = sorted((row for row in rows if row.evidence_kind in RESTING), key=lambda row: row.record_id)
    rests: dict[str, str] = {}
    for row in resting:
        other = by_record.get(row.evidence.get("other", ""))
        if other is not None and rules.holds(row, other):
            rests[row.record_id] = other.record_id
            groups.join((row.record_id, other.record_id))
    loose = [row for row in resting if row.record_id not in rests]
    for row in loose:
        # Beside another record of the person the grounds may hold: the third school's record outlives the second's.
        for other in sorted(rows, key=lambda one: one.record_id):
            if not groups.same(row.record_id, other.record_id) and rules.joins(row, other):
                rests[row.record_id] = other.record_id
                groups.join((row.record_id, other.record_id))
                break
    loose = [row for row in loose if row.record_id not in rests]
    left = frozenset(row.record_id for row in loose if rules.has_left(row))
    proven = frozenset(one for one, other in rests.items() if rules.is_proven(by_record[one], by_record[other]))
    lost = [
        row
        for row in loose
        if row.record_id not in left and not groups.same(row.record_id, row.evidence.get("other", ""))
    ]
    return _Found(groups, rests, lost, left, proven)


# ---- which side of a broken tie is in doubt ------------------------------------------------------------------------


def _turned(rows: Sequence[Belonging], found: _Found, rules: _Rules) -> list[Belonging] | None:
    """The records with one broken tie turned round, where it is the record beside that left; None when there is none.

    Who changed is in doubt, not whom it stood beside; and no feed that is not an académie's freezes what one delivers.
    """
    by_record = {row.record_id: row for row in rows}
    for row in found.lost:
        other = by_record.get(row.evidence.get("other", ""))
        if other is None or FROZEN in {row.state, other.state}:
            continue
        mine, theirs = (_side(rows, found.groups, one, rules.around.ties) for one in (row, other))
        if theirs.leaves(mine) and (line := _line(row, other, by_record, found)):
            return _reversed(rows, line)
    return None


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of a broken tie: `ground` counts its records that this run left alone, and the logins that named any."""

    trusted: bool
    changed: bool
    ground: int

    def leaves(self, other: _Side) -> bool:
        """Tell whether this older side is the one in doubt."""
        if self.trusted != other.trusted:
            return other.trusted
        return self.changed and self.ground < other.ground


def _side(rows: Sequence[Belonging], groups: Connected, one: Belonging, ties: Sequence[frozenset[str]]) -> _Side:
    members = [row for row in rows if groups.same(row.record_id, one.record_id)]
    names = {row.record_id for row in members}
    logins = sum(not names.isdisjoint(tie) for tie in ties)
    unchanged = sum(not row.changed for row in members)
    return _Side(any(row.trusted for row in members), unchanged < len(members), unchanged + logins)


def _line(row: Belonging, other: Belonging, by_record: dict[str, Belonging], found: _Found) -> list[Belonging]:
    """From a record, over the one beside it, to the one that founded the person; empty where that one is lost too."""
    line = [row, other]
    while (upper := found.rests.get(line[-1].record_id)) is not None:
        if by_record[upper] in line:
            return []
        line.append(by_record[upper])
    lost = {one.record_id for one in found.lost}
    return [] if line[-1].record_id in lost else line


def _reversed(rows: Sequence[Belonging], line: Sequence[Belonging]) -> list[Belonging]:
    """The first of the line stands for itself now, the others each beside the one before it."""
    turned = {line[0].record_id: line[0]._replace(evidence_kind=line[-1].evidence_kind, evidence=line[-1].evidence)}
    for above, one in pairwise(line):
        kept = {name: text for name, text in above.evidence.items() if name == "child" or above is not line[0]}
        turned[one.record_id] = one._replace(
            evidence_kind=above.evidence_kind, evidence={**kept, "other": above.record_id}
        )
    return [turned.get(row.record_id, row) for row in rows]


def _evidence(row: Belonging, found: _Found, cause: str) -> dict[str, str]:
    """The evidence as it now is. `unheld` marks an attachment that only a login's proof keeps: undoing it freezes."""
    evidence = {name: text for name, text in row.evidence.items() if name not in {"frozen", "unheld"}}
    if row.record_id in found.proven:
        evidence.pop("settled", None)
    if row.record_id in found.rests:
        evidence["other"] = found.rests[row.record_id]
    elif row.evidence_kind in RESTING and row.record_id not in found.left and not cause:
        evidence["unheld"] = "grounds"
    if cause:
        evidence["frozen"] = cause
    return evidence
