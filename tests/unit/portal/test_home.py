"""The read models of the portal: which cards, which services, in whose role."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from broker.domain.identity import AccountKey, AccountState, Evidence, EvidenceKind, LinkedAccount, UpstreamProtocol
from broker.domain.people import (
    CardReason,
    ChildCard,
    PersonName,
    PersonView,
    Post,
    Profil,
    RecordKind,
    Reference,
    Space,
)
from broker.domain.school import Level
from broker.domain.services import OpeningDates, ServiceState
from broker.portal import OfferState, Viewer, build_access, build_home, build_why
from broker.services.access import Moment
from broker.services.ways import NO_WAYS, Way, Ways
from policies import Assurance, load_book
from tests.web_stand import service

NOW = datetime(2026, 9, 14, 8, 0, tzinfo=UTC)
LEA = ChildCard("prs_lea", "Léa", "Martin", "0990001A", "École Ferry", Level.ECOLE, "CM1", None)
TOM = ChildCard("prs_tom", "Tom", "Martin", "0990002B", "Collège Parks", Level.COLLEGE, "6e B", None)
POST = Post("0990002B", "Collège Parks", Level.COLLEGE, Profil.ENSEIGNANT, "ENS")
NAME = PersonName("Martin", "Nadia", "Mme")
CANTEEN = service("cantine")
GRADES = service("notes", levels=frozenset({Level.COLLEGE}), profils=frozenset({Profil.TUTEUR, Profil.ELEVE}))
STAFFROOM = service("salle", profils=frozenset({Profil.ENSEIGNANT}), space=Space.STAFF)


def viewer(*kinds: RecordKind, **changes: Any) -> Viewer:
    person = PersonView("prs_1", NAME, frozenset(kinds), changes.pop("posts", ()), changes.pop("pupil_at", ()))
    moment = Moment(changes.pop("assurance", Assurance.LOW), NOW, changes.pop("ways", NO_WAYS))
    return replace(Viewer(person, moment, load_book(), (CANTEEN, GRADES, STAFFROOM)), **changes)


def ids(links: Any) -> list[str]:
    return [link.service_id for link in links if link.url]


def test_each_child_has_its_own_card_with_the_services_of_its_own_level_in_order() -> None:
    home = build_home(viewer(RecordKind.GUARDIAN), (LEA, TOM))
    assert [card.child.given for card in home.children] == ["Léa", "Tom"]
    assert [ids(card.services) for card in home.children] == [["cantine"], ["cantine", "notes"]]


def test_a_place_that_lies_ahead_opens_nothing_yet() -> None:
    ahead = replace(TOM, starts=date(2027, 9, 1))
    (card,) = build_home(viewer(RecordKind.GUARDIAN), (ahead,)).children
    assert ids(card.services) == []
    assert {(link.state, link.opens) for link in card.services} == {(OfferState.AHEAD, date(2027, 9, 1))}


def test_a_service_without_an_address_for_the_school_is_no_link() -> None:
    nowhere = service("nulle-part", instances=())
    home = build_home(viewer(RecordKind.GUARDIAN, services=(nowhere,)), (LEA,))
    assert home.children[0].services == ()


def test_a_login_that_proves_nothing_opens_no_service() -> None:
    home = build_home(viewer(RecordKind.GUARDIAN, assurance=Assurance.NONE), (LEA,))
    assert home.children[0].services == ()


def test_a_teacher_who_is_a_parent_has_two_spaces_that_do_not_mix() -> None:
    home = build_home(viewer(RecordKind.GUARDIAN, RecordKind.STAFF, posts=(POST,)), (LEA,))
    assert [ids(card.services) for card in home.children] == [["cantine"]]
    assert [ids(place.services) for place in home.staff] == [["salle"]]
    assert home.has_family


def test_a_pupil_sees_the_services_of_the_own_school_only() -> None:
    home = build_home(viewer(RecordKind.PUPIL, pupil_at=(TOM,)), ())
    assert [ids(card.services) for card in home.pupil] == [["cantine", "notes"]]
    assert not home.has_family
    assert home.children == ()


def test_a_parent_without_a_child_still_has_a_family_space() -> None:
    home = build_home(viewer(RecordKind.GUARDIAN), ())
    assert (home.has_family, home.children) == (True, ())


AHEAD = OpeningDates("", None, "", date(2026, 9, 20), None, {"fr": "Après la rentrée."})


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, OfferState.OPEN),
        ({"state": ServiceState.SUSPENDED}, OfferState.SUSPENDED),
        ({"closed_schools": frozenset({LEA.uai})}, OfferState.SUSPENDED),
        ({"openings": (AHEAD,)}, OfferState.AHEAD),
        ({"requires": Assurance.STRONG}, OfferState.STEP_UP),
    ],
)
def test_a_card_shows_a_service_in_the_state_it_is_in(changes: dict[str, Any], state: OfferState) -> None:
    ways = Ways((Way("educonnect", Assurance.STRONG),))
    home = build_home(viewer(RecordKind.GUARDIAN, services=(replace(CANTEEN, **changes),), ways=ways), (LEA,))
    (link,) = home.children[0].services
    assert link.state is state
    assert bool(link.url) is (state in {OfferState.OPEN, OfferState.STEP_UP})


def test_a_suspended_school_is_said_on_its_own_cards_alone() -> None:
    closed = replace(CANTEEN, closed_schools=frozenset({LEA.uai}))
    person = {"posts": (POST, replace(POST, uai=LEA.uai)), "pupil_at": (LEA,)}
    kinds = (RecordKind.GUARDIAN, RecordKind.STAFF, RecordKind.PUPIL)
    home = build_home(viewer(*kinds, services=(closed,), **person), (LEA, TOM))
    assert [card.is_suspended for card in home.children] == [True, False]
    assert [card.is_suspended for card in home.pupil] == [True]
    assert [place.is_suspended for place in home.staff] == [False, True]


def reason(child: ChildCard) -> CardReason:
    return CardReason(
        child.child_id, "99-2d", Reference("99", "500101"), "own_record", NOW, "legal_guardian", NOW, child.uai
    )


def test_each_card_is_explained_by_its_own_reasons_and_no_other() -> None:
    gone = replace(LEA, child_id="prs_gone")
    why = build_why(viewer(RecordKind.GUARDIAN), (LEA, TOM), (reason(LEA), reason(TOM), reason(gone)), ())
    assert [[p.reason.child_id for p in story.proofs] for story in why.stories] == [["prs_lea"], ["prs_tom"]]
    assert "prs_gone" not in str(why)


def test_a_closed_service_says_why() -> None:
    why = build_why(viewer(RecordKind.GUARDIAN, assurance=Assurance.NONE), (LEA,), (), ())
    canteen = why.stories[0].services[0]
    assert canteen.state is OfferState.ABSENT
    assert "Votre connexion ne prouve pas assez bien qui vous êtes." in canteen.sentences


def test_a_closed_service_says_what_would_open_it_and_what_counted() -> None:
    services = (replace(CANTEEN, openings=(AHEAD,)),)
    why = build_why(viewer(RecordKind.GUARDIAN, services=services), (LEA,), (), ())
    told = why.stories[0].services[0]
    assert [said.values["date"] for said in told.explanation.conditions] == [date(2026, 9, 20)]
    assert {fact.fact for fact in told.facts} >= {"role", "term", "assurance"}
    assert "mandate" not in {fact.fact for fact in told.facts}


def test_the_services_of_a_post_are_explained_too() -> None:
    why = build_why(viewer(RecordKind.STAFF, posts=(POST,)), (), (), ())
    states = {told.explanation.service_id: told.state for told in why.staff[0].services}
    assert states == {"cantine": OfferState.ABSENT, "notes": OfferState.ABSENT, "salle": OfferState.OPEN}


def account(number: int, **changes: Any) -> LinkedAccount:
    key = AccountKey(UpstreamProtocol.CAS, "https://ent.example", "", str(number))
    evidence = Evidence(EvidenceKind.REFERENCE, "source:ent1", NOW)
    plain = LinkedAccount(
        f"acc_{number}", key, "ent1", "prs_1", AccountState.LINKED, evidence, NOW, None, NOW + timedelta(days=30)
    )
    return replace(plain, **changes)


def test_a_record_that_a_login_named_is_explained_by_that_login_while_it_is_linked() -> None:
    proof = Evidence(EvidenceKind.REFERENCE, "source:ent1", NOW, {"records": "99-1d:9,99-2d:500101"})
    for state, named in ((AccountState.LINKED, "acc_1"), (AccountState.UNDONE, None)):
        linked = account(1, evidence=proof, state=state)
        why = build_why(viewer(RecordKind.GUARDIAN), (LEA,), (reason(LEA),), (account(2), linked))
        (told,) = why.stories[0].proofs
        assert (told.account.account_id if told.account else None) == named


@pytest.mark.parametrize(
    ("changes", "offered"),
    [
        ({}, True),
        ({"undo_until": None}, False),
        ({"undo_until": NOW}, False),
        ({"state": AccountState.UNDONE}, False),
    ],
)
def test_undo_is_offered_for_a_linked_login_within_its_time(changes: dict[str, Any], offered: bool) -> None:
    page = build_access((account(1, **changes),), (), current_account="acc_1", now=NOW)
    assert (page.line("acc_1") is not None) is offered


def test_ended_logins_are_kept_apart_and_the_one_in_use_is_marked() -> None:
    accounts = (account(1), account(2, state=AccountState.UNDONE), account(3))
    page = build_access(accounts, (), current_account="acc_3", now=NOW)
    assert [(line.account.account_id, line.is_current) for line in page.lines] == [("acc_1", False), ("acc_3", True)]
    assert [line.account.account_id for line in page.ended] == ["acc_2"]
    assert page.line("acc_2") is None
