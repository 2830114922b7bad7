"""Lines of the two extractions turned into domain records.

ONDE hands over no identifier of a pupil or an adult, so keys are made from what identifies them there: names and birth
date; an adult's names and civility. Two lines that would bear one key are told apart by nobody: both go to the
operator's review. No key is made from an INE, not even hashed (services may be told keys, and there are few enough INEs
to try them all), nor does one stand in what is reported.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from broker.domain.feed import PERSON_FIELDS, ClassMembership, PersonRecord
from broker.domain.names import fold
from broker.domain.people import PersonName, RecordKind
from connectors.csv_tables import cell_in, name_in
from connectors.feed_values import CIVILITIES, Malformed, code, day, phone

_KEY_LETTERS = 24
_AS_LETTERS = str.maketrans("0123456789", "ghijklmnop")


@dataclass(frozen=True, slots=True)
class ChildNamed:
    """A child as a guardian's line names it: by its names, and its class where the line says it."""

    family: str
    given: str
    class_label: str


@dataclass(frozen=True, slots=True)
class PupilLine:
    """A pupil's record, and the names under which a guardian's line may speak of the child, folded."""

    record: PersonRecord
    names: frozenset[tuple[str, str]]
    class_label: str

    def is_same(self, other: PupilLine) -> bool:
        """Tell whether another line of this key is the same child: it differs in nothing."""
        return self == other

    def joined(self, _others: Sequence[PupilLine]) -> PupilLine:
        """The one line that several equal ones are."""
        return self


@dataclass(frozen=True, slots=True)
class GuardianLine:
    """An adult's record, and the children named beside it."""

    record: PersonRecord
    children: tuple[tuple[ChildNamed, ...], ...]
    """For each child the names it is given, one or two."""

    def is_same(self, other: GuardianLine) -> bool:
        """Tell whether another line of this key is the same adult: one contact at least, and the same ones."""
        contacts = (self.record.mobile, self.record.mail)
        return any(contacts) and contacts == (other.record.mobile, other.record.mail)

    def joined(self, others: Sequence[GuardianLine]) -> GuardianLine:
        """The one line of an adult who stands there once for each child."""
        return replace(self, children=(*self.children, *(child for other in others for child in other.children)))


def pupil_of(cells: Mapping[str, str], *, uai: str) -> PupilLine:
    """Read one pupil. Raises `Malformed`."""
    birth, usage, given = (name_in(cells.get(column, "")) for column in _PUPIL_NAMES)
    family = usage or birth
    if not family or not given:
        raise Malformed("a pupil without a name")
    born = day(cells["Date naissance"])
    ine = cells["INE"].upper().replace(" ", "")[:16]
    label = name_in(cells["Libellé classe"])
    grade = code(cell_in(cells["Identifiant classe"])) or code(label)
    record = PersonRecord(
        kind=RecordKind.PUPIL,
        key=letters_of("e", uai, fold(birth), fold(given), born.isoformat() if born else ""),
        name=PersonName(family=family, given=given),
        birth_name=birth,
        birth_date=born,
        ine=ine,
        school_key=uai,
        classes=(ClassMembership(uai, grade, label),) if grade else (),
        stated=PERSON_FIELDS,
    )
    names = frozenset((fold(one), fold(given)) for one in (birth, usage) if one)
    return PupilLine(record, names, label)


def guardian_of(cells: Mapping[str, str], children: Sequence[tuple[ChildNamed, ...]], *, uai: str) -> GuardianLine:
    """Read one adult. Raises `Malformed`."""
    birth, usage, given = (name_in(cells.get(column, "")) for column in _GUARDIAN_NAMES)
    family = usage or birth
    if not family or not given:
        raise Malformed("an adult without a name")
    title = cells["Civilité Responsable"]
    civility = CIVILITIES.get(title.upper(), "")
    record = PersonRecord(
        kind=RecordKind.GUARDIAN,
        key=letters_of("r", uai, fold(birth), fold(usage), fold(given), civility),
        name=PersonName(family=family, given=given, civility=civility),
        birth_name=birth,
        mobile=phone(cells.get("Téléphone portable", "")),
        mail=cell_in(cells.get("Courriel", "")),
        address=_address(cells),
        postal_code=cells.get("CP responsable", "")[:16],
        stated=PERSON_FIELDS,
    )
    return GuardianLine(record, tuple(children))


def child_named(cells: Sequence[str], block: Mapping[str, int]) -> tuple[ChildNamed, ...]:
    """The child that a block names, under each family name it gives (one or two); none when the block is empty."""
    found = {name: cells[place].strip() if place < len(cells) else "" for name, place in block.items()}
    given = name_in(found.get("Prénom enfant", ""))
    families = {name_in(found.get(column, "")): None for column in _CHILD_NAMES}
    label = name_in(found.get("Classes enfants", ""))
    return tuple(ChildNamed(family, given, label) for family in families if family and given)


def _address(cells: Mapping[str, str]) -> str:
    street = cell_in(cells.get("Adresse responsable", ""))
    if not street:
        return ""
    place = (cells.get(column, "") for column in ("CP responsable", "Commune responsable"))
    return " ".join([street, *(part for part in place if part)])


def letters_of(kind: str, *parts: str) -> str:
    """A name made from what is said.

    Letters only: ten digits and a letter could be taken for an INE, and then be told to nobody.
    """
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    return kind + digest[:_KEY_LETTERS].translate(_AS_LETTERS)


_PUPIL_NAMES = ("Nom élève", "Nom d'usage élève", "Prénom élève")
_GUARDIAN_NAMES = ("Nom responsable", "Nom usage responsable", "Prénom responsable")
_CHILD_NAMES = ("Nom de famille enfant", "Nom d'usage enfant")
