"""What happened to an access, in an agent's words: on the sheet, in the journal, in the story of a login."""

from __future__ import annotations

from collections.abc import Mapping

from broker.domain.audit import Action
from policies.explain import N_

EVENT: Mapping[Action, str] = {
    Action.SIGN_IN: N_("Connexion"),
    Action.SIGN_IN_REFUSED: N_("Connexion refusée"),
    Action.SIGN_OUT: N_("Déconnexion"),
    Action.LINK_CREATED: N_("Compte relié"),
    Action.LINK_UNDONE: N_("Lien annulé"),
    Action.LETTER_ISSUED: N_("Lettre imprimée"),
    Action.WINDOW_OPENED: N_("Accès ouvert quelques minutes"),
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


def said_of(*actions: Action) -> dict[Action, str]:
    """The words of some of them, in this order, for a table that tells others by words of its own."""
    return {each: EVENT[each] for each in actions}
