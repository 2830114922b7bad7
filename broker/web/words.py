"""Plain French words for what the domain names by codes. Every text here is a msgid, marked by `N_`."""

from __future__ import annotations

from collections.abc import Mapping

from broker.domain.guardianship import Quality
from broker.domain.identity import AccountState, EvidenceKind
from broker.domain.people import Profil
from broker.domain.school import Level
from broker.domain.sessions import Device


def N_(text: str) -> str:  # noqa: N802 - the usual mark of a msgid that is translated later
    """Mark a text for translation where it is shown."""
    return text


LEVEL: Mapping[Level | None, str] = {
    Level.ECOLE: N_("École"),
    Level.COLLEGE: N_("Collège"),
    Level.LYCEE: N_("Lycée"),
    None: N_("Établissement"),
}

EVIDENCE: Mapping[str, str] = {
    EvidenceKind.OWN_RECORD: N_("Ce dossier est le vôtre depuis le début. Rien n'y a été ajouté."),
    EvidenceKind.REFERENCE: N_("Votre accès a donné le numéro de votre dossier d'école. C'est une preuve sûre."),
    EvidenceKind.SHARED_CHILD: N_("Deux écoles suivent le même enfant. Elles ont noté le même responsable."),
    EvidenceKind.SAME_INE: N_("Deux écoles ont donné le même numéro d'élève et la même date de naissance."),
    EvidenceKind.RESEMBLANCE: N_("Deux dossiers se ressemblent. Cela ne suffit pas pour les relier."),
}

QUALITY: Mapping[str, str] = {
    Quality.LEGAL_GUARDIAN: N_("L'école vous a noté comme responsable légal de cet enfant."),
    Quality.IN_CHARGE: N_("L'école vous a noté comme personne en charge de cet enfant."),
    Quality.CONTACT: N_("L'école vous a noté comme contact pour cet enfant."),
}

DEGREE: Mapping[str, str] = {
    "1D": N_("Fichier des écoles de l'académie %(number)s"),
    "2D": N_("Fichier des collèges et lycées de l'académie %(number)s"),
    "": N_("Fichier de l'académie %(number)s"),
}

DEVICE: Mapping[Device, str] = {
    Device.SHARED: N_("appareil partagé"),
    Device.OWN: N_("appareil personnel"),
}

ENDED: Mapping[AccountState, str] = {
    AccountState.UNDONE: N_("Annulé à votre demande"),
    AccountState.TOMBSTONED: N_("Fermé par l'école"),
}

PROFIL: Mapping[Profil, str] = {
    Profil.ELEVE: N_("Élève"),
    Profil.TUTEUR: N_("Responsable"),
    Profil.ENSEIGNANT: N_("Enseignement"),
    Profil.DIRECTION: N_("Direction"),
    Profil.VIE_SCOLAIRE: N_("Vie scolaire"),
    Profil.ETABLISSEMENT: N_("Personnel de l'établissement"),
    Profil.ACADEMIE: N_("Personnel de l'académie"),
    Profil.DOCUMENTALISTE: N_("Documentation"),
    Profil.COLLECTIVITE: N_("Personnel de la collectivité"),
}
