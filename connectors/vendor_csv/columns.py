"""Which column of a vendor's table means what: declared by the operator, never guessed from its names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

from broker.domain.errors import FeedRefused
from broker.domain.people import RecordKind

_NEEDED = ("login", "family", "given")
_OF_PUPILS = frozenset({"ine", "class_name"})


@dataclass(frozen=True, slots=True)
class VendorColumns:
    """The name of each column in the table's first line; empty where the table does not have it.

    `school` holds UAIs and is compared with the feed's school. `ine` is read only where it is declared.
    """

    login: str
    family: str
    given: str
    birth_name: str = ""
    civility: str = ""
    birth_date: str = ""
    mobile: str = ""
    mail: str = ""
    school: str = ""
    class_name: str = ""
    ine: str = ""

    def declared(self) -> Mapping[str, str]:
        """What is declared, by meaning."""
        found = {one.name: str(getattr(self, one.name)) for one in fields(self)}
        return {meaning: name for meaning, name in found.items() if name}

    def check_header(self, file: str, columns: Sequence[str]) -> None:
        """Refuse a table without a declared column, or with it twice. Raises `FeedRefused` naming all of them."""
        missing = [name for name in self.declared().values() if name not in columns]
        if missing:
            raise FeedRefused(f"{file}: these columns are missing: {', '.join(missing)}")
        twice = [name for name in self.declared().values() if list(columns).count(name) > 1]
        if twice:
            raise FeedRefused(f"{file}: these columns stand there twice: {', '.join(twice)}")


def column_faults(declared: Mapping[str, str], kind: RecordKind) -> Iterator[str]:
    """What is wrong with a declaration, for whoever reads it from settings; none when it can become `VendorColumns`."""
    known = {one.name for one in fields(VendorColumns)}
    for meaning in declared:
        if meaning not in known:
            yield f"columns: '{meaning}' is none of {', '.join(sorted(known))}"
        elif meaning in _OF_PUPILS and kind is not RecordKind.PUPIL:
            yield f"columns: '{meaning}' is of pupils only"
    for meaning in _NEEDED:
        if not declared.get(meaning):
            yield f"columns: '{meaning}' is missing"
    names = [name for name in declared.values() if name]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"columns: the column '{name}' is declared twice"
