"""Words of the desk: reasons, profiles, lines of the journal. Every text here is a msgid, in French and English."""

from __future__ import annotations

from collections.abc import Mapping

from broker.domain.audit import Action
from broker.web.words import N_
from policies import AgentProfile

PROFILE: Mapping[AgentProfile, str] = {
    AgentProfile.ACCUEIL: N_("accueil"),
    AgentProfile.CHEF: N_("direction"),
    AgentProfile.ACADEMIE: N_("académie"),
    AgentProfile.AUDITEUR: N_("auditeur"),
    AgentProfile.ENSEIGNANT: N_("enseignant"),
    AgentProfile.NONE: "",
}

REASONS: Mapping[str, str] = {
    "perdu": N_("Perdu ou oublié"),
    "telephone": N_("Nouveau téléphone"),
    "expire": N_("Code expiré"),
    "soupcon": N_("Soupçon"),
    "autre": N_("Autre"),
}
NO_REASON = N_("Choisissez un motif.")

DONE: Mapping[str, str] = {
    "fenetre": N_("L'accès est ouvert dix minutes sur cet écran. La personne y écrit une date de naissance."),
    "sms": N_("Le SMS est parti. Il porte un code et l'adresse de la page."),
    "attente": N_("L'attente est levée."),
    "fermer": N_("L'accès est fermé partout."),
    "rouvrir": N_("L'accès est rouvert."),
}
NOTHING_LIFTED = N_("Rien n'a été rouvert : une autre administration a fermé cet accès.")

LETTER: Mapping[str, str] = {
    "live": N_("pas encore utilisée"),
    "used": N_("utilisée"),
    "ended": N_("ne marche plus"),
}

EVENT: Mapping[str, str] = {
    Action.SIGN_IN: N_("Connexion"),
    Action.SIGN_IN_REFUSED: N_("Connexion refusée"),
    Action.SIGN_OUT: N_("Déconnexion"),
    Action.LINK_CREATED: N_("Compte relié"),
    Action.LINK_UNDONE: N_("Lien annulé"),
    Action.LETTER_ISSUED: N_("Lettre imprimée"),
    Action.WINDOW_OPENED: N_("Accès ouvert dix minutes"),
    Action.SECRET_SET: N_("Nouveau mot de passe"),
    Action.WAIT_LIFTED: N_("Attente levée"),
    Action.ACCESS_CLOSED: N_("Accès fermé"),
    Action.ACCESS_REOPENED: N_("Accès rouvert"),
    Action.SHORT_CODE_SENT: N_("Code envoyé"),
    Action.SHORT_CODE_UNSENT: N_("Code qui n'est pas parti"),
    Action.CONTACT_ASKED: N_("Changement de contact demandé"),
    Action.CONTACT_CHANGED: N_("Contact changé par l'école"),
    Action.FACTOR_ADDED: N_("Second facteur ajouté"),
    Action.FACTOR_REMOVED: N_("Second facteur retiré"),
    Action.SESSIONS_CLOSED: N_("Appareils fermés"),
    Action.AGENT_VIEWED: N_("Fiche ouverte par un agent"),
    Action.STANDING_SET: N_("Fermeture par l'administration"),
    Action.STANDING_LIFTED: N_("Réouverture par l'administration"),
    Action.GUARDIANSHIP_CHANGED: N_("Rattachement changé"),
    Action.RECORD_ATTACHED: N_("Dossier rattaché"),
}
OTHER_EVENT = N_("Autre changement")
