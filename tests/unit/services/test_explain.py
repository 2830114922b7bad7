"""An access told whole, in the French that a family reads: rules, facts with what said them, and what would pass."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date, timedelta
from typing import Any

import pytest

from broker.cli.explain_text import french
from broker.domain.people import PersonView
from broker.domain.services import Service, ServiceState
from broker.services.access import Moment, weigh
from broker.services.explain import AccessExplanation, explain_access
from broker.services.explain_words import CONDITIONS, GROUNDS
from broker.services.ways import Way, Ways
from policies import AccessFacts, Assurance, PolicyBook, load_book
from policies.counterfactual import CHANGES
from tests.builders import NOW
from tests.oidc_stand import service
from tests.unit.services.test_access_facts import BEFORE, CUT, LEA, MOTHER, POST, STAFFROOM, TEACHER, UAI, dates

RENTREE = date(2027, 9, 1)
GATED = service(
    openings=(
        dates(opens=date(2026, 9, 1)),
        dates(uai=UAI, class_code="6B", opens=RENTREE, text={"fr": "À la rentrée."}),
    )
)


@pytest.fixture(scope="module")
def book() -> PolicyBook:
    return load_book()


def explained(book: PolicyBook, served: Service, *, person: PersonView = MOTHER, **changes: Any) -> AccessExplanation:
    cards = changes.pop("children", (LEA,))
    moment = Moment(**{"assurance": Assurance.LOW, "now": NOW, **changes})
    return explain_access(served, weigh(book, served, person, cards, moment=moment), source="ent1")


def conditions(told: AccessExplanation) -> list[str]:
    return [french(each) for each in told.conditions]


def grounds(told: AccessExplanation) -> dict[str, str]:
    return {fact.fact: french(fact.grounds) for fact in told.facts}


def test_a_class_that_opens_later_is_told_with_the_descriptors_own_row_and_date(book: PolicyBook) -> None:
    told = explained(book, GATED)
    assert not told.allowed
    assert [rule.reason for rule in told.rules] == [
        "Ce service n'est pas encore ouvert pour votre école ou votre classe."
    ]
    assert conditions(told) == [
        "à partir du 1er septembre 2027, quand le service ouvre pour la classe 6e B (Collège Parks)"
    ]
    assert (told.opens, told.opening_text) == (RENTREE, {"fr": "À la rentrée."})
    assert {fact.fact: fact.value for fact in told.facts} == {
        "role": "guardian", "mandate": "none", "profil_served": "yes", "school_served": "yes", "class_served": "yes",
        "school_suspended": "no", "term": "ahead", "service": "declared", "assurance": "low", "assured": "yes",
        "outage_accepted": "no",
    }  # fmt: skip
    assert grounds(told) == {
        "role": "Un dossier d'école vous dit responsable d'élève.",
        "mandate": "Aucun mandat n'est en jeu.",
        "profil_served": "La fiche du service nomme votre profil.",
        "school_served": "La fiche du service couvre Collège Parks.",
        "class_served": "La fiche du service couvre la classe 6e B (Collège Parks).",
        "school_suspended": "Aucune suspension d'école n'est en jeu.",
        "term": "Dates du service, ligne 2 : ouverture le 1er septembre 2027.",
        "service": "Registre des services : déclaré.",
        "assurance": "Votre connexion par ent1 prouve le niveau 1 sur 3.",
        "assured": "La fiche du service demande le niveau 1 sur 3.",
        "outage_accepted": "Aucune panne connue ne dispense de ce niveau.",
    }


def test_what_is_open_needs_no_condition(book: PolicyBook) -> None:
    told = explained(book, service(), assurance=Assurance.STANDARD)
    assert (told.allowed, told.conditions, told.opens, told.step_up) == (True, (), None, ())
    assert [rule.id for rule in told.rules] == ["access.served"]


@pytest.mark.parametrize(
    ("changes", "cards", "said"),
    [
        ({"schools": frozenset({"0990009Z"})}, {}, ["si la fiche du service couvrait Collège Parks"]),
        (
            {"classes": frozenset({f"{UAI}:6A"})}, {},
            ["si la fiche du service couvrait la classe 6e B (Collège Parks)"],
        ),
        ({"closed_schools": frozenset({UAI})}, {}, ["si l'accès de Collège Parks n'était plus suspendu"]),
        ({"state": ServiceState.SUSPENDED}, {}, ["si le service n'était plus suspendu"]),
        ({"requires": Assurance.STRONG}, {}, ["si votre connexion prouvait le niveau 3 sur 3"]),
        (
            {"openings": (dates(closes=date(2026, 7, 4)),)}, {},
            ["si les dates du service n'étaient pas finies pour Collège Parks"],
        ),
        ({}, {"by_mandate": True}, ["si le service acceptait qu'une autre personne agisse pour l'enfant"]),
        (
            {}, {"starts": RENTREE},
            ["à partir du 1er septembre 2027, quand l'inscription à Collège Parks commence"],
        ),
        (
            {"state": ServiceState.SUSPENDED, "classes": frozenset({f"{UAI}:6A"})}, {},
            ["si la fiche du service couvrait la classe 6e B (Collège Parks)", "si le service n'était plus suspendu"],
        ),
        ({"profils": frozenset()}, {}, []),
    ],
)  # fmt: skip
def test_what_would_pass_is_told_in_the_words_of_the_case(
    book: PolicyBook, changes: dict[str, Any], cards: dict[str, Any], said: list[str]
) -> None:
    told = explained(book, service(**changes), children=(replace(LEA, **cards),))
    assert conditions(told) == said


def test_whoever_has_no_place_is_told_of_none(book: PolicyBook) -> None:
    told = explained(book, service(), children=())
    assert grounds(told)["school_served"] == "Ni élève ni poste ne vous relie à une école de ce service."
    assert conditions(told) == ["si un élève ou un poste vous reliait à une école de ce service"]


def test_a_post_is_told_without_a_class(book: PolicyBook) -> None:
    dated = replace(STAFFROOM, openings=(dates(uai=UAI, opens=RENTREE),))
    told = explained(book, dated, person=TEACHER, children=())
    assert grounds(told)["class_served"] == "Aucune classe n'est en jeu."
    assert conditions(told) == ["à partir du 1er septembre 2027, quand le service ouvre pour Collège Parks"]
    assert POST.school == "Collège Parks"


def test_other_grounds_are_told_as_they_are(book: PolicyBook) -> None:
    closed = service(
        profils=frozenset(), schools=frozenset({"0990009Z"}), classes=frozenset({f"{UAI}:6A"}),
        closed_schools=frozenset({UAI}), openings=(dates(closes=date(2026, 7, 4)),), mandates=True,
    )  # fmt: skip
    said = grounds(explained(book, closed, children=(replace(LEA, by_mandate=True),)))
    assert said["profil_served"] == "La fiche du service ne nomme pas votre profil."
    assert said["school_served"] == "La fiche du service ne couvre pas Collège Parks."
    assert said["class_served"] == "La fiche du service ne couvre pas la classe 6e B (Collège Parks)."
    assert said["school_suspended"] == "L'administration a suspendu l'accès de Collège Parks."
    assert said["term"] == "Dates du service, ligne 1 : dernier jour le 4 juillet 2026."
    assert said["mandate"] == "Vous agissez par mandat, et la fiche du service l'accepte."
    assert grounds(explained(book, replace(GATED, openings=(dates(),))))["term"].endswith(
        "ligne 1 : ouvert aujourd'hui."
    )
    coming = grounds(explained(book, service(), children=(replace(LEA, starts=RENTREE),)))
    assert coming["term"] == "L'inscription à Collège Parks commence le 1er septembre 2027."
    assert grounds(explained(book, service()))["term"] == "La fiche du service ne donne pas de dates ici."


def test_an_outage_and_a_way_to_prove_more_are_told(book: PolicyBook) -> None:
    careful = service(requires=Assurance.STANDARD, outage=True)
    cut = explained(book, careful, ways=Ways((CUT,), BEFORE))
    assert grounds(cut)["outage_accepted"].startswith("Une panne, connue depuis le 14 septembre 2026,")
    up = explained(book, careful, ways=Ways((Way("educonnect", Assurance.STANDARD),), BEFORE - timedelta(1)))
    assert (up.step_up, conditions(up)) == (("educonnect",), ["si votre connexion prouvait le niveau 2 sur 3"])


def test_a_source_that_is_not_known_is_not_named(book: PolicyBook) -> None:
    found = weigh(book, service(), MOTHER, (LEA,), moment=Moment(Assurance.LOW, NOW))
    said = grounds(explain_access(service(), found))
    assert said["assurance"] == "Votre connexion prouve le niveau 1 sur 3."


def test_every_fact_has_its_grounds_and_every_change_in_life_its_words() -> None:
    assert set(GROUNDS) == {field.name for field in fields(AccessFacts)}
    assert set(CONDITIONS) == {change.fact for change in CHANGES[AccessFacts.action]}
