"""Pupils, guardians and staff: AAF attributes of both degrees turned into `PersonRecord`s.

1D and 2D name the same things differently and never use one name for two things, so one table serves both; the one
exception, parental authority, is chosen by degree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from broker.domain.feed import PERSON_FIELDS, ClassMembership, PersonRecord, PostRow
from broker.domain.people import PersonName, Profil, RecordKind
from connectors.aaf.relations import parse_relations
from connectors.aaf.requests import Request
from connectors.aaf.values import Attributes, address, first
from connectors.feed_values import CIVILITIES, NAME_LENGTH, Malformed, code, day, feed_key, phone

KINDS = {"Eleve": RecordKind.PUPIL, "PersRelEleve": RecordKind.GUARDIAN, "PersEducNat": RecordKind.STAFF}

_SPEAKS_OF = {
    "sn": "family",
    "ENTPersonNom": "family",
    "givenName": "given",
    "ENTPersonPrenom": "given",
    "personalTitle": "civility",
    "ENTPersonCivilite": "civility",
    "ENTPersonNomPatro": "birth_name",
    "ENTPersonDateNaissance": "birth_date",
    "ENTEleveINE": "ine",
    "ENTEleveMEF": "mef",
    "ENTEleveNiveau": "level_code",
    "ENTPersonStructRattach": "school_key",
    "mobile": "mobile",
    "ENTPersonMobileSMS": "mobile",
    "ENTPersRelEleveTelMobile": "mobile",
    "mail": "mail",
    "ENTPersonMail": "mail",
    "ENTPersonAdresse": "address",
    "ENTPersonCodePostal": "postal_code",
    "ENTEleveStructRattachId": "siecle_id",
    "ENTEleveCodeEnseignements": "teachings",
    "ENTEleveClasses": "classes",
    "ENTPersonClasses": "classes",
    "ENTElevePersRelEleve": "relations",
    "ENTPersonFonctions": "posts",
}
"""Which field of a record an attribute speaks of. `ENTAuxPersRelEleveEleve` and `ENTPersRelEleveEleve` are left out
on purpose: what a guardian's own record says of children grants nothing, only the pupil's record does."""

ATTRIBUTES = frozenset(
    {
        *_SPEAKS_OF,
        "ENTPersonJointure",
        "ENTEleveAutoriteParentale",
        "ENTEleveDateEntreeClasses",
        "ENTEleveDateSortieClasses",
        "ENTPersonVille",
    }
)
"""Everything that is read of a person."""

_MOST_TEACHINGS = 64

_PROFILS = {
    "DIR": Profil.DIRECTION,
    "ENS": Profil.ENSEIGNANT,
    "UPI": Profil.ENSEIGNANT,
    "RPL": Profil.ENSEIGNANT,
    "DOC": Profil.DOCUMENTALISTE,
    "AED": Profil.VIE_SCOLAIRE,
    "AES": Profil.VIE_SCOLAIRE,
    "EDU": Profil.VIE_SCOLAIRE,
    "SUR": Profil.VIE_SCOLAIRE,
    "INS": Profil.ACADEMIE,
}
"""AAF function to SDET profile; every other function (ADF, ALB, LAB, MDS, ORI, OUV, ASE, CFC, CTR …) is other staff of
the school, the profile that opens least."""


def person_of(request: Request, *, degree: str, levels: Mapping[str, str]) -> PersonRecord:
    """Read one person. `levels` maps a MEF code to its MEFSTAT. Raises `Malformed`."""
    attributes = request.attributes
    kind = KINDS[request.category]
    stated = _stated(request, degree=degree, levels=levels)
    return PersonRecord(
        kind=kind,
        key=feed_key(first(attributes, "ENTPersonJointure") or request.key),
        name=_name(attributes, stated),
        birth_name=first(attributes, "ENTPersonNomPatro"),
        birth_date=day(first(attributes, "ENTPersonDateNaissance")),
        mobile=phone(first(attributes, "ENTPersonMobileSMS", "mobile", "ENTPersRelEleveTelMobile")),
        mail=first(attributes, "mail", "ENTPersonMail"),
        address=address(attributes),
        postal_code=first(attributes, "ENTPersonCodePostal")[:16],
        stated=stated,
        **_OWN_FIELDS[kind](attributes, degree, levels),
    )


def _stated(request: Request, *, degree: str, levels: Mapping[str, str]) -> frozenset[str]:
    if request.operation == "addRequest":
        return PERSON_FIELDS
    names = request.attributes.keys()
    stated = {_SPEAKS_OF[name] for name in names if name in _SPEAKS_OF}
    if degree == "1D" and "ENTEleveAutoriteParentale" in names:
        stated.add("relations")
    if first(request.attributes, "ENTEleveMEF") in levels:
        stated.add("level_code")
    return frozenset(stated)


def _name(attributes: Attributes, stated: frozenset[str]) -> PersonName:
    family = first(attributes, "sn", "ENTPersonNom")
    given = first(attributes, "givenName", "ENTPersonPrenom")
    if ("family" in stated and not family) or ("given" in stated and not given):
        raise Malformed("a person without a name")
    if max(len(family), len(given)) > NAME_LENGTH:
        raise Malformed("a name longer than any real one")
    title = first(attributes, "personalTitle", "ENTPersonCivilite")
    return PersonName(family=family, given=given, civility=CIVILITIES.get(title.upper(), ""))


def _pupil(attributes: Attributes, degree: str, levels: Mapping[str, str]) -> dict[str, Any]:
    authority = "ENTEleveAutoriteParentale" if degree == "1D" else "ENTElevePersRelEleve"
    school = first(attributes, "ENTPersonStructRattach")
    mef = code(first(attributes, "ENTEleveMEF"))[:16]
    return {
        "ine": first(attributes, "ENTEleveINE")[:16].upper(),
        "mef": mef,
        "level_code": code(levels.get(mef, "") or first(attributes, "ENTEleveNiveau").partition("$")[0])[:4],
        "school_key": feed_key(school) if school else "",
        "siecle_id": first(attributes, "ENTEleveStructRattachId")[:32],
        "teachings": tuple(one[:32] for one in attributes.get("ENTEleveCodeEnseignements", ())[:_MOST_TEACHINGS]),
        "classes": _classes(attributes),
        "relations": parse_relations(attributes.get(authority, ()), degree=degree),
    }


def _classes(attributes: Attributes) -> tuple[ClassMembership, ...]:
    begins = _dates(attributes, "ENTEleveDateEntreeClasses")
    ends = _dates(attributes, "ENTEleveDateSortieClasses")
    found: dict[tuple[str, str], ClassMembership] = {}
    for value in attributes.get("ENTEleveClasses", ()):
        school, _, name = value.partition("$")
        _put(found, ClassMembership(feed_key(school), code(name), name))
    for value in attributes.get("ENTPersonClasses", ()):
        parts = value.split("$")
        if len(parts) != 5:  # noqa: PLR2004 - school, type, type label, class id, class label (1D)
            raise Malformed("a class with other than five parts")
        _put(found, ClassMembership(feed_key(parts[0]), code(parts[3]), parts[4]))
    if not begins and not ends:
        return tuple(found.values())
    return tuple(
        ClassMembership(one.school_key, one.class_code, one.class_label, begins.get(place), ends.get(place))
        for place, one in found.items()
    )


def _put(found: dict[tuple[str, str], ClassMembership], one: ClassMembership) -> None:
    if one.class_code:
        found[one.school_key, one.class_code] = one


def _dates(attributes: Attributes, name: str) -> dict[tuple[str, str], date | None]:
    dates: dict[tuple[str, str], date | None] = {}
    for value in attributes.get(name, ()):
        school, _, rest = value.partition("$")
        text, _, class_code = rest.partition("$")
        dates[school, class_code] = day(text)
    return dates


def _guardian(_attributes: Attributes, _degree: str, _levels: Mapping[str, str]) -> dict[str, Any]:
    return {}


def _staff(attributes: Attributes, _degree: str, _levels: Mapping[str, str]) -> dict[str, Any]:
    posts: dict[tuple[str, str], PostRow] = {}
    for value in attributes.get("ENTPersonFonctions", ()):
        school, _, rest = value.partition("$")
        function = rest.partition("$")[0]
        if not school or not function or function in {"-", "ELE"}:
            continue
        key = feed_key(school)
        posts[key, function] = PostRow(key, code(function)[:32], _PROFILS.get(function, Profil.ETABLISSEMENT))
    return {"posts": tuple(posts.values())}


_OWN_FIELDS: dict[RecordKind, Callable[[Attributes, str, Mapping[str, str]], dict[str, Any]]] = {
    RecordKind.PUPIL: _pupil,
    RecordKind.GUARDIAN: _guardian,
    RecordKind.STAFF: _staff,
}
