"""Plain French words for what the domain names by codes. Every text here is a msgid, marked by `N_`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from broker.domain.credentials import CredentialKind
from broker.domain.guardianship import Quality
from broker.domain.identity import AccountState, EvidenceKind
from broker.domain.people import Profil, RecordKind
from broker.domain.released import SUBJECT
from broker.domain.school import Level
from broker.domain.services import ClaimName, ServiceState
from broker.domain.sessions import Device
from broker.federation.farewells import Stage
from broker.notify.texts import WORDS as NOTICE_WORDS
from broker.portal import OfferState, ReceiptState


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
    EvidenceKind.DIRECTORY_TIE: N_("L'annuaire de votre espace numérique dit que ces deux dossiers sont les vôtres."),
    EvidenceKind.ACTIVATION_CODE: N_("L'école vous a donné un code, et vous avez écrit ce que seule la famille sait."),
    EvidenceKind.TWO_LOGINS: N_("Vous étiez connecté, puis vous avez prouvé ce second accès dans le même navigateur."),
    EvidenceKind.AGENT: N_("Votre académie dit que vous êtes un de ses agents."),
    EvidenceKind.RESEMBLANCE: N_("Deux dossiers se ressemblent. Cela ne suffit pas pour les relier."),
}

NOTICE: Mapping[str, str] = {kind: told.subject for kind, told in NOTICE_WORDS.items()}
"""What happened to an access, by the very subject of the mail that tells of it."""

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
LIST_OF_SCHOOL = N_("Liste remise par l'établissement %(number)s")
DIRECTORY_OF_ENT = N_("Annuaire de l'ENT")

DEVICE: Mapping[Device, str] = {
    Device.SHARED: N_("appareil partagé"),
    Device.OWN: N_("appareil personnel"),
}

RECEIPT: Mapping[ReceiptState, str] = {
    ReceiptState.CONFIRMED: N_("A confirmé la déconnexion."),
    ReceiptState.SHOWN: N_("Prévenu par cette page. Il ne répond pas."),
    ReceiptState.WAITING: N_("N'a pas encore répondu. Nous continuons d'essayer."),
    ReceiptState.UNTOLD: N_("N'a pas confirmé. Fermez sa page vous-même."),
    ReceiptState.NO_ADDRESS: N_("Ne peut pas être prévenu. Fermez sa page vous-même."),
}

PARTING: Mapping[Stage, str] = {
    Stage.TODO: N_("Encore ouvert. À terminer vous-même."),
    Stage.LEFT: N_("Votre navigateur y est allé. Nous n'avons pas de réponse."),
    Stage.DONE: N_("Terminé là aussi."),
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


FACTOR: Mapping[CredentialKind, str] = {
    CredentialKind.TOTP: N_("Application de codes"),
    CredentialKind.PASSKEY: N_("Clé d'accès"),
}

STEP_UP: Mapping[str, str] = {
    "acces": N_("Reconnectez-vous pour changer vos accès."),
    "donnees": N_("Reconnectez-vous pour lire vos données."),
    "enfants": N_("Reconnectez-vous pour aider un enfant à entrer."),
    "moyens": N_("Reconnectez-vous pour ajouter un moyen de connexion."),
    "joindre": N_("Reconnectez-vous pour changer vos moyens."),
    "ecran": N_("Connectez-vous pour ouvrir un service sur un écran."),
}

CLAIM: Mapping[str, str] = {
    SUBJECT: N_("Un numéro pour vous reconnaître. Il ne sert qu'à ce service."),
    ClaimName.NAME: N_("Votre prénom et votre nom"),
    ClaimName.GIVEN_NAME: N_("Votre prénom"),
    ClaimName.FAMILY_NAME: N_("Votre nom"),
    ClaimName.PROFIL: N_("Votre profil : responsable, élève ou personnel"),
    ClaimName.UAI: N_("Le numéro de l'école"),
    ClaimName.CHILDREN: N_("Vos enfants, sans leur nom : un numéro, l'école et la classe"),
    ClaimName.BIRTH_DATE: N_("Votre date de naissance"),
    ClaimName.EMAIL: N_("Votre adresse e-mail"),
    ClaimName.EMAIL_VERIFIED: N_("Si votre adresse e-mail a été vérifiée"),
    ClaimName.PHONE_NUMBER: N_("Votre numéro de téléphone portable"),
    ClaimName.PHONE_NUMBER_VERIFIED: N_("Si votre numéro de téléphone a été vérifié"),
    ClaimName.ADDRESS: N_("Votre adresse postale"),
    ClaimName.POSTAL_CODE: N_("Votre code postal"),
    ClaimName.LOGIN: N_("L'identifiant de votre accès habituel"),
    ClaimName.EXTERNAL_ID: N_("Le numéro de votre dossier d'école"),
    ClaimName.CLASSES: N_("Vos classes"),
    ClaimName.MEF: N_("Votre niveau de classe"),
    ClaimName.TEACHINGS: N_("Vos matières"),
    ClaimName.FUNCTIONS: N_("Votre fonction"),
    ClaimName.SUB_FUNCTIONS: N_("Le détail de votre fonction"),
    ClaimName.STRUCTURE_TYPE: N_("Le type d'école"),
    ClaimName.VECTEUR: N_("Le numéro de l'élève dans son école, et le nom du responsable"),
    ClaimName.QUIET_UNTIL: N_("Jusqu'à quand les messages de l'école attendent"),
}
"""What a service is told, in the words of whom it is about. A pupil's and a parent's page share them."""

_PARTS_OF_NAME = frozenset({ClaimName.GIVEN_NAME.value, ClaimName.FAMILY_NAME.value})


def claims_to_tell(claims: Iterable[str]) -> tuple[str, ...]:
    """Claims in the order of `CLAIM`, then those that have no words; the whole name makes its parts superfluous."""
    told = frozenset(claims)
    if ClaimName.NAME.value in told:
        told -= _PARTS_OF_NAME
    return (*(claim for claim in CLAIM if claim in told), *sorted(told - CLAIM.keys()))


STATE: Mapping[ServiceState, str] = {
    ServiceState.DECLARED: N_("Déclaré. Le service a dit ce qu'il reçoit."),
    ServiceState.VERIFIED: N_("Vérifié. Un administrateur a contrôlé le service."),
    ServiceState.SUSPENDED: N_("Suspendu. Le service ne reçoit plus rien."),
}

KIND: Mapping[RecordKind, str] = {
    RecordKind.PUPIL: N_("Dossier d'élève"),
    RecordKind.GUARDIAN: N_("Dossier de responsable"),
    RecordKind.STAFF: N_("Dossier de personnel"),
}

FACT: Mapping[str, str] = {
    "family_name": N_("Nom"),
    "given_name": N_("Prénom"),
    "civility": N_("Civilité"),
    "birth_name": N_("Nom de naissance"),
    "birth_date": N_("Date de naissance"),
    "mobile": N_("Téléphone"),
    "mail": N_("Adresse e-mail"),
    "address": N_("Adresse"),
}
"""Facts of a record, by their name in the downloaded file."""

LINK_STATE: Mapping[AccountState, str] = {AccountState.LINKED: N_("Relié"), **ENDED}

OFFER: Mapping[OfferState, str] = {
    OfferState.OPEN: N_("Ouvert"),
    OfferState.STEP_UP: N_("Ouvert après une vérification"),
    OfferState.AHEAD: N_("Pas encore ouvert"),
    OfferState.SUSPENDED: N_("Suspendu"),
    OfferState.ABSENT: N_("Fermé"),
}
