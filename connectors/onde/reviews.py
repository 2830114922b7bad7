"""Children whom several pupils could be: asked of a human in a table, and the answers read back.

A question speaks of one adult's line, the child named there and the pupils who bear those names; its identifier is made
from what these lines say, so that an answer holds for exactly what was looked at. No INE stands in it or in the table.
"""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from broker.domain.errors import FeedRefused
from broker.domain.feed import PersonRecord
from connectors.csv_tables import Row, Table, cells_by_name, read_table
from connectors.delivery import Member
from connectors.onde.people import ChildNamed, PupilLine, letters_of

COLUMNS = (
    "question", "ligne du responsable", "responsable", "enfant nommé", "classe nommée", "clé de l'élève", "élève",
    "date de naissance", "classe", "choix",
)  # fmt: skip
YES, NO = "oui", "non"
_NEEDS = ("question", "clé de l'élève", "choix")


@dataclass(frozen=True, slots=True)
class Question:
    """Which of these pupils is the child that an adult's line names? `line` is where that line stands."""

    line: int
    adult: PersonRecord
    child: tuple[ChildNamed, ...]
    candidates: tuple[PupilLine, ...]

    @property
    def keys(self) -> frozenset[str]:
        """The keys of the pupils in question."""
        return frozenset(pupil.record.key for pupil in self.candidates)

    @property
    def name(self) -> str:
        """What an answer is found by: letters, made of all that the lines say but their places and the INE."""
        adult = self.adult
        said = [adult.key, adult.name.family, adult.name.given, adult.mobile, adult.mail, adult.address]
        named = [part for one in self.child for part in (one.family, one.given, one.class_label)]
        pupils = sorted(
            f"{one.record.key}\n{one.record.name.family}\n{one.record.name.given}\n{one.class_label}"
            for one in self.candidates
        )
        return letters_of("q", *said, *named, *pupils)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a human decided of a question: the key of the pupil, empty for none of them; and whom the table showed."""

    pupil: str
    shown: frozenset[str]


@dataclass(frozen=True, slots=True)
class Decisions:
    """What was decided, by the names of questions. `file` is the table's name, for what is told."""

    file: str = ""
    made: Mapping[str, Decision] = field(default_factory=dict)

    def of(self, question: Question) -> Decision | None:
        """What was decided of a question; None while nobody did. Raises `FeedRefused` where others were shown."""
        made = self.made.get(question.name)
        if made is not None and made.shown != question.keys:
            raise FeedRefused(f"{self.file}: question {question.name}: not every pupil in question stands there")
        return made

    def check_all_asked(self, questions: Iterable[Question]) -> None:
        """Refuse decisions about lines that changed, or that nobody asks about any more. Raises `FeedRefused`."""
        left = sorted(self.made.keys() - {question.name for question in questions})
        if left:
            raise FeedRefused(
                f"{self.file}: question {left[0]}: the lines it speaks of changed or are clear now; write the table "
                "anew with --review"
            )

    def written(self) -> Sequence[str]:
        """The decisions as texts in one order: they are a part of the delivery."""
        return [f"{name}={one.pupil}" for name, one in sorted(self.made.items())]


UNDECIDED = Decisions()


def write_questions(path: Path, questions: Iterable[Question]) -> None:
    """Write a table that a human answers, readable by its owner alone. Raises `FileExistsError`, `OSError`.

    A table that stands there already may hold answers, so it is never written over.
    """
    fresh = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fresh, "w", encoding="utf-8-sig", newline="") as out:
        table = csv.writer(out, delimiter=";", lineterminator="\r\n")
        table.writerow(COLUMNS)
        table.writerows(row for question in questions for row in _rows_of(question))


def _rows_of(question: Question) -> Iterator[Sequence[str]]:
    """A line for each pupil in question. No cell begins a formula: the reader takes no such name."""
    adult, child = question.adult.name, question.child[0]
    asked = (
        question.name, str(question.line), " ".join(filter(None, (adult.civility, adult.family, adult.given))),
        f"{child.family} {child.given}", child.class_label,
    )  # fmt: skip
    for one in question.candidates:
        record = one.record
        born = f"{record.birth_date:%d/%m/%Y}" if record.birth_date else ""
        yield (*asked, record.key, f"{record.name.family} {record.name.given}", born, one.class_label, "")


def read_decisions(path: Path) -> Decisions:
    """Read a table back. Raises `FeedRefused` for what cannot be read, and for answers that say no one thing."""
    try:
        with path.open("rb") as stream:
            table = read_table(Member(path.name, stream))
    except OSError as fault:
        raise FeedRefused(f"{path.name}: not readable ({type(fault).__name__})") from fault
    answers = _answers_in(table)
    made = {name: _decision(table.file, name, given) for name, given in answers.items() if any(given.values())}
    return Decisions(table.file, made)


def _answers_in(table: Table) -> Mapping[str, dict[str, str]]:
    """For each question the answer at each pupil shown. Raises `FeedRefused`."""
    missing = [name for name in _NEEDS if table.columns.count(name) != 1]
    if missing:
        raise FeedRefused(f"{table.file}: these columns are missing, or stand there twice: {', '.join(missing)}")
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for row in table.rows:
        if not isinstance(row, Row):
            raise FeedRefused(f"{table.file}: line {row.line}: {row.reason}")
        cells = cells_by_name(table.columns, row.cells)
        name, pupil, answer = (cells[one] for one in _NEEDS)
        if not name or not pupil or pupil in found[name]:
            raise FeedRefused(f"{table.file}: line {row.line}: no question, no pupil, or one pupil twice")
        found[name][pupil] = answer.casefold()
    return found


def _decision(file: str, name: str, answers: Mapping[str, str]) -> Decision:
    chosen = [pupil for pupil, answer in answers.items() if answer == YES]
    clear = set(answers.values()) <= {YES, NO, ""} and (len(chosen) == 1 or set(answers.values()) == {NO})
    if not clear:
        raise FeedRefused(
            f"{file}: question {name[:64]}: write '{YES}' at one pupil, or '{NO}' at each of them where it is none, or "
            "nothing"
        )
    return Decision(chosen[0] if chosen else "", frozenset(answers))
