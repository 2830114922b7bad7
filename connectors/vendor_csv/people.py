"""Lines of a vendor's table turned into domain records."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from broker.domain.feed import PERSON_FIELDS, ClassMembership, PersonRecord
from broker.domain.people import PersonName, RecordKind
from connectors.csv_tables import cell_in, name_in
from connectors.feed_values import CIVILITIES, Malformed, code, day, phone

_KEY_DIGITS = 24
_LOGIN_LENGTH = 256


def login_key(login: str, *, uai: str) -> str:
    """The key of a login's record: 'v' and 24 hex of SHA-256, since a login may hold a name and any character."""
    return "v" + hashlib.sha256(f"{uai}\0{login}".encode()).hexdigest()[:_KEY_DIGITS]


def person_of(cells: Mapping[str, str], *, login: str, kind: RecordKind, uai: str) -> PersonRecord:
    """Read one person from cells by meaning. Raises `Malformed`."""
    family, given = name_in(cells["family"]), name_in(cells["given"])
    if not family or not given:
        raise Malformed("a person without a name")
    place = name_in(cells.get("class_name", ""))
    is_pupil = kind is RecordKind.PUPIL
    return PersonRecord(
        kind=kind,
        key=login_key(login, uai=uai),
        name=PersonName(family, given, CIVILITIES.get(cells.get("civility", "").upper(), "")),
        birth_name=name_in(cells.get("birth_name", "")),
        birth_date=day(cells.get("birth_date", "")),
        ine=cells.get("ine", "").upper().replace(" ", "")[:16],
        school_key=uai if is_pupil else "",
        mobile=phone(cells.get("mobile", "")),
        mail=cell_in(cells.get("mail", "")),
        classes=(ClassMembership(uai, code(place), place),) if place else (),
        stated=PERSON_FIELDS,
    )


def login_in(text: str) -> str:
    """The login as it stands there. Raises `Malformed` for none, and for what no login is."""
    if not text:
        raise Malformed("a line without login")
    if not text.isprintable() or len(text) > _LOGIN_LENGTH:
        raise Malformed("a login that nobody can type")
    return text
