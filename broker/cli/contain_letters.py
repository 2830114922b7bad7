"""Letters for whoever was sent to prove anew: a school's families, class by class, as one document."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from broker.accounts.hashing import Hashing
from broker.accounts.letters import Addressee, Batch, IssuedLetter, issue_letters
from broker.cli.output import Progress
from broker.desk import CODE_PAGE
from broker.domain.desk_file import ClassPupil
from broker.domain.handles import Id, new_id
from broker.domain.notices import Letter, LetterBatch
from broker.domain.people import PersonName
from broker.helpdesk.containment import Order
from broker.own_accounts import open_own_accounts
from broker.settings import Settings
from broker.sources import own_source
from broker.stores import Stores, read_book, utc_now
from broker.telling import open_printer
from policies import CodeTable


def check_letters(settings: Settings, order: Order) -> None:
    """Refuse letters that would lead nowhere, before anybody is contained. Raises `LookupError`."""
    if own_source(settings) is None:
        raise LookupError("--letters: letters lead to an account of one's own; no source is of kind own")
    if not order.which.school:
        raise LookupError("--letters goes with --school: they are given out in class")


def print_letters(settings: Settings, stores: Stores, order: Order, target: Path) -> int:
    """Draw a code for each adult of the school who is concerned, and write the document; returns how many letters.

    The codes are in the document and nowhere else. Raises `LookupError` where it cannot be written.
    """
    now, uai = utc_now(), order.which.school
    with ExitStack() as opened:
        hashing = open_own_accounts(settings, stores, opened, clock=utc_now).hashing
        desk = _Desk(stores, hashing, read_book(settings).of(order.tenant).codes, order, now)
        letters = desk.letters(stores.desk_files.classes(uai))
    page, school = f"{settings.issuer}{CODE_PAGE}", stores.desk_files.school(uai)
    batch = LetterBatch(school, settings.help_phone, page, now.date(), tuple(letters))
    _write(target, open_printer(settings).letters(batch))
    return len(letters)


@dataclass(frozen=True, slots=True)
class _Desk:
    """What letters are drawn with."""

    stores: Stores
    hashing: Hashing
    table: CodeTable
    order: Order
    now: datetime

    def letters(self, classes: Sequence[str]) -> list[Letter]:
        """One for each adult, by the first class in which a child of theirs is; a bar moves class by class."""
        bar, letters = Progress(), list[Letter]()
        done = set(self.order.which.except_persons)
        for place, label in enumerate(classes, start=1):
            pupils = self.stores.desk_files.pupils(self.order.which.school, label, now=self.now)
            letters += self._of_class(pupils, done)
            bar.show("letters", place, len(classes))
        bar.close()
        return letters

    def _of_class(self, pupils: Sequence[ClassPupil], done: set[str]) -> list[Letter]:
        adults = {adult.person_id: (pupil, adult.name) for pupil in reversed(pupils) for adult in pupil.adults}
        new = sorted(adults.keys() - done)
        done.update(new)
        uai, files = self.order.which.school, self.stores.desk_files
        issued = issue_letters(
            [Addressee(each, uai, self.order.tenant, files.school(uai)) for each in new],
            codes=self.stores.codes,
            hashing=self.hashing,
            table=self.table,
            batch=Batch(new_id(Id.BATCH), self.order.actor, "", self.now),
        )
        return [_letter(each, *adults[each.person_id]) for each in issued]


def _letter(issued: IssuedLetter, pupil: ClassPupil, adult: PersonName) -> Letter:
    until = issued.expires_at.date()
    return Letter(_full(adult), issued.code, until, child=_full(pupil.name), class_label=pupil.class_label)


def _write(target: Path, document: bytes) -> None:
    """For its owner's eyes alone: whoever reads a letter can come in by it."""
    try:
        target.touch(mode=0o600, exist_ok=False)
        target.write_bytes(document)
    except OSError as fault:
        raise LookupError(f"{target}: cannot be written ({fault.strerror})") from fault


def _full(name: PersonName) -> str:
    return " ".join(filter(None, (name.civility, name.given, name.family)))
