"""Pupils and adults: entries of the two exports turned into domain records."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from broker.domain.feed import PERSON_FIELDS, ClassMembership, PersonRecord
from broker.domain.people import PersonName, RecordKind
from connectors.feed_values import CIVILITIES, Malformed, code, day, name_in, phone
from connectors.siecle.files import Entry

_STREET = ("LIGNE1_ADRESSE", "LIGNE2_ADRESSE", "LIGNE3_ADRESSE", "LIGNE4_ADRESSE")


def has_left(pupil: Entry, *, on: date) -> bool:
    """Tell whether a pupil had left by that day: exports list last year's pupils too. Raises `Malformed`."""
    left = day(pupil.texts.get("DATE_SORTIE", ""))
    return left is not None and left <= on


def pupil_of(entry: Entry, *, uai: str, divisions: tuple[str, ...]) -> PersonRecord:
    """Read one pupil, without the adults beside them. Raises `Malformed`."""
    texts = entry.texts
    return PersonRecord(
        kind=RecordKind.PUPIL,
        key=entry.id,
        name=_name(texts, civility=""),
        birth_name=name_in(texts.get("NOM_DE_FAMILLE", "")),
        birth_date=day(texts.get("DATE_NAISS", "")),
        ine=texts.get("ID_NATIONAL", "").upper()[:16],
        mef=code(texts.get("CODE_MEF", ""))[:16],
        school_key=uai,
        mobile=phone(texts.get("TEL_PORTABLE", "")),
        mail=texts.get("MEL", ""),
        siecle_id=entry.id[:32],
        classes=tuple(ClassMembership(uai, code(one), one) for one in divisions),
        stated=PERSON_FIELDS,
    )


def guardian_of(entry: Entry, *, addresses: Mapping[str, Entry]) -> PersonRecord:
    """Read one adult. Raises `Malformed`."""
    texts = entry.texts
    place = addresses.get(texts.get("ADRESSE_ID", ""))
    return PersonRecord(
        kind=RecordKind.GUARDIAN,
        key=entry.id,
        name=_name(texts, civility=CIVILITIES.get(texts.get("LC_CIVILITE", "").upper(), "")),
        birth_name=name_in(texts.get("NOM_DE_FAMILLE", "")),
        mobile=phone(texts.get("TEL_PORTABLE", "")),
        mail=texts.get("MEL", ""),
        address=_address(place.texts) if place else "",
        postal_code=place.texts.get("CODE_POSTAL", "")[:16] if place else "",
        stated=PERSON_FIELDS,
    )


def _name(texts: Mapping[str, str], *, civility: str) -> PersonName:
    """The name of use before the one of birth; `NOM` is the one name that adults have in older exports."""
    family = name_in(texts.get("NOM_USAGE", "") or texts.get("NOM_DE_FAMILLE", "") or texts.get("NOM", ""))
    given = name_in(texts.get("PRENOM", ""))
    if not family or not given:
        raise Malformed("a person without a name")
    return PersonName(family=family, given=given, civility=civility)


def _address(texts: Mapping[str, str]) -> str:
    street = " ".join(texts.get(line, "") for line in _STREET).split()
    if not street:
        return ""
    place = (texts.get(part, "") for part in ("CODE_POSTAL", "LIBELLE_POSTAL"))
    return " ".join([*street, *(part for part in place if part)])
