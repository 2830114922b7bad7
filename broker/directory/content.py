"""Records as text: how a delivered record rests between reading and applying, and as the content of a stored one.

JSON with sorted, short lists: the same record always gives the same text, so that its SHA-256 tells whether anything
changed since the last delivery.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date
from functools import lru_cache
from typing import Any

from broker.domain.feed import PERSON_FIELDS, ClassMembership, PersonRecord, PostRow, Relation, SchoolRecord, Tie
from broker.domain.guardianship import Quality
from broker.domain.names import fold
from broker.domain.people import PersonName, Profil, RecordKind
from broker.domain.school import Level, SchoolClass

RULES = 1
"""Raised when the same content must be applied anew because what is made of it changed."""

_TEXTS = (
    "birth_name", "ine", "mef", "level_code", "school_key", "mobile", "mail", "address", "postal_code", "siecle_id",
)  # fmt: skip

_QUALITIES = {quality.value: quality for quality in Quality}

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

_folded = lru_cache(maxsize=1 << 16)(fold)


def name_key_of(name: PersonName) -> str:
    """As `domain.names.name_key`; names repeat by the thousand, so folded ones are remembered."""
    return f"{_folded(name.family)}|{_folded(name.given)}|{_folded(name.civility)}"


def content_hash(payload: str, *, in_charge_sees: bool) -> str:
    """SHA-256 (hex) of a record's text and of the rules under which it is applied."""
    return hashlib.sha256(f"{RULES}{int(in_charge_sees)}{payload}".encode()).hexdigest()


def encode_person(record: PersonRecord) -> str:
    """Write a person as text; empty fields are left out."""
    name = record.name
    body: dict[str, Any] = {"n": [name.family, name.given, name.civility]}
    body.update({field: value for field in _TEXTS if (value := getattr(record, field))})
    if record.birth_date:
        body["birth_date"] = record.birth_date.isoformat()
    if record.teachings:
        body["teachings"] = list(record.teachings)
    if record.classes:
        body["classes"] = [_class_text(one) for one in record.classes]
    if record.relations:
        body["relations"] = [
            [one.adult_key, one.link_code, one.quality.value, int(one.pays), int(one.contact_first)]
            for one in record.relations
        ]
    if record.posts:
        body["posts"] = [[one.school_key, one.function, one.profil.value] for one in record.posts]
    if record.ties:
        body["ties"] = [[one.nature, one.other] for one in record.ties]
    if record.stated != PERSON_FIELDS:
        body["stated"] = sorted(record.stated)
    return _encode(body)


def decode_person(payload: str, *, kind: RecordKind, key: str) -> PersonRecord:
    """Read a person back."""
    body = json.loads(payload)
    get = body.get
    family, given, civility = body["n"]
    born = get("birth_date")
    return PersonRecord(
        kind=kind,
        key=key,
        name=PersonName(family, given, civility),
        birth_name=get("birth_name", ""),
        birth_date=date.fromisoformat(born) if born else None,
        ine=get("ine", ""),
        mef=get("mef", ""),
        level_code=get("level_code", ""),
        school_key=get("school_key", ""),
        mobile=get("mobile", ""),
        mail=get("mail", ""),
        address=get("address", ""),
        postal_code=get("postal_code", ""),
        siecle_id=get("siecle_id", ""),
        teachings=tuple(get("teachings", ())),
        classes=tuple([_class_of(one) for one in get("classes", ())]),
        relations=tuple(
            [
                Relation(adult, link, _QUALITIES[quality], bool(pays), bool(first))
                for adult, link, quality, pays, first in get("relations", ())
            ]
        ),
        posts=tuple(PostRow(school, function, Profil(profil)) for school, function, profil in get("posts", ())),
        ties=tuple(Tie(nature, other) for nature, other in get("ties", ())),
        stated=frozenset(body["stated"]) if "stated" in body else PERSON_FIELDS,
    )


def _class_text(one: ClassMembership) -> list[str]:
    text = [one.school_key, one.class_code, one.class_label]
    if one.since or one.until:
        text += [one.since.isoformat() if one.since else "", one.until.isoformat() if one.until else ""]
    return text


def _class_of(text: list[str]) -> ClassMembership:
    school, code, label, *dates = text
    if not dates:  # no feed of an académie gives them
        return ClassMembership(school, code, label)
    since, until = (date.fromisoformat(one) if one else None for one in dates)
    return ClassMembership(school, code, label, since, until)


def encode_school(record: SchoolRecord) -> str:
    """Write a school as text."""
    return _encode(
        {
            "uai": record.uai,
            "name": record.name,
            "level": record.level.value if record.level else None,
            "kind": record.kind,
            "commune": record.commune,
            "contract": record.contract,
            "classes": [[one.code, one.label] for one in record.classes],
        }
    )


def decode_school(payload: str, *, key: str) -> SchoolRecord:
    """Read a school back."""
    body = json.loads(payload)
    level = body["level"]
    return SchoolRecord(
        key=key,
        uai=body["uai"],
        name=body["name"],
        level=Level(level) if level else None,
        kind=body["kind"],
        commune=body["commune"],
        contract=body["contract"],
        classes=tuple(SchoolClass(code, label) for code, label in body["classes"]),
    )


def merged(before: PersonRecord | None, change: PersonRecord) -> PersonRecord:
    """The record after a change: the fields it states are its own, every other one stays as it was."""
    if before is None or change.stated == PERSON_FIELDS:
        return change._replace(stated=PERSON_FIELDS)
    stated = change.stated
    fields: dict[str, Any] = {
        field: getattr(change, field) for field in stated - {"family", "given", "civility"} if field in PERSON_FIELDS
    }
    name = PersonName(
        family=change.name.family if "family" in stated else before.name.family,
        given=change.name.given if "given" in stated else before.name.given,
        civility=change.name.civility if "civility" in stated else before.name.civility,
    )
    return before._replace(name=name, stated=PERSON_FIELDS, **fields)
