"""What a finding says to the one who mends it: what is wrong, what to do, who can, and the field by its own name.

Fields are named as their source names them: the columns of an ONDE extraction, the elements of a SIECLE export, the
attributes of AAF (whose values are mended in ONDE or SIECLE, of which it is made) and of the SDET directory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from broker.domain.people import PersonName
from broker.domain.quality import FindingKind, NextAction, Origin, TrackedFinding


@dataclass(frozen=True, slots=True)
class Mending:
    """What to tell of one finding."""

    field: str
    sentence: str
    who: str


_WHO: Mapping[Origin, str] = {
    Origin.ONDE: "la direction de l'école, dans ONDE",
    Origin.AAF_1D: "la direction de l'école, dans ONDE",
    Origin.SIECLE: "le secrétariat de l'établissement, dans SIECLE",
    Origin.AAF_2D: "le secrétariat de l'établissement, dans SIECLE",
    Origin.LDAP: "l'administration de l'ENT, dans son annuaire",
}

_ONDE: Mapping[FindingKind, str] = {
    FindingKind.NO_GUARDIAN: "Nom responsable, Nom de famille enfant, Prénom enfant",
    FindingKind.NO_LEGAL_GUARDIAN: "responsables de l'élève",
    FindingKind.ADULT_TWICE: "Nom responsable, Prénom responsable",
    FindingKind.BIRTH_DATE_MISSING: "Date naissance",
    FindingKind.BIRTH_DATE_IMPOSSIBLE: "Date naissance",
    FindingKind.INE_TWICE: "INE",
    FindingKind.INE_WRONG_KEY: "INE",
    FindingKind.CLASS_MISSING: "Libellé classe, Identifiant classe",
    FindingKind.NO_LEGAL_CHILD: "Nom de famille enfant, Prénom enfant, Classes enfants",
    FindingKind.MOBILE_NONE: "Téléphone portable",
    FindingKind.MOBILE_SHARED: "Téléphone portable",
    FindingKind.NO_CONTACT: "Courriel ou Téléphone portable",
}
_SIECLE: Mapping[FindingKind, str] = {
    FindingKind.NO_GUARDIAN: "RESPONSABLE_ELEVE",
    FindingKind.NO_LEGAL_GUARDIAN: "RESPONSABLE_ELEVE/NIVEAU_RESPONSABILITE (ou RESP_LEGAL)",
    FindingKind.ADULT_TWICE: "RESPONSABLE_ELEVE/PERSONNE_ID",
    FindingKind.BIRTH_DATE_MISSING: "DATE_NAISS",
    FindingKind.BIRTH_DATE_IMPOSSIBLE: "DATE_NAISS",
    FindingKind.INE_TWICE: "ID_NATIONAL",
    FindingKind.INE_WRONG_KEY: "ID_NATIONAL",
    FindingKind.CLASS_MISSING: "STRUCTURES_ELEVE/STRUCTURE/CODE_STRUCTURE",
    FindingKind.NO_LEGAL_CHILD: "RESPONSABLE_ELEVE/NIVEAU_RESPONSABILITE (ou RESP_LEGAL)",
    FindingKind.MOBILE_NONE: "TEL_PORTABLE",
    FindingKind.MOBILE_SHARED: "TEL_PORTABLE",
    FindingKind.NO_CONTACT: "MEL ou TEL_PORTABLE",
}
_AAF_1D: Mapping[FindingKind, str] = {
    FindingKind.NO_GUARDIAN: "ENTEleveAutoriteParentale",
    FindingKind.NO_LEGAL_GUARDIAN: "ENTEleveAutoriteParentale",
    FindingKind.ADULT_TWICE: "ENTEleveAutoriteParentale",
    FindingKind.BIRTH_DATE_MISSING: "ENTPersonDateNaissance",
    FindingKind.BIRTH_DATE_IMPOSSIBLE: "ENTPersonDateNaissance",
    FindingKind.INE_TWICE: "ENTEleveINE",
    FindingKind.INE_WRONG_KEY: "ENTEleveINE",
    FindingKind.CLASS_MISSING: "ENTPersonClasses",
    FindingKind.NO_LEGAL_CHILD: "ENTEleveAutoriteParentale",
    FindingKind.MOBILE_NONE: "ENTPersRelEleveTelMobile",
    FindingKind.MOBILE_SHARED: "ENTPersRelEleveTelMobile",
    FindingKind.NO_CONTACT: "ENTPersonMail ou ENTPersRelEleveTelMobile",
}
_SDET: Mapping[FindingKind, str] = {
    **_AAF_1D,
    FindingKind.NO_GUARDIAN: "ENTElevePersRelEleve",
    FindingKind.NO_LEGAL_GUARDIAN: "ENTElevePersRelEleve",
    FindingKind.ADULT_TWICE: "ENTElevePersRelEleve",
    FindingKind.CLASS_MISSING: "ENTEleveClasses",
    FindingKind.NO_LEGAL_CHILD: "ENTElevePersRelEleve",
    FindingKind.MOBILE_NONE: "mobile",
    FindingKind.MOBILE_SHARED: "mobile",
    FindingKind.NO_CONTACT: "mail ou mobile",
}

_SENTENCES: Mapping[FindingKind, str] = {
    FindingKind.NO_GUARDIAN: "Aucun responsable n'est rattaché à l'élève : rattacher ses responsables à sa fiche.",
    FindingKind.NO_LEGAL_GUARDIAN: "Des adultes sont rattachés à l'élève, mais aucun comme responsable légal : personne"
    " ne voit son dossier. Vérifier le niveau de responsabilité de chacun.",
    FindingKind.ADULT_TWICE: "Le même adulte ({other}) figure deux fois auprès de l'élève : ne garder qu'une de ses"
    " fiches.",
    FindingKind.BIRTH_DATE_MISSING: "La date de naissance de l'élève manque : la saisir.",
    FindingKind.BIRTH_DATE_IMPOSSIBLE: "La date de naissance ne peut pas être celle d'un élève : la corriger d'après"
    " une pièce d'état civil.",
    FindingKind.INE_TWICE: "L'INE (finissant par {ine}) est aussi celui d'un autre élève, d'autre nom ou d'autre date"
    " de naissance : vérifier à qui il appartient.",
    FindingKind.INE_WRONG_KEY: "La clé de l'INE (finissant par {ine}) n'est pas bonne : vérifier sa saisie.",
    FindingKind.CLASS_MISSING: "L'élève n'est dans aucune classe : l'affecter à une classe.",
    FindingKind.NO_LEGAL_CHILD: "L'adulte n'est responsable légal d'aucun élève : vérifier à quels élèves il est"
    " rattaché, et comment.",
    FindingKind.MOBILE_NONE: "Le numéro saisi comme portable n'en est pas un : demander à l'adulte son numéro de"
    " portable.",
    FindingKind.MOBILE_SHARED: "Le même portable est saisi pour trois adultes ou plus : demander à chacun le sien.",
    FindingKind.NO_CONTACT: "L'adulte n'a ni portable ni courriel : lui demander l'un ou l'autre.",
}

_ACTIONS: Mapping[NextAction, str] = {
    NextAction.CONFIRM: "un parent a sans doute déjà un compte, relié par un autre enfant : qu'il confirme cet enfant"
    " en se connectant",
    NextAction.MAIL: "un courriel est connu : inviter",
    NextAction.TEXT: "un portable est connu : inviter par SMS",
    NextAction.POST: "une adresse est connue : envoyer une lettre",
    NextAction.HAND: "aucun moyen connu : remettre une lettre",
    NextAction.MEND: "personne n'a le droit de voir cet enfant : vérifier ses responsables (preau report quality)",
}

_FIELDS: Mapping[Origin, Callable[[FindingKind], str]] = {
    Origin.ONDE: lambda kind: f"ONDE : {_ONDE[kind]}",
    Origin.SIECLE: lambda kind: f"SIECLE : {_SIECLE[kind]}",
    Origin.AAF_1D: lambda kind: f"ONDE : {_ONDE[kind]} (AAF : {_AAF_1D[kind]})",
    Origin.AAF_2D: lambda kind: f"SIECLE : {_SIECLE[kind]} (AAF : {_SDET[kind]})",
    Origin.LDAP: lambda kind: f"annuaire : {_SDET[kind]}",
}


def mending_of(found: TrackedFinding, origin: Origin) -> Mending:
    """What to tell of a finding whose record came from there."""
    kind = found.finding.kind
    other = shown_name(found.other_name) if found.other_name else "?"
    return Mending(_FIELDS[origin](kind), _SENTENCES[kind].format(ine=found.ine_end, other=other), _WHO[origin])


def shown_name(name: PersonName) -> str:
    """A name as lists show it: civility, given name, family name."""
    return " ".join(part for part in (name.civility, name.given, name.family) if part)


def action_words(action: NextAction) -> str:
    """What to do first, in words."""
    return _ACTIONS[action]
