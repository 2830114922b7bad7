"""Each fact of an access, both ways, from a person, a descriptor and an instant; and the place that decides."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from broker.domain.people import ChildCard, PersonName, PersonView, Post, Profil, RecordKind, Space
from broker.domain.school import Level
from broker.domain.services import OpeningDates, Service, ServiceState
from broker.services.access import Moment, Weighed, may_open, places_open, today_at, weigh
from broker.services.ways import Way, Ways
from policies import Assurance, Mandate, PolicyBook, Role, Term, load_book
from tests.builders import NOW
from tests.oidc_stand import service

UAI, OTHER = "0990001A", "0990002B"
LEA = ChildCard("prs_lea", "Léa", "Martin", UAI, "Collège Parks", Level.COLLEGE, "6e B", None, class_code="6B")
TOM = replace(LEA, child_id="prs_tom", given="Tom", uai=OTHER, school="École Ferry", level=Level.ECOLE, class_code="CP")
MOTHER = PersonView("prs_m", PersonName("Martin", "Nadia"), frozenset({RecordKind.GUARDIAN}))
POST = Post(UAI, "Collège Parks", Level.COLLEGE, Profil.ENSEIGNANT, "ENS")
TEACHER = PersonView("prs_t", PersonName("Bernard", "Camille"), frozenset({RecordKind.STAFF}), posts=(POST,))
STAFFROOM = service(space=Space.STAFF, profils=frozenset({Profil.ENSEIGNANT}))


@pytest.fixture(scope="module")
def book() -> PolicyBook:
    return load_book()


def weighed(book: PolicyBook, served: Service, *children: ChildCard, **moment: Any) -> Weighed:
    plain: dict[str, Any] = {"assurance": Assurance.LOW, "now": NOW}
    return weigh(book, served, MOTHER, children or (LEA,), moment=Moment(**{**plain, **moment}))


def dates(**changes: Any) -> OpeningDates:
    plain: dict[str, Any] = {
        "uai": "", "level": None, "class_code": "", "opens": None, "closes": None, "text": {},
    }  # fmt: skip
    return OpeningDates(**{**plain, **changes})


AHEAD, PAST = date(2026, 10, 1), date(2026, 9, 1)


@pytest.mark.parametrize(
    ("changes", "fact", "value", "allowed"),
    [
        ({}, "profil_served", True, True),
        ({"profils": frozenset({Profil.ELEVE})}, "profil_served", False, False),
        ({"schools": frozenset({UAI})}, "school_served", True, True),
        ({"schools": frozenset({OTHER})}, "school_served", False, False),
        ({"levels": frozenset({Level.COLLEGE})}, "school_served", True, True),
        ({"levels": frozenset({Level.LYCEE})}, "school_served", False, False),
        ({"classes": frozenset({f"{UAI}:6B"})}, "class_served", True, True),
        ({"classes": frozenset({f"{UAI}:6A"})}, "class_served", False, False),
        ({"classes": frozenset({f"{OTHER}:CP"})}, "class_served", True, True),
        ({"closed_schools": frozenset({OTHER})}, "school_suspended", False, True),
        ({"closed_schools": frozenset({UAI})}, "school_suspended", True, False),
        ({"openings": (dates(opens=PAST),)}, "term", Term.OPEN, True),
        ({"openings": (dates(opens=AHEAD),)}, "term", Term.AHEAD, False),
        ({"openings": (dates(closes=PAST),)}, "term", Term.OVER, False),
        ({"state": ServiceState.VERIFIED}, "service", ServiceState.VERIFIED, True),
        ({"state": ServiceState.SUSPENDED}, "service", ServiceState.SUSPENDED, False),
        ({"requires": Assurance.LOW}, "assured", True, True),
        ({"requires": Assurance.STANDARD}, "assured", False, False),
    ],
)
def test_each_fact_is_read_from_the_descriptor_and_decides(
    book: PolicyBook, changes: dict[str, Any], fact: str, value: object, allowed: bool
) -> None:
    found = weighed(book, service(**changes))
    assert getattr(found.facts, fact) == value
    assert found.allowed is allowed
    assert found.place.place is LEA


def test_a_mandate_is_a_fact_of_the_card_and_the_service_says_whether_it_takes_one(book: PolicyBook) -> None:
    helped = replace(LEA, by_mandate=True)
    assert weighed(book, service(), LEA).facts.mandate is Mandate.NONE
    assert weighed(book, service(mandates=True), helped).facts.mandate is Mandate.ACCEPTED
    refused = weighed(book, service(), helped)
    assert (refused.facts.mandate, refused.allowed) == (Mandate.NOT_ACCEPTED, False)


def test_the_assurance_is_the_sessions_own(book: PolicyBook) -> None:
    assert weighed(book, service(), assurance=Assurance.STRONG).facts.assurance is Assurance.STRONG
    assert not weighed(book, service(), assurance=Assurance.NONE).allowed


def test_a_class_list_narrows_families_and_not_the_staff_of_the_school(book: PolicyBook) -> None:
    narrowed = replace(STAFFROOM, classes=frozenset({f"{UAI}:6A"}))
    assert weigh(book, narrowed, TEACHER, (), moment=Moment(Assurance.LOW, NOW)).facts.class_served


def test_a_post_is_dated_by_its_school_and_never_by_a_class(book: PolicyBook) -> None:
    dated = replace(STAFFROOM, openings=(dates(uai=UAI, opens=AHEAD), dates(uai=UAI, class_code="6B", opens=PAST)))
    found = weigh(book, dated, TEACHER, (), moment=Moment(Assurance.LOW, NOW))
    assert (found.facts.term, found.place.gate.day) == (Term.AHEAD, AHEAD)


def test_one_open_place_opens_and_the_grounds_name_it(book: PolicyBook) -> None:
    served = service(openings=(dates(level=Level.COLLEGE, opens=AHEAD),))
    assert weighed(book, served, LEA, TOM).place.place is TOM
    assert weighed(book, served, LEA, TOM).allowed
    assert weighed(book, served, LEA).place.gate.row == 1


def test_of_places_that_do_not_open_the_nearest_one_is_explained(book: PolicyBook) -> None:
    served = service(schools=frozenset({UAI}), openings=(dates(opens=AHEAD),))
    assert weighed(book, served, TOM, LEA).place.place is LEA


def test_a_parents_own_place_goes_before_one_by_mandate(book: PolicyBook) -> None:
    helped = replace(TOM, by_mandate=True)
    assert weighed(book, service(mandates=True), helped, LEA).place.place is LEA


def test_where_a_tenants_rule_closes_the_best_place_another_still_opens(tmp_path: Any) -> None:
    own = tmp_path / "ville"
    own.mkdir()
    rule = (
        '@id("ville.no_plain")\n@reason("Essai.")\nforbid (principal, action == Action::"access", resource)\n'
        'when { context.mandate == Mandate::"none" };\n'
    )
    (own / "access.cedar").write_text(rule, encoding="utf-8")
    book = load_book(None, tmp_path, ["ville"])
    helped = replace(TOM, by_mandate=True)
    assert weighed(book, service(mandates=True), LEA, helped).place.place == helped
    assert not weighed(book, service(mandates=True), LEA).allowed
    assert weighed(book, service(mandates=True, tenant="ailleurs"), LEA).allowed


def test_nobody_has_no_place_and_no_role(book: PolicyBook) -> None:
    found = weigh(book, service(), replace(MOTHER, kinds=frozenset()), (LEA,), moment=Moment(Assurance.LOW, NOW))
    assert (found.facts.role, found.place.place, found.allowed) == (Role.NONE, None, False)


def test_the_decision_alone_is_the_weighed_one(book: PolicyBook) -> None:
    assert may_open(book, service(), MOTHER, (LEA,), assurance=Assurance.LOW, now=NOW).allowed
    assert not may_open(book, service(), MOTHER, (), assurance=Assurance.LOW, now=NOW).allowed


# ---- the day it is there -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uai", "instant", "day"),
    [
        (UAI, datetime(2026, 8, 31, 21, 59, tzinfo=UTC), date(2026, 8, 31)),
        (UAI, datetime(2026, 8, 31, 22, 0, tzinfo=UTC), date(2026, 9, 1)),
        ("9740001A", datetime(2026, 8, 31, 20, 0, tzinfo=UTC), date(2026, 9, 1)),
        ("9720001A", datetime(2026, 9, 1, 3, 59, tzinfo=UTC), date(2026, 8, 31)),
    ],
)
def test_a_service_opens_at_its_schools_own_midnight(book: PolicyBook, uai: str, instant: datetime, day: date) -> None:
    assert today_at(book.installation, uai, instant) == day
    there = replace(LEA, uai=uai)
    opened = weighed(book, service(openings=(dates(opens=date(2026, 9, 1)),)), there, now=instant).allowed
    assert opened is (day == date(2026, 9, 1))


# ---- what a claim may tell of --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"schools": frozenset({OTHER})},
        {"classes": frozenset({f"{UAI}:6A"})},
        {"closed_schools": frozenset({UAI})},
        {"openings": (dates(uai=UAI, opens=AHEAD),)},
        {"openings": (dates(uai=UAI, closes=PAST),)},
    ],
)
def test_a_place_where_the_service_is_not_offered_is_told_to_nobody(book: PolicyBook, changes: dict[str, Any]) -> None:
    told = places_open(book.installation, service(**changes), MOTHER, (LEA, TOM), now=NOW)
    assert told == (TOM,)
    assert places_open(book.installation, service(), MOTHER, (LEA, TOM), now=NOW) == (LEA, TOM)


def test_a_child_helped_by_mandate_is_told_only_where_that_is_accepted(book: PolicyBook) -> None:
    helped = replace(LEA, by_mandate=True)
    assert places_open(book.installation, service(), MOTHER, (helped,), now=NOW) == ()
    assert places_open(book.installation, service(mandates=True), MOTHER, (helped,), now=NOW) == (helped,)


# ---- more proof, and outages ---------------------------------------------------------------------------------------

DOWN = NOW - timedelta(hours=2)
BEFORE = DOWN - timedelta(days=9)
ENT, EDUCONNECT = Way("ent", Assurance.LOW), Way("educonnect", Assurance.STANDARD)
CAREFUL = service(requires=Assurance.STANDARD)
LENIENT = replace(CAREFUL, outage=True)
CUT = replace(EDUCONNECT, down_since=DOWN)


def test_where_only_proof_is_missing_the_sources_that_have_it_are_named(book: PolicyBook) -> None:
    assert weighed(book, CAREFUL, ways=Ways((ENT, EDUCONNECT))).step_up == ("educonnect",)
    assert weighed(book, CAREFUL, ways=Ways((ENT,))).step_up == ()
    closed = replace(CAREFUL, closed_schools=frozenset({UAI}))
    assert weighed(book, closed, ways=Ways((ENT, EDUCONNECT))).step_up == ()
    assert weighed(book, CAREFUL, assurance=Assurance.STANDARD, ways=Ways((EDUCONNECT,))).step_up == ()


def test_an_outage_excuses_where_service_policy_and_login_allow_it(book: PolicyBook) -> None:
    found = weighed(book, LENIENT, ways=Ways((ENT, CUT), BEFORE))
    assert (found.allowed, found.by_outage, found.outage_since) == (True, True, DOWN)
    assert [rule.id for rule in found.decision.rules] == ["access.outage"]


@pytest.mark.parametrize(
    ("served", "ways", "now"),
    [
        (CAREFUL, Ways((ENT, CUT), BEFORE), NOW),
        (LENIENT, Ways((ENT, EDUCONNECT), BEFORE), NOW),
        (LENIENT, Ways((ENT, CUT, Way("fc", Assurance.STRONG)), BEFORE), NOW),
        (LENIENT, Ways((ENT,), BEFORE), NOW),
        (LENIENT, Ways((ENT, CUT), None), NOW),
        (LENIENT, Ways((ENT, CUT), DOWN), NOW),
        (LENIENT, Ways((ENT, CUT), BEFORE), DOWN + timedelta(hours=24, seconds=1)),
    ],
    ids=["not accepted", "up", "another is up", "none could", "not linked", "linked in the outage", "too long"],
)
def test_an_outage_excuses_nothing_otherwise(book: PolicyBook, served: Service, ways: Ways, now: datetime) -> None:
    found = weighed(book, served, ways=ways, now=now)
    assert (found.allowed, found.facts.outage_accepted) == (False, False)


def test_an_outage_is_accepted_to_its_last_second(book: PolicyBook) -> None:
    last = DOWN + book.installation.assurance.outage_longest
    assert weighed(book, LENIENT, ways=Ways((CUT,), BEFORE), now=last).allowed


def test_an_outage_excuses_no_login_that_proves_nothing(book: PolicyBook) -> None:
    assert not weighed(book, LENIENT, ways=Ways((CUT,), BEFORE), assurance=Assurance.NONE).allowed


def test_whoever_proves_enough_needs_no_outage(book: PolicyBook) -> None:
    found = weighed(book, LENIENT, ways=Ways((CUT,), BEFORE), assurance=Assurance.STANDARD)
    assert (found.allowed, found.by_outage, found.outage_since) == (True, False, None)


def test_an_outage_begins_when_the_last_source_went_down() -> None:
    later = DOWN + timedelta(minutes=30)
    both = Ways((CUT, Way("fc", Assurance.STRONG, later)))
    assert both.outage_since(Assurance.STANDARD) == later
    assert both.reaching(Assurance.STANDARD) == ("educonnect", "fc")
    assert Ways((CUT, Way("fc", Assurance.STRONG))).reaching(Assurance.STANDARD) == ("fc", "educonnect")
    assert both.down == {"educonnect", "fc"}
