"""Why a login did not work, in plain French, and who can change it: one table, from our own causes to sentences.

A cause that is not listed is told by the words that its page had. Where a court's restriction is behind it the words
are those for a stranger: not even its existence shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from broker.domain.errors import PreauError
from policies.explain import N_


class Changer(StrEnum):
    """Who can put it right."""

    PERSON = "person"
    TIME = "time"
    DESK = "desk"
    SCHOOL = "school"
    ACADEMIE = "academie"
    SOURCE = "source"
    SERVICE = "service"


WHO: Mapping[Changer, str] = {
    Changer.PERSON: N_("La personne elle-même."),
    Changer.TIME: N_("Personne : il suffit d'attendre."),
    Changer.DESK: N_("Vous, à ce guichet."),
    Changer.SCHOOL: N_("L'école, dans son logiciel (SIECLE ou ONDE)."),
    Changer.ACADEMIE: N_("L'académie, qui règle ce service."),
    Changer.SOURCE: N_("Le site de connexion choisi."),
    Changer.SERVICE: N_("Le responsable du service demandé."),
}


@dataclass(frozen=True, slots=True)
class Cause:
    """What happened, who can change it, and what to try first: French msgids."""

    sentence: str
    who: Changer
    advice: str


_CLOCK = Cause(
    N_("L'horloge du site de connexion n'est pas à l'heure : sa réponse porte un moment à venir."),
    Changer.SOURCE,
    N_("Essayez un autre accès. Signalez-le à l'académie."),
)
_LATE = Cause(
    N_("La réponse du site de connexion n'était plus valable quand elle est arrivée."),
    Changer.PERSON,
    N_("Faites recommencer depuis l'accueil, sans revenir en arrière."),
)
_AUDIENCE = Cause(
    N_("La réponse du site de connexion était faite pour un autre service que le nôtre."),
    Changer.ACADEMIE,
    N_("Signalez-le à l'académie : l'adresse déclarée au site de connexion est à revoir."),
)
_SIGNATURE = Cause(
    N_("La signature de la réponse n'est pas celle que nous connaissons : le site a peut-être changé de clé."),
    Changer.ACADEMIE,
    N_("Signalez-le à l'académie : les métadonnées du site sont à reprendre."),
)
_OTHER_QUESTION = Cause(
    N_("La réponse ne va pas avec la demande de ce navigateur."),
    Changer.PERSON,
    N_("Faites recommencer depuis l'accueil, dans une seule fenêtre."),
)
_NAMELESS = Cause(
    N_("Le site de connexion n'a pas donné l'identifiant qui nous sert à reconnaître la personne."),
    Changer.SOURCE,
    N_("Essayez un autre accès. Signalez-le à l'académie."),
)
_CONTRADICTORY = Cause(
    N_("Le site de connexion dit de la même personne qu'elle est élève et adulte, ou plusieurs élèves."),
    Changer.SOURCE,
    N_("Essayez un autre accès. Signalez-le à l'académie."),
)
_SOURCE_FAULT = Cause(
    N_("Le site de connexion a répondu qu'il avait un problème."),
    Changer.SOURCE,
    N_("Essayez un autre accès. Le mot de passe n'est pas en cause."),
)

UPSTREAM: tuple[tuple[str, Cause], ...] = (
    (
        "the provider's metadata is no longer valid",
        Cause(
            N_("Les métadonnées du site de connexion sont périmées : plus rien de lui n'est accepté."),
            Changer.ACADEMIE,
            N_("Signalez-le à l'académie tout de suite. Essayez un autre accès en attendant."),
        ),
    ),
    ("SAML response refused: time: issued in the future", _CLOCK),
    ("SAML response refused: time: not yet", _CLOCK),
    ("SAML response refused: time: proof in the future", _CLOCK),
    ("SAML response refused: time", _LATE),
    ("ID token refused: time", _CLOCK),
    ("auth_time is not a time that has passed", _CLOCK),
    ("SAML response refused: audience", _AUDIENCE),
    ("SAML response refused: recipient", _AUDIENCE),
    ("SAML response refused: destination", _AUDIENCE),
    ("ID token refused: aud", _AUDIENCE),
    ("ID token refused: azp", _AUDIENCE),
    ("SAML response refused: signature", _SIGNATURE),
    ("SAML response refused: digest", _SIGNATURE),
    ("SAML response refused: key", _SIGNATURE),
    ("SAML response refused: unsigned", _SIGNATURE),
    ("ID token refused: signature", _SIGNATURE),
    ("ID token refused: key", _SIGNATURE),
    ("SAML response refused: in_response_to", _OTHER_QUESTION),
    ("ID token refused: nonce", _OTHER_QUESTION),
    ("another state came back", _OTHER_QUESTION),
    (
        "a login that proves less than was asked for",
        Cause(
            N_("La connexion choisie sur ce site ne prouve pas assez bien qui est la personne."),
            Changer.PERSON,
            N_("Faites choisir un moyen plus sûr sur ce site."),
        ),
    ),
    ("no persistent NameID", _NAMELESS),
    ("an empty or unusable name of an account", _NAMELESS),
    ("empty or unusable CAS user", _NAMELESS),
    ("affiliations of a pupil and of an adult", _CONTRADICTORY),
    ("vectors of a pupil and of an adult", _CONTRADICTORY),
    ("a pupil with several vectors", _CONTRADICTORY),
    ("the source answered with an error", _SOURCE_FAULT),
    ("userinfo answered", _SOURCE_FAULT),
    ("token endpoint answered", _SOURCE_FAULT),
)
"""By how the cause of an `UpstreamRefused` begins; the first that fits tells."""

LINKS: tuple[tuple[str, Cause], ...] = (
    (
        "a frozen record",
        Cause(
            N_("Le dossier de cette personne est gelé : une livraison de l'école a contredit ce qui le reliait."),
            Changer.SCHOOL,
            N_("Demandez à l'école de vérifier l'INE, la date de naissance et le nom, puis de livrer à nouveau."),
        ),
    ),
    (
        "the login no longer carries any reference",
        Cause(
            N_("Ce compte ne porte plus le dossier auquel il était relié : il a sans doute changé de titulaire."),
            Changer.ACADEMIE,
            N_("Ne reliez rien. Vérifiez l'identité au guichet, puis donnez une lettre."),
        ),
    ),
    (
        "linked to another person",
        Cause(
            N_("Ce compte est déjà relié à une autre personne."),
            Changer.ACADEMIE,
            N_("Ne reliez rien. Vérifiez l'identité au guichet : deux accès sont peut-être à réunir."),
        ),
    ),
    (
        "one key for two persons",
        Cause(
            N_("Le même numéro de dossier est donné à deux personnes."),
            Changer.SCHOOL,
            N_("Demandez à l'école de corriger le numéro, puis de livrer à nouveau."),
        ),
    ),
    (
        "a pupil and an adult",
        Cause(
            N_("Ce compte ouvrirait à la fois un dossier d'élève et un dossier d'adulte."),
            Changer.SCHOOL,
            N_("Demandez à l'école quel dossier est celui de la personne."),
        ),
    ),
    (
        "two pupils",
        Cause(
            N_("Ce compte ouvrirait les dossiers de deux élèves."),
            Changer.SCHOOL,
            N_("Demandez à l'école quel dossier est celui de l'élève."),
        ),
    ),
    (
        "a login that nobody used for long",
        Cause(
            N_("Ce compte n'avait pas servi depuis plus d'un an : il a pu changer de titulaire."),
            Changer.DESK,
            N_("Vérifiez l'identité, puis donnez une lettre."),
        ),
    ),
)
"""By how the cause of a `LinkAmbiguous` begins."""

RULES: Mapping[str, Cause] = {
    "access.nobody": Cause(
        N_("Aucun dossier d'école ne donne de rôle à cette personne pour ce service."),
        Changer.SCHOOL,
        N_("Vérifiez que l'école a bien rattaché la personne."),
    ),
    "access.term_ahead": Cause(
        N_("Ce service n'est pas encore ouvert pour cette école ou cette classe."),
        Changer.TIME,
        N_("Donnez la date d'ouverture."),
    ),
    "access.term_over": Cause(
        N_("Ce service n'est plus ouvert pour cette école ou cette classe."),
        Changer.SERVICE,
        N_("Demandez au responsable du service s'il doit rouvrir."),
    ),
    "access.step_up": Cause(
        N_("Ce service demande une connexion qui prouve mieux qui est la personne."),
        Changer.PERSON,
        N_("Faites entrer par EduConnect ou FranceConnect."),
    ),
    "access.unproven": Cause(
        N_("La connexion utilisée ne prouve pas assez bien qui est la personne."),
        Changer.PERSON,
        N_("Faites entrer par EduConnect ou FranceConnect."),
    ),
    "access.service_suspended": Cause(
        N_("Ce service est suspendu par l'administration."),
        Changer.ACADEMIE,
        N_("Dites que le compte n'est pas en cause."),
    ),
    "access.school_suspended": Cause(
        N_("L'accès de cette école est suspendu par l'administration."),
        Changer.ACADEMIE,
        N_("Dites que le compte n'est pas en cause."),
    ),
    "access.mandate_refused": Cause(
        N_("Ce service n'accepte pas qu'une autre personne agisse pour l'enfant."),
        Changer.SERVICE,
        N_("Un responsable légal doit le faire lui-même."),
    ),
}
"""By the rule that refused; the first of several that is listed tells."""

NO_RULE = frozenset({"no rule allows it", "no live record"})
"""Causes of an access that nothing forbade and nothing allowed."""
UNSERVED = Cause(
    N_("Rien ne prévoit ce service pour cette personne : ni son profil, ni une école de son enfant."),
    Changer.SCHOOL,
    N_("Vérifiez que l'école a bien rattaché la personne et l'enfant."),
)
SUCCEEDED = Cause(
    N_("Cette connexion a réussi."),
    Changer.PERSON,
    N_("Demandez ce que la personne voit maintenant."),
)
WITHDRAWN = Cause(
    N_("Le droit de cette personne sur l'enfant a été retiré par une livraison de l'école."),
    Changer.SCHOOL,
    N_("Demandez à l'école si le rattachement doit être rétabli."),
)

CODES: Mapping[str, Cause] = {
    "PRE-2001": Cause(
        N_("La connexion a duré trop longtemps, ou s'est poursuivie dans un autre navigateur."),
        Changer.PERSON,
        N_("Faites recommencer depuis l'accueil, dans une seule fenêtre."),
    ),
    "PRE-2003": Cause(
        N_("Le compte est bon, mais aucune école n'a donné de dossier qui lui réponde."),
        Changer.SCHOOL,
        N_("Vérifiez avec l'école que la personne est rattachée, puis attendez la livraison suivante."),
    ),
    "PRE-2004": Cause(
        N_("La personne a annulé elle-même le lien avec ce compte."),
        Changer.PERSON,
        N_("Faites entrer par un autre accès."),
    ),
    "PRE-2007": Cause(
        N_("La même réponse du site de connexion a été présentée deux fois."),
        Changer.PERSON,
        N_("Faites recommencer depuis l'accueil, sans revenir en arrière."),
    ),
    "PRE-2009": Cause(
        N_("L'accès de cette personne est fermé."),
        Changer.DESK,
        N_("Lisez le journal : qui l'a fermé, et pourquoi. Rouvrez après vérification."),
    ),
    "PRE-2010": Cause(
        N_("Ce moyen de connexion est fermé pour cette personne ; ses autres moyens marchent."),
        Changer.DESK,
        N_("Lisez le journal. Faites entrer par un autre accès."),
    ),
    "PRE-2011": Cause(
        N_("Ce moyen de connexion est fermé pour tous par l'administration."),
        Changer.ACADEMIE,
        N_("Faites entrer par un autre accès."),
    ),
    "PRE-2012": Cause(
        N_("L'identifiant ou le mot de passe n'était pas le bon."),
        Changer.PERSON,
        N_("Faites vérifier les majuscules. Sinon, ouvrez quelques minutes ou donnez une lettre."),
    ),
    "PRE-2013": Cause(
        N_("Le site de connexion ne connaît pas la réponse qui nous est revenue."),
        Changer.PERSON,
        N_("Faites recommencer depuis l'accueil, sans revenir en arrière."),
    ),
    "PRE-2014": Cause(
        N_("Il y a eu trop d'essais : il faut attendre quelques minutes. L'accès n'est pas fermé."),
        Changer.TIME,
        N_("Faites attendre, ou utilisez la lettre."),
    ),
    "PRE-2015": Cause(
        N_("Il y a eu trop d'essais aujourd'hui : seuls une lettre, un SMS ou le guichet ouvrent encore."),
        Changer.DESK,
        N_("Ouvrez quelques minutes ou donnez une lettre."),
    ),
    "PRE-2016": Cause(
        N_("La personne a abandonné sur le site de connexion, ou il a refusé."),
        Changer.PERSON,
        N_("Faites recommencer."),
    ),
    "PRE-2017": _LATE,
    "PRE-3001": Cause(
        N_("Le service demandé n'est pas dans le registre."),
        Changer.SERVICE,
        N_("Signalez-le au responsable du service."),
    ),
    "PRE-3002": Cause(
        N_("L'adresse de retour du service n'est pas celle qu'il a déclarée."),
        Changer.SERVICE,
        N_("Signalez-le au responsable du service."),
    ),
    "PRE-3015": RULES["access.service_suspended"],
    "PRE-3050": Cause(
        N_("Aucun service du registre n'a cette adresse."),
        Changer.SERVICE,
        N_("Signalez-le au responsable du service."),
    ),
    "PRE-5002": Cause(
        N_("Le site de connexion est en panne : il n'a pas répondu à temps."),
        Changer.SOURCE,
        N_("Le mot de passe n'est pas en cause. Faites entrer par un autre accès, ou attendez."),
    ),
    "PRE-5999": Cause(
        N_("Notre service a eu une panne à ce moment."),
        Changer.ACADEMIE,
        N_("Signalez ce numéro à l'académie."),
    ),
}
"""By the code of the page."""

_BY_CAUSE = {"PRE-2002": UPSTREAM, "PRE-2005": LINKS}
_DENIED = "PRE-3006"


def cause_of(code: str, cause: str, kind: type[PreauError] | None) -> Cause:
    """The cause of a refusal with this code and our own cause. `kind`: the class of the error, for its words else."""
    if code == _DENIED:
        known = [RULES[rule] for rule in rules_of(cause) if rule in RULES]
        if known or cause in NO_RULE:
            return known[0] if known else UNSERVED
    for beginning, told in _BY_CAUSE.get(code, ()):
        if cause.startswith(beginning):
            return told
    if code in CODES:
        return CODES[code]
    words = kind or PreauError
    return Cause(words.sentence, Changer.ACADEMIE, words.next_step)


def rules_of(cause: str) -> tuple[str, ...]:
    """The ids of the rules that an access was refused by."""
    return tuple(each for each in cause.split(", ") if each.startswith("access."))
