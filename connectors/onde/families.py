"""Children found for adults by their names, within one delivery: exactly one pupil, or nobody and a person's review.

Homonyms among pupils or adults are never guessed apart. Whatever an unclear line touches keeps what stood before it:
a namesake who arrives must not take a family's rights away.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from broker.domain.feed import PERSON_FIELDS, PersonRecord, Relation
from broker.domain.guardianship import Quality
from broker.domain.names import fold
from connectors.onde.people import ChildNamed, GuardianLine, PupilLine
from connectors.onde.reviews import UNDECIDED, Decisions, Question

_ASIDE = PERSON_FIELDS - {"relations"}


@dataclass(frozen=True, slots=True)
class Children:
    """The pupils of a delivery: those that can be taken, and lines of pupils whom nobody can tell apart.

    The latter are no answer to any name, but who bears their names may be one of them.
    """

    clear: Sequence[PupilLine]
    doubtful: Sequence[PupilLine] = ()


@dataclass(slots=True)
class Families:
    """What a delivery's two files say together. Keys are those of the records; reviews are told by line of the file."""

    relations: dict[str, list[Relation]] = field(default_factory=lambda: defaultdict(list))
    unclear: set[str] = field(default_factory=set)
    """Pupils whose adults cannot all be told: their relations stay as they stood."""
    reviews: list[tuple[int, str]] = field(default_factory=list)
    questions: dict[str, Question] = field(default_factory=dict)
    """What several pupils could be the answer to, decided or not, by name."""


def join(
    children: Children,
    guardians: Iterable[tuple[int, GuardianLine]],
    *,
    quality: Quality,
    decisions: Decisions = UNDECIDED,
) -> Families:
    """Find the pupils that each adult's line names. `quality` is what the extraction is declared to hold.

    Raises `FeedRefused` for a decision about other pupils than those in question.
    """
    found = Families()
    by_name = _by_name((*children.clear, *children.doubtful))
    doubtful = {pupil.record.key for pupil in children.doubtful}
    for line, guardian in guardians:
        adult = guardian.record
        for child in _one_by_one(guardian.children):
            candidates = _candidates(child, by_name)
            keys = {one.record.key for one in candidates}
            if len(candidates) > 1 and doubtful.isdisjoint(keys):
                question = Question(line, adult, child, tuple(candidates))
                found.questions[question.name] = question
                keys = _decided(question, decisions, found)
            if len(keys) == 1 and doubtful.isdisjoint(keys):
                found.relations[keys.pop()].append(Relation(adult.key, "", quality))
                continue
            found.unclear |= keys
            if keys or not candidates:
                found.reviews.append((line, _MANY if keys else _NONE))
    return found


def _decided(question: Question, decisions: Decisions, found: Families) -> set[str]:
    """The pupils that a question leaves: all of them, the one that a human chose, or none. What was decided is told."""
    decision = decisions.of(question)
    if decision is None:
        return set(question.keys)
    found.reviews.append((question.line, _CHOSEN if decision.pupil else _REJECTED))
    return {decision.pupil} - {""}


def with_relations(pupil: PersonRecord, families: Families) -> PersonRecord:
    """The pupil with the adults found; an unclear pupil says nothing of adults, so that what stood stays."""
    if pupil.key in families.unclear:
        return pupil._replace(stated=_ASIDE)
    unique = {one.adult_key: one for one in families.relations.get(pupil.key, ())}
    return pupil._replace(relations=tuple(unique.values()))


def without_relations(pupil: PersonRecord) -> PersonRecord:
    """The pupil of a delivery without guardians' file: nothing is said of adults."""
    return pupil._replace(stated=_ASIDE)


def _by_name(pupils: Iterable[PupilLine]) -> Mapping[tuple[str, str], list[PupilLine]]:
    index: dict[tuple[str, str], list[PupilLine]] = defaultdict(list)
    for pupil in pupils:
        for name in pupil.names:
            index[name].append(pupil)
    return index


def _one_by_one(children: Sequence[tuple[ChildNamed, ...]]) -> Iterable[tuple[ChildNamed, ...]]:
    return (names for names in children if names)


def _candidates(child: tuple[ChildNamed, ...], by_name: Mapping[tuple[str, str], list[PupilLine]]) -> list[PupilLine]:
    """Pupils under any of the child's names; of several, the one of the class that the line names."""
    bearers = (pupil for one in child for pupil in by_name.get((fold(one.family), fold(one.given)), ()))
    named = list(dict.fromkeys(bearers))
    if len(named) < 2:  # noqa: PLR2004 - one or none: nothing to tell apart
        return named
    classes = {fold(one.class_label) for one in child if one.class_label}
    there = [pupil for pupil in named if fold(pupil.class_label) in classes]
    return there if len(there) == 1 else named


_MANY = "a child whose names several pupils bear: to be reviewed, the relation was left as it stood"
_NONE = "a child who is not among the pupils delivered: no relation was made"
_CHOSEN = "a child whose names several pupils bear: taken for the one that was decided"
_REJECTED = "a child whose names several pupils bear: none of them, as was decided"
