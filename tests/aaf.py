"""AAF files for tests: requests as text, and sets of files with the names and header comments that real ones have.

Everybody in them is invented; académie 99 does not exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

SCHOOL_2D = "9990002Y"
SCHOOL_1D = "9990001X"

_CATEGORY_NAMES = {"EtabEducNat": "categorieStructure", "MefEducNat": "categorieMef"}
_1D_NAMES = {
    "sn": "ENTPersonNom",
    "givenName": "ENTPersonPrenom",
    "personalTitle": "ENTPersonCivilite",
    "mail": "ENTPersonMail",
    "mobile": "ENTPersRelEleveTelMobile",
}


def add(category: str, key: str, **attributes: str | Sequence[str]) -> str:
    """An addRequest. An attribute's value is a text or a sequence of texts; empty ones are written `<value/>`."""
    return _request("addRequest", category, key, "attributes", "attr", attributes)


def modify(category: str, key: str, **attributes: str | Sequence[str]) -> str:
    """A modifyRequest that replaces these attributes."""
    return _request("modifyRequest", category, key, "modifications", "modification", attributes)


def delete(category: str, key: str) -> str:
    """A deleteRequest: category and key, nothing else."""
    return _request("deleteRequest", category, key, "", "", {})


def pupil(
    key: str,
    *relations: str,
    family: str = "QUEMENEUR",
    given: str = "Maëlys",
    born: str = "14/03/2012",
    ine: str = "",
    school: str = "9002",
    place: str = "3A",
    mef: str = "10310019110",
) -> str:
    """A 2D pupil; a relation is `<guardian>$<link>$<pays>$<legal>$<contact>$<payment>`."""
    return add(
        "Eleve",
        key,
        ENTPersonJointure=key,
        ENTEleveINE=ine,
        ENTPersonDateNaissance=born,
        ENTPersonNomPatro=family,
        sn=family,
        givenName=given,
        personalTitle="Mme",
        ENTElevePersRelEleve=relations,
        ENTEleveMEF=mef,
        ENTPersonStructRattach=school,
        ENTEleveClasses=f"{school}${place}" if place else "",
    )


def pupil_1d(
    key: str,
    *relations: str,
    family: str = "QUEMENEUR",
    given: str = "Titouan",
    born: str = "02/05/2018",
    ine: str = "",
    school: str = "9001",
) -> str:
    """A 1D pupil; a relation is `<guardian>$<link>`."""
    return add(
        "Eleve",
        key,
        ENTPersonJointure=key,
        ENTPersonNom=family,
        ENTPersonPrenom=given,
        ENTPersonCivilite="M.",
        ENTPersonDateNaissance=born,
        ENTEleveINE=ine,
        ENTEleveNiveau="1122$CE1",
        ENTPersonClasses=f"{school}$11$ORDINAIRE$30412$CE1-CE2 MME TEST",
        ENTEleveAutoriteParentale=relations,
    )


def guardian(
    key: str,
    *,
    family: str = "QUEMENEUR",
    given: str = "Aline",
    title: str = "Mme",
    mobile: str = "",
    mail: str = "",
    address: str = "",
    children: Sequence[str] = (),
    degree: str = "2D",
) -> str:
    """A guardian of either degree."""
    attributes: dict[str, str | Sequence[str]] = {
        "sn": family,
        "givenName": given,
        "personalTitle": title,
        "mobile": mobile,
        "mail": mail,
    }
    if degree == "1D":
        attributes = {_1D_NAMES[name]: value for name, value in attributes.items()}
    own = "ENTPersRelEleveEleve" if degree == "1D" else "ENTAuxPersRelEleveEleve"
    return add("PersRelEleve", key, ENTPersonJointure=key, ENTPersonAdresse=address, **{own: children}, **attributes)


def staff(key: str, *functions: str, family: str = "TEST", given: str = "Camille") -> str:
    """A member of staff; a function is `<school>$<function>$<label>…`."""
    return add(
        "PersEducNat",
        key,
        ENTPersonJointure=key,
        sn=family,
        givenName=given,
        personalTitle="Mme",
        ENTPersonFonctions=functions,
    )


def school(
    key: str = "9002", uai: str = SCHOOL_2D, name: str = "CLG$DES TILLEULS$PORT-FICTIF", kind: str = "COLLEGE"
) -> str:
    """A school."""
    return add(
        "EtabEducNat",
        key,
        ENTStructureJointure=key,
        ENTStructureUAI=uai,
        ENTStructureNomCourant=name,
        ENTStructureTypeStruct=kind,
        ENTEtablissementContrat="PU",
        ENTStructureClasses="3A$3EME$10310019110",
    )


def mef(key: str = "10310019110", mefstat: str = "21160010019") -> str:
    """A line of the table of curricula."""
    return add("MefEducNat", key, ENTMefJointure=key, ENTLibelleMef="3EME", ENTMEFSTAT11=mefstat)


def document(requests: Iterable[str], *, degree: str = "2D", day: str = "20260905", encoding: str = "UTF-8") -> bytes:
    """A whole file with its DOCTYPE and header comments."""
    head = (
        f'<?xml version="1.0" encoding="{encoding}"?>\n<!DOCTYPE ficAlimMENESR SYSTEM "ficAlimMENESR.dtd">\n'
        "<ficAlimMENESR>\n"
        f'<!-- versionAF="AAF-VE2407" versionSDET="Annexe 4bis version 6.4" codeAcademieExport="99" degre="{degree}"'
        f' dateGenerationExport="{day}" -->\n'
    )
    return (head + "".join(requests) + "</ficAlimMENESR>\n").encode(encoding)


def write_set(
    folder: Path,
    *,
    mode: str = "Complet",
    degree: str = "2D",
    day: str = "20260905",
    encoding: str = "UTF-8",
    **categories: Sequence[str] | Sequence[Sequence[str]],
) -> Path:
    """Write a set: for each category its requests, or its parts as sequences of requests. Returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for category, content in categories.items():
        parts = [content] if not content or isinstance(content[0], str) else content
        for number, requests in enumerate(parts):
            name = f"ENT{degree}_{mode}_{day}_{category}_{number:04d}.xml"
            (folder / name).write_bytes(document(requests, degree=degree, day=day, encoding=encoding))  # type: ignore[arg-type]
    return folder


def _request(
    operation: str, category: str, key: str, body: str, item: str, attributes: dict[str, str | Sequence[str]]
) -> str:
    kind = _CATEGORY_NAMES.get(category, "categoriePersonne")
    lines = [
        f"<{operation}>",
        f' <operationalAttributes><attr name="{kind}"><value>{category}</value></attr></operationalAttributes>',
        f" <identifier><id>{key}</id></identifier>",
    ]
    if body:
        operation_of = ' operation="replace"' if item == "modification" else ""
        lines.append(f" <{body}>")
        lines += [
            f'  <{item} name="{name}"{operation_of}>{_values(value)}</{item}>' for name, value in attributes.items()
        ]
        lines.append(f" </{body}>")
    return "\n".join([*lines, f"</{operation}>"]) + "\n"


def _values(value: str | Sequence[str]) -> str:
    texts = [value] if isinstance(value, str) else list(value)
    return "".join(f"<value>{text}</value>" if text else "<value/>" for text in texts) or "<value/>"
