"""Whether a key still means the person it meant: sources give keys again, and a key alone proves nobody. Pure."""

from __future__ import annotations

from broker.directory.content import decode_person, name_key_of
from broker.domain.feed import PersonRecord
from broker.domain.imports import KnownRecord
from broker.domain.names import fold
from broker.domain.people import RecordKind


def is_another_person(known: KnownRecord, record: PersonRecord, *, left: bool) -> bool:
    """Tell whether `record` is somebody else than the known record of its key.

    One who left must come back as the same: name, civility and birth date. One who stayed may change his name (a
    marriage) or have an error corrected, but not a pupil's name and birth date at once, nor an adult's both names.
    """
    before = decode_person(known.content, kind=record.kind, key=record.key)
    born_otherwise = before.birth_date != record.birth_date
    if left:
        return born_otherwise or name_key_of(before.name) != name_key_of(record.name)
    family = fold(before.name.family) != fold(record.name.family)
    given = fold(before.name.given) != fold(record.name.given)
    if record.kind is RecordKind.PUPIL:
        return born_otherwise and (family or given)
    return record.kind is RecordKind.GUARDIAN and family and given
