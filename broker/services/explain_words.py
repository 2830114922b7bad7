"""The sentences of an explanation: for each fact what said it, and what would have to be otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

from broker.domain.people import ChildCard
from broker.domain.services import Service, ServiceState
from broker.services.access import Weighed
from policies import Assurance, Mandate, Role, Term
from policies.explain import N_

_LEVELS = list(Assurance)
"""Pages and commands tell levels as numbers out of three: they read alike in every language."""


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence: a French msgid and what fills it in (`%(name)s`). Dates stay dates: each language writes its own."""

    msgid: str
    values: Mapping[str, str | date] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Story:
    """What is told: a service, how it was weighed, and the id of the source logged in with (empty when unknown)."""

    service: Service
    weighed: Weighed
    source: str

    @property
    def school(self) -> dict[str, str | date]:
        """The school of the place that decided; empty values when the person has no place."""
        place = self.weighed.place.place
        return {"school": place.school or place.uai if place else ""}

    @property
    def of_class(self) -> dict[str, str | date]:
        """The class of the enrolment that decided, beside its school."""
        place = self.weighed.place.place
        named = (place.class_label or place.class_code) if isinstance(place, ChildCard) else ""
        return {**self.school, "class": named}


Teller = Callable[[Story], Said]


def level_of(assurance: Assurance) -> str:
    """A level as a number from 0 to 3."""
    return str(_LEVELS.index(assurance))


# ---- what said each fact -------------------------------------------------------------------------------------------

_ROLES = {
    Role.GUARDIAN: N_("Un dossier d'école vous dit responsable d'élève."),
    Role.PUPIL: N_("Un dossier d'école vous dit élève."),
    Role.STAFF: N_("Un dossier d'école vous dit membre du personnel."),
    Role.NONE: N_("Aucun dossier d'école ne vous donne de rôle pour ce service."),
}
_MANDATES = {
    Mandate.NONE: N_("Aucun mandat n'est en jeu."),
    Mandate.ACCEPTED: N_("Vous agissez par mandat, et la fiche du service l'accepte."),
    Mandate.NOT_ACCEPTED: N_("Vous agissez par mandat, et la fiche du service ne l'accepte pas."),
}
_STATES = {
    ServiceState.DECLARED: N_("Registre des services : déclaré."),
    ServiceState.VERIFIED: N_("Registre des services : vérifié par l'administration."),
    ServiceState.SUSPENDED: N_("Registre des services : suspendu par l'administration."),
}


def _role(story: Story) -> Said:
    return Said(_ROLES[story.weighed.facts.role])


def _mandate(story: Story) -> Said:
    return Said(_MANDATES[story.weighed.facts.mandate])


def _profil(story: Story) -> Said:
    if story.weighed.facts.profil_served:
        return Said(N_("La fiche du service nomme votre profil."))
    return Said(N_("La fiche du service ne nomme pas votre profil."))


def _school(story: Story) -> Said:
    if story.weighed.place.place is None:
        return Said(N_("Ni élève ni poste ne vous relie à une école de ce service."))
    if story.weighed.facts.school_served:
        return Said(N_("La fiche du service couvre %(school)s."), story.school)
    return Said(N_("La fiche du service ne couvre pas %(school)s."), story.school)


def _class(story: Story) -> Said:
    if not isinstance(story.weighed.place.place, ChildCard):
        return Said(N_("Aucune classe n'est en jeu."))
    if story.weighed.facts.class_served:
        return Said(N_("La fiche du service couvre la classe %(class)s (%(school)s)."), story.of_class)
    return Said(N_("La fiche du service ne couvre pas la classe %(class)s (%(school)s)."), story.of_class)


def _suspension(story: Story) -> Said:
    if story.weighed.facts.school_suspended:
        return Said(N_("L'administration a suspendu l'accès de %(school)s."), story.school)
    return Said(N_("Aucune suspension d'école n'est en jeu."))


def _term(story: Story) -> Said:
    gate = story.weighed.place.gate
    if gate.day is None:
        if not gate.row:
            return Said(N_("La fiche du service ne donne pas de dates ici."))
        return Said(N_("Dates du service, ligne %(row)s : ouvert aujourd'hui."), {"row": str(gate.row)})
    told = {**story.school, "row": str(gate.row), "date": gate.day}
    if gate.enrolment:
        return Said(N_("L'inscription à %(school)s commence le %(date)s."), told)
    if gate.term is Term.AHEAD:
        return Said(N_("Dates du service, ligne %(row)s : ouverture le %(date)s."), told)
    return Said(N_("Dates du service, ligne %(row)s : dernier jour le %(date)s."), told)


def _service(story: Story) -> Said:
    return Said(_STATES[story.weighed.facts.service])


def _assurance(story: Story) -> Said:
    level = level_of(story.weighed.facts.assurance)
    if not story.source:
        return Said(N_("Votre connexion prouve le niveau %(level)s sur 3."), {"level": level})
    told = {"level": level, "source": story.source}
    return Said(N_("Votre connexion par %(source)s prouve le niveau %(level)s sur 3."), told)


def _assured(story: Story) -> Said:
    return Said(N_("La fiche du service demande le niveau %(level)s sur 3."), _required(story))


def _outage(story: Story) -> Said:
    since = story.weighed.outage_since
    if since is None:
        return Said(N_("Aucune panne connue ne dispense de ce niveau."))
    return Said(
        N_("Une panne, connue depuis le %(date)s, dispense de ce niveau pour un temps."), {"date": since.date()}
    )


GROUNDS: Mapping[str, Teller] = {
    "role": _role,
    "mandate": _mandate,
    "profil_served": _profil,
    "school_served": _school,
    "class_served": _class,
    "school_suspended": _suspension,
    "term": _term,
    "service": _service,
    "assurance": _assurance,
    "assured": _assured,
    "outage_accepted": _outage,
}
"""Every fact of `AccessFacts`, and who tells what said it."""


# ---- what would have to be otherwise --------------------------------------------------------------------------------


def _if_mandate(_story: Story) -> Said:
    return Said(N_("si le service acceptait qu'une autre personne agisse pour l'enfant"))


def _if_school(story: Story) -> Said:
    if story.weighed.place.place is None:
        return Said(N_("si un élève ou un poste vous reliait à une école de ce service"))
    return Said(N_("si la fiche du service couvrait %(school)s"), story.school)


def _if_class(story: Story) -> Said:
    return Said(N_("si la fiche du service couvrait la classe %(class)s (%(school)s)"), story.of_class)


def _if_suspension(story: Story) -> Said:
    return Said(N_("si l'accès de %(school)s n'était plus suspendu"), story.school)


def _if_term(story: Story) -> Said:
    gate = story.weighed.place.gate
    if gate.term is Term.OVER or gate.day is None:
        return Said(N_("si les dates du service n'étaient pas finies pour %(school)s"), story.school)
    told = {**story.of_class, "date": gate.day}
    if gate.enrolment:
        return Said(N_("à partir du %(date)s, quand l'inscription à %(school)s commence"), told)
    if told["class"]:
        return Said(N_("à partir du %(date)s, quand le service ouvre pour la classe %(class)s (%(school)s)"), told)
    return Said(N_("à partir du %(date)s, quand le service ouvre pour %(school)s"), told)


def _if_service(_story: Story) -> Said:
    return Said(N_("si le service n'était plus suspendu"))


def _if_assured(story: Story) -> Said:
    return Said(N_("si votre connexion prouvait le niveau %(level)s sur 3"), _required(story))


def _required(story: Story) -> dict[str, str | date]:
    return {"level": level_of(story.service.requires)}


CONDITIONS: Mapping[str, Teller] = {
    "mandate": _if_mandate,
    "school_served": _if_school,
    "class_served": _if_class,
    "school_suspended": _if_suspension,
    "term": _if_term,
    "service": _if_service,
    "assured": _if_assured,
}
"""The facts that life can change (`policies.counterfactual`), and what each would take."""
