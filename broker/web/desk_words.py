"""Words of the desk: reasons, profiles, lines of the journal. Every text here is a msgid, in French and English."""

from __future__ import annotations

from collections.abc import Mapping

from broker.domain.audit import Action
from broker.domain.desk import PostOrigin
from broker.helpdesk.event_words import EVENT, said_of
from broker.web.words import N_
from policies import AgentProfile, HelpdeskAct

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
    "fenetre": N_("L'accès est ouvert %(lasts)s sur cet écran. La personne y écrit une date de naissance."),
    "sms": N_("Le SMS est parti. Il porte un code et l'adresse de la page."),
    "attente": N_("L'attente est levée."),
    "fermer": N_("L'accès est fermé partout."),
    "rouvrir": N_("L'accès est rouvert."),
    "demande": N_("La demande attend un second agent."),
}
BY_TWO: Mapping[str, str] = {
    "fenetre": N_("Demander %(lasts)s"),
    "lettre": N_("Demander une lettre"),
    "sms": N_("Demander un SMS"),
    "attente": N_("Demander de lever l'attente"),
}
"""What is asked of a second agent, in the order in which one agent alone does it."""
DECLINED: Mapping[str, str] = {
    "preuves": N_("Les preuves ne suffisent pas."),
    "joindre": N_("La personne n'a pas pu être jointe."),
    "soupcon": N_("Soupçon"),
}
"""Why a second agent says no."""
ORIGIN: Mapping[PostOrigin, str] = {
    PostOrigin.SOURCE: N_("dit par l'académie"),
    PostOrigin.ADMINISTRATOR: N_("donné par l'administration"),
    PostOrigin.HEAD: N_("donné par la direction"),
}
DELEGATED: Mapping[str, str] = {
    "donner": N_("C'est fait. La personne en est avertie."),
    "retirer": N_("C'est retiré. La personne en est avertie."),
}
ANSWERED: Mapping[str, str] = {
    "oui": N_("C'est fait. La personne en est avertie."),
    "non": N_("La demande est refusée."),
}
NOTHING_LIFTED = N_("Rien n'a été rouvert : une autre administration a fermé cet accès.")

LETTER: Mapping[str, str] = {
    "live": N_("pas encore utilisée"),
    "used": N_("utilisée"),
    "ended": N_("ne marche plus"),
}

JOURNAL: Mapping[Action, str] = {
    Action.AGENT_SEARCHED: N_("Recherche"),
    **said_of(
        Action.AGENT_VIEWED,
        Action.WINDOW_OPENED,
        Action.LETTER_ISSUED,
        Action.SHORT_CODE_SENT,
        Action.SHORT_CODE_UNSENT,
        Action.WAIT_LIFTED,
        Action.ACCESS_CLOSED,
        Action.ACCESS_REOPENED,
    ),
    Action.AGENT_ASKED: N_("Demande à un second agent"),
    Action.AGENT_DECLINED: N_("Demande refusée par un second agent"),
    Action.AGENT_REFUSED: N_("Acte refusé"),
    Action.AGENT_ALARM: N_("Alarme"),
    Action.POST_GIVEN: N_("Fonction donnée au guichet"),
    Action.POST_ENDED: N_("Fonction retirée au guichet"),
    Action.JOURNAL_READ: N_("Journal du guichet lu"),
}
"""What the journal of the desk tells of, in the order in which its filter lists it."""

ACT: Mapping[str, str] = {
    HelpdeskAct.SEARCH: N_("chercher"),
    HelpdeskAct.VIEW: N_("voir une fiche"),
    HelpdeskAct.OPEN_WINDOW: N_("ouvrir quelques minutes"),
    HelpdeskAct.LETTER: N_("lettre"),
    HelpdeskAct.CLASS_LETTERS: N_("lettres d'une classe"),
    HelpdeskAct.SMS: N_("SMS"),
    HelpdeskAct.LIFT_WAIT: N_("lever l'attente"),
    HelpdeskAct.CLOSE_ACCESS: N_("fermer l'accès"),
    HelpdeskAct.DELEGATE: N_("déléguer"),
    HelpdeskAct.DESK_JOURNAL: N_("lire le journal"),
}
"""Acts as a refusal or a request names them."""

_OTHER_EVENT = N_("Autre changement")


def event_word(action: Action) -> str:
    """What happened to an access, as a line of the sheet says it."""
    return EVENT.get(action, _OTHER_EVENT)
