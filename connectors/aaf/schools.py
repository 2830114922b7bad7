"""Schools: `EtabEducNat` records of both degrees turned into `SchoolRecord`s."""

from __future__ import annotations

import re

from broker.domain.feed import SchoolRecord
from broker.domain.school import Level, SchoolClass
from connectors.aaf.requests import Request
from connectors.aaf.school_names import ReadableName, capitals, readable_name
from connectors.aaf.values import Attributes, first
from connectors.feed_values import Malformed, code, feed_key

_UAI = re.compile(r"[0-9]{7}[A-Z]")
_LEVEL_OF_CODE = {"340": Level.COLLEGE, "300": Level.LYCEE}
"""`ENTStructureCodeTypeStruct`; a code that is not here says nothing, and the libellé or the pupils' MEFSTAT decide."""

_LEVEL_OF_WORD = {
    "COLLEGE": Level.COLLEGE,
    "CLG": Level.COLLEGE,
    "LYCEE": Level.LYCEE,
    "LYC": Level.LYCEE,
    "ECOLE": Level.ECOLE,
}


ATTRIBUTES = frozenset(
    {
        "ENTStructureJointure",
        "ENTStructureUAI",
        "ENTEtablissementUAI",
        "ENTStructureNomCourant",
        "ENTStructureTypeStruct",
        "ENTStructureCodeTypeStruct",
        "ENTStructureVille",
        "ENTStructureClasses",
        "ENTEcoleCommune",
        "ENTEcoleContrat",
        "ENTEtablissementContrat",
        "l",
    }
)
"""Everything that is read of a school."""


def school_of(request: Request, *, degree: str) -> SchoolRecord:
    """Read one school. Raises `Malformed`, also for a school without UAI: nothing could be joined on it."""
    attributes = request.attributes
    uai = first(attributes, "ENTStructureUAI", "ENTEtablissementUAI").upper()
    if not _UAI.fullmatch(uai):
        raise Malformed("a school without a UAI of seven digits and a letter")
    said = readable_name(first(attributes, "ENTStructureNomCourant"))
    if not said.name:
        raise Malformed("a school without a name")
    return SchoolRecord(
        key=feed_key(first(attributes, "ENTStructureJointure") or request.key),
        uai=uai,
        name=said.name,
        level=Level.ECOLE if degree == "1D" else _level(attributes, said),
        kind=code(first(attributes, "ENTStructureTypeStruct"))[:32],
        commune=said.commune or capitals(first(attributes, "l", "ENTStructureVille", "ENTEcoleCommune")),
        contract=code(first(attributes, "ENTEtablissementContrat", "ENTEcoleContrat"))[:8],
        classes=_classes(attributes),
    )


def _level(attributes: Attributes, said: ReadableName) -> Level | None:
    words = first(attributes, "ENTStructureTypeStruct").upper().replace("É", "E").replace("È", "E").split()
    stated = _LEVEL_OF_WORD.get(words[0]) if words else None
    return stated or _LEVEL_OF_CODE.get(first(attributes, "ENTStructureCodeTypeStruct")) or said.level


def _classes(attributes: Attributes) -> tuple[SchoolClass, ...]:
    found: dict[str, SchoolClass] = {}
    for value in attributes.get("ENTStructureClasses", ()):
        name = code(value.partition("$")[0])
        if name:
            found[name] = SchoolClass(code=name, label=name)
    return tuple(found.values())
