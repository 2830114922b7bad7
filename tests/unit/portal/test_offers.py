"""How a service stands on a card: a link, one through more proof, greyed with its day or its sentence, or not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from broker.domain.people import Profil, RecordKind
from broker.domain.services import Service, ServiceState
from broker.portal.offers import Offer, OfferState, ServiceLink, Viewer, shown_links
from broker.services.access import Moment
from broker.services.ways import Way, Ways
from policies import Assurance, load_book
from tests.builders import NOW
from tests.oidc_stand import service
from tests.unit.services.test_access_facts import BEFORE, CUT, LEA, MOTHER, POST, STAFFROOM, TEACHER, TOM, UAI, dates

SOON = date(2026, 10, 1)
BOOK = load_book()
EDUCONNECT = Way("educonnect", Assurance.STANDARD)
CLASS_6A = frozenset({f"{UAI}:6A"})


def offer(served: Service, **moment: Any) -> Offer:
    plain: dict[str, Any] = {"assurance": Assurance.LOW, "now": NOW, "ways": Ways((EDUCONNECT,))}
    (found,) = Viewer(MOTHER, Moment(**{**plain, **moment}), BOOK, (served,)).for_child(LEA)
    return found


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, OfferState.OPEN),
        ({"instances": ()}, OfferState.ABSENT),
        ({"requires": Assurance.STANDARD}, OfferState.STEP_UP),
        ({"requires": Assurance.STRONG}, OfferState.ABSENT),
        ({"openings": (dates(opens=SOON),)}, OfferState.AHEAD),
        ({"openings": (dates(closes=date(2026, 7, 4)),)}, OfferState.ABSENT),
        ({"state": ServiceState.SUSPENDED}, OfferState.SUSPENDED),
        ({"closed_schools": frozenset({UAI})}, OfferState.SUSPENDED),
        ({"profils": frozenset({Profil.ELEVE})}, OfferState.ABSENT),
        ({"schools": frozenset({"0990009Z"})}, OfferState.ABSENT),
        ({"classes": CLASS_6A}, OfferState.ABSENT),
        ({"state": ServiceState.SUSPENDED, "classes": CLASS_6A}, OfferState.ABSENT),
        ({"openings": (dates(opens=SOON),), "classes": CLASS_6A}, OfferState.ABSENT),
        ({"state": ServiceState.SUSPENDED, "openings": (dates(opens=SOON),)}, OfferState.SUSPENDED),
        ({"state": ServiceState.SUSPENDED, "openings": (dates(closes=date(2026, 7, 4)),)}, OfferState.ABSENT),
    ],
)
def test_each_state_of_a_service_on_a_card(changes: dict[str, Any], state: OfferState) -> None:
    found = offer(service(**changes))
    assert found.state is state
    assert found.is_open is (state is OfferState.OPEN)


def test_what_opens_later_carries_its_day_and_its_text_and_no_address() -> None:
    text = {"fr": "Ouverture le 1er octobre.", "ar": "…"}
    (link,) = shown_links([offer(service(openings=(dates(opens=SOON, text=text),)))])
    assert link == ServiceLink("cantine", {"fr": "cantine"}, "", OfferState.AHEAD, SOON, text)


def test_what_asks_for_more_proof_leads_to_the_service_which_asks_for_it() -> None:
    (link,) = shown_links([offer(service(requires=Assurance.STANDARD))])
    assert (link.state, link.url) == (OfferState.STEP_UP, "https://cantine.example/")


def test_what_is_suspended_leads_nowhere_and_what_is_absent_is_not_shown() -> None:
    offers = [offer(service(state=ServiceState.SUSPENDED)), offer(service(instances=())), offer(service())]
    links = shown_links(offers)
    assert [(link.state, bool(link.url)) for link in links] == [(OfferState.SUSPENDED, False), (OfferState.OPEN, True)]


def test_during_an_outage_what_accepts_it_is_open() -> None:
    lenient = service(requires=Assurance.STANDARD, outage=True)
    assert offer(lenient, ways=Ways((CUT,), BEFORE)).state is OfferState.OPEN
    assert offer(lenient, ways=Ways((CUT,), None)).state is OfferState.STEP_UP
    late = NOW + timedelta(days=2)
    assert offer(lenient, ways=Ways((CUT,), BEFORE), now=late).state is OfferState.STEP_UP


def test_each_card_speaks_of_its_own_place_in_one_role_alone() -> None:
    person = replace(
        MOTHER, kinds=frozenset(RecordKind), posts=TEACHER.posts, pupil_at=(TOM,)
    )  # a mix that never is: each card must still look at its own part only
    narrow = service(levels=frozenset({TOM.level}) if TOM.level else frozenset(), profils=frozenset(Profil))
    viewer = Viewer(person, Moment(Assurance.LOW, NOW), BOOK, (narrow, STAFFROOM))
    assert [each.state for each in viewer.for_child(LEA)] == [OfferState.ABSENT, OfferState.ABSENT]
    assert [each.state for each in viewer.for_child(TOM)] == [OfferState.OPEN, OfferState.ABSENT]
    assert [each.state for each in viewer.for_pupil(LEA)] == [OfferState.ABSENT, OfferState.ABSENT]
    assert [each.state for each in viewer.for_post(POST)] == [OfferState.ABSENT, OfferState.OPEN]


def test_an_offer_is_explained_by_the_decision_it_was_made_from() -> None:
    viewer = Viewer(MOTHER, Moment(Assurance.LOW, NOW), BOOK, (service(),), source="ent1")
    (found,) = viewer.for_child(LEA)
    told = viewer.explain(found)
    assert (told.allowed, told.rules) == (True, found.decision.rules)
    assert [fact.grounds.values.get("source") for fact in told.facts if fact.fact == "assurance"] == ["ent1"]
