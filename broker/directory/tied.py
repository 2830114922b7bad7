"""Records that a directory itself calls one human: which person a new record joins by that. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from broker.directory.grounds import family_of, is_same_pupil
from broker.domain.founding import Stated, Tied, Unattached
from broker.domain.people import RecordKind


class TiedRecords:
    """The ties of a chunk's records, and the persons that its own records got meanwhile."""

    def __init__(self, tied: Iterable[Tied]) -> None:
        self._of: dict[str, list[Tied]] = defaultdict(list)
        for one in tied:
            self._of[one.record_id].append(one)
        self._homes: dict[str, str] = {}

    def settle(self, record: Unattached, person: str) -> None:
        """Remember whose record of this chunk is."""
        self._homes[record.record_id] = person

    def persons(self, record: Unattached, kind: RecordKind) -> tuple[Mapping[str, Tied], Mapping[str, Tied]]:
        """The persons of the records tied to this one: by a tie that proves, and by one that only suggests.

        Staff are never joined: a parent's page would show a colleague's pupils. Nor is a record that states another
        birth date, civility, number, given name or an adult's family name: somebody mistyped a key. A pupil's entry
        that states no birth date joins nobody: any child of that given name could be named by its key.
        """
        sure: dict[str, Tied] = {}
        weak: dict[str, Tied] = {}
        for tie in self._of.get(record.record_id, ()):
            person = tie.person_id or self._homes.get(tie.other)
            if person is None:
                continue
            proves = kind is not RecordKind.STAFF and tie.kind == kind.value
            joins = proves and _is_one_human(record, tie, kind)
            (sure if joins else weak).setdefault(person, tie)
        return sure, {person: tie for person, tie in weak.items() if person not in sure}


def _is_one_human(record: Unattached, tie: Tied, kind: RecordKind) -> bool:
    if _stated(record, kind).contradicts(_stated(tie, kind)):
        return False
    if kind is RecordKind.PUPIL:
        return is_same_pupil(record, tie)
    return family_of(record.name_key) == family_of(tie.name_key)


def _stated(one: Unattached | Tied, kind: RecordKind) -> Stated:
    civility = "" if kind is RecordKind.PUPIL else one.name_key.rpartition("|")[2]
    return Stated(one.given_name, civility, one.birth_date, one.ine)
