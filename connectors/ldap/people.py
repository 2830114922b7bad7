"""Persons and schools of the national schema turned into domain records (SDET, annexe opérationnelle; domain of ENTs).

Values that hold a name are plain strings in the schema, so nothing keeps them true when an entry moves: they are cut
from the right (a name may hold a `$`) and compared as parsed names. What a guardian's own entry says of children
(`ENTAuxPersRelEleveEleve`) grants nothing; only the pupil's entry does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from broker.domain.feed import PERSON_FIELDS, ClassMembership, PersonRecord, PostRow, Relation, SchoolRecord
from broker.domain.guardianship import Quality
from broker.domain.names import fold
from broker.domain.people import PersonName, Profil, RecordKind
from broker.domain.school import Level, SchoolClass
from connectors.feed_values import CIVILITIES, NAME_LENGTH, Malformed, code, day, feed_key, link_code, phone
from connectors.ldap.entries import Entry

PUPIL = "enteleve"
GUARDIAN = "entauxpersreleleve"
SCHOOL = "entetablissement"

STAFF_CLASSES: Mapping[str, Profil] = {
    "entauxenseignant": Profil.ENSEIGNANT,
    "entauxnonensetab": Profil.ETABLISSEMENT,
    "entauxnonensservac": Profil.ACADEMIE,
    "entauxnonenscollloc": Profil.COLLECTIVITE,
}
"""Auxiliary classes of staff, and the profile of an entry that states none: the one that opens least."""

SCHOOL_ATTRIBUTES = (
    "objectClass", "ENTStructureSIREN", "ENTStructureUAI", "ENTStructureNomCourant", "ENTStructureTypeStruct",
    "ENTStructureClasses", "ENTEtablissementContrat",
)  # fmt: skip
PERSON_ATTRIBUTES = (
    "objectClass", "ENTPersonJointure", "sn", "givenName", "personalTitle", "ENTPersonNomPatro",
    "ENTPersonDateNaissance", "ENTPersonStructRattach", "ENTPersonProfils", "ENTPersonAdresse", "ENTPersonCodePostal",
    "ENTPersonVille", "ENTPersonMobileSMS", "mobile", "mail", "ENTEleveINE", "ENTEleveMEF", "ENTEleveStructRattachId",
    "ENTEleveClasses", "ENTElevePersRelEleve", "ESCOPersonEtatCompte", "ENTPersRelRapprochPrincipal",
    "ENTPersRelRapprochSecondaire", "ENTPersRelFusionPrincipal", "ENTPersRelFusionSecondaire",
)  # fmt: skip
"""Everything that is read, besides the attribute that holds the key."""

_ASKED = (*SCHOOL_ATTRIBUTES, *PERSON_ATTRIBUTES)

KeyOf = Callable[[str], str]
"""The key of the entry that a name in a value leads to. Raises `Malformed`, or `Nowhere`."""


class Nowhere(Malformed):
    """A name that leads to no entry: gone, moved, or hidden from our reader; nobody can tell which."""


_UAI = re.compile(r"[0-9]{7}[A-Z]")
_LEVEL_OF_WORD = {"college": Level.COLLEGE, "clg": Level.COLLEGE, "lycee": Level.LYCEE, "lyc": Level.LYCEE}
_LEVEL_OF_WORD |= {"ecole": Level.ECOLE}
_QUALITIES = {"1": Quality.LEGAL_GUARDIAN, "2": Quality.IN_CHARGE, "3": Quality.CONTACT, "0": Quality.CONTACT}
_FLAGS = frozenset({"0", "1", ""})
_STAFF_PROFILS: Mapping[str, Profil] = {
    f"NATIONAL_{one.value}": one for one in Profil if one not in {Profil.ELEVE, Profil.TUTEUR}
}
_STAFF_SUFFIX = ".agent"
_ONESELF = "70"


def kinds_of(entry: Entry) -> tuple[RecordKind, ...]:
    """What an entry says it is a record of: a parent who teaches is two records."""
    classes = {value.lower() for value in entry.all("objectClass")}
    stated = (
        (RecordKind.PUPIL, PUPIL in classes),
        (RecordKind.GUARDIAN, GUARDIAN in classes),
        (RecordKind.STAFF, not classes.isdisjoint(STAFF_CLASSES)),
    )
    return tuple(kind for kind, holds in stated if holds)


def check_one_sort(entry: Entry) -> None:
    """A pupil and an adult are never one record: one view would show both. Raises `Malformed`."""
    kinds = kinds_of(entry)
    if RecordKind.PUPIL in kinds and len(kinds) > 1:
        raise Malformed("one entry for a pupil and for an adult")


def record_key(own_key: str, kind: RecordKind) -> str:
    """The record's key. A staff record always has one of its own, so that becoming a parent changes no key."""
    return feed_key(own_key + _STAFF_SUFFIX if kind is RecordKind.STAFF else own_key)


def school_of(entry: Entry) -> SchoolRecord:
    """Read one school. Raises `Malformed`, also for one without UAI: nothing could be joined on it."""
    _check_readable(entry)
    uai = entry.first("ENTStructureUAI").upper()
    if not _UAI.fullmatch(uai):
        raise Malformed("a school without a UAI of seven digits and a letter")
    name = entry.first("ENTStructureNomCourant")
    if not name or len(name) > NAME_LENGTH:
        raise Malformed("a school without a name, or with one longer than any real one")
    names = dict.fromkeys(code(value.partition("$")[0]) for value in entry.all("ENTStructureClasses"))
    return SchoolRecord(
        key=feed_key(entry.only("ENTStructureSIREN")),
        uai=uai,
        name=name,
        level=_level(entry.first("ENTStructureTypeStruct")) or _level(name),
        kind=code(entry.first("ENTStructureTypeStruct"))[:32],
        contract=code(entry.first("ENTEtablissementContrat"))[:8],
        classes=tuple(SchoolClass(code=name, label=name) for name in names if name),
    )


def person_of(entry: Entry, kind: RecordKind, own_key: str, *, school: KeyOf) -> PersonRecord:
    """Read one record of a person, without those who stand beside it. Raises `Malformed`."""
    check_one_sort(entry)
    _check_readable(entry)
    return PersonRecord(
        kind=kind,
        key=record_key(own_key, kind),
        name=_name(entry),
        birth_name=entry.first("ENTPersonNomPatro"),
        birth_date=day(entry.first("ENTPersonDateNaissance")),
        mobile=phone(entry.first("ENTPersonMobileSMS", "mobile")),
        mail=entry.first("mail"),
        address=_address(entry),
        postal_code=entry.first("ENTPersonCodePostal")[:16],
        stated=PERSON_FIELDS,
        **_own_fields(entry, kind, school),
    )


def relations_of(entry: Entry, own_key: str, person: KeyOf) -> tuple[Relation, ...]:
    """Who stands beside a pupil. Raises `Malformed`, or `Nowhere`: half a family is never applied."""
    found: dict[str, Relation] = {}
    for value in entry.all("ENTElevePersRelEleve"):
        relation = _relation(value, own_key, person)
        if relation and found.setdefault(relation.adult_key, relation) != relation:
            raise Malformed("the same adult twice beside the pupil, in different terms")
    return tuple(found.values())


def _own_fields(entry: Entry, kind: RecordKind, school: KeyOf) -> dict[str, Any]:
    if kind is RecordKind.PUPIL:
        return _pupil(entry, school)
    return {"posts": _posts(entry, school)} if kind is RecordKind.STAFF else {}


def _check_readable(entry: Entry) -> None:
    if entry.unreadable:
        # By its name where it is one of the schema: a directory may answer with others than it was asked for.
        name = next((name for name in _ASKED if name.lower() in entry.unreadable), "one that was not asked for")
        raise Malformed(f"an attribute that holds no text: {name}")


def _name(entry: Entry) -> PersonName:
    family, given = entry.first("sn"), entry.first("givenName")
    if not family or not given:
        raise Malformed("a person without a name")
    if max(len(family), len(given)) > NAME_LENGTH:
        raise Malformed("a name longer than any real one")
    return PersonName(family=family, given=given, civility=CIVILITIES.get(entry.first("personalTitle").upper(), ""))


def _address(entry: Entry) -> str:
    lines = entry.first("ENTPersonAdresse").replace("$", " ").split()
    place = [part for part in (entry.first("ENTPersonCodePostal"), entry.first("ENTPersonVille")) if part]
    return " ".join([*lines, *place]) if lines else ""


def _pupil(entry: Entry, school: KeyOf) -> dict[str, Any]:
    attached = entry.first("ENTPersonStructRattach")
    return {
        "ine": entry.first("ENTEleveINE")[:16].upper(),
        "mef": code(entry.first("ENTEleveMEF"))[:16],
        "school_key": school(attached) if attached else "",
        "siecle_id": entry.first("ENTEleveStructRattachId")[:32],
        "classes": _classes(entry, school),
    }


def _classes(entry: Entry, school: KeyOf) -> tuple[ClassMembership, ...]:
    found: dict[tuple[str, str], ClassMembership] = {}
    for value in entry.all("ENTEleveClasses"):
        name, separator, label = value.rpartition("$")
        if not separator:
            raise Malformed("a class without its school")
        if label:
            one = ClassMembership(school(name), code(label), label)
            found[one.school_key, one.class_code] = one
    return tuple(found.values())


def _relation(value: str, own_key: str, person: KeyOf) -> Relation | None:
    """One adult; None where a pupil of age stands beside himself (link 70), who needs no right over himself."""
    parts = value.rsplit("$", 5)
    if len(parts) != 6:  # noqa: PLR2004 - adult, link, pays, legal level, contact, payment
        raise Malformed("a relation with other than six parts")
    name, link, pays, level, contact, payment = parts
    if level not in _QUALITIES or not _FLAGS.issuperset((pays, contact, payment)):
        raise Malformed("a relation with a level or flag that does not exist")
    link = link_code(link)
    adult = person(name)
    if adult == own_key:
        if link == _ONESELF:
            return None
        raise Malformed("a pupil beside himself")
    return Relation(
        adult_key=adult,
        link_code=link,
        quality=_QUALITIES[level],
        pays=pays == "1",
        contact_first=contact == "1",
    )


def _posts(entry: Entry, school: KeyOf) -> tuple[PostRow, ...]:
    """One post a profile, at the school the entry is attached to; an entry attached to none has none."""
    attached = entry.first("ENTPersonStructRattach")
    if not attached:
        return ()
    stated = (_STAFF_PROFILS.get(value.upper()) for value in entry.all("ENTPersonProfils"))
    profils = tuple(dict.fromkeys(one for one in stated if one)) or (_profil_of_class(entry),)
    key = school(attached)
    return tuple(PostRow(key, profil.value, profil) for profil in profils)


def _profil_of_class(entry: Entry) -> Profil:
    classes = {value.lower() for value in entry.all("objectClass")}
    return next(profil for name, profil in STAFF_CLASSES.items() if name in classes)


def _level(words: str) -> Level | None:
    first = fold(words.partition("$")[0]).partition(" ")[0]
    return _LEVEL_OF_WORD.get(first)
