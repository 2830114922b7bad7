"""The login journey over the real database: begin, leave, come back, signed in; and every refusal on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from broker.domain.errors import (
    AlreadyUsed,
    BadPageRequest,
    LinkAmbiguous,
    LoginExpired,
    LoginRequired,
    PageNotFound,
    PreauError,
    StepUpNeeded,
    UnknownPerson,
    UpstreamRefused,
    UpstreamUnavailable,
)
from broker.domain.handles import Handle, new_handle
from broker.domain.ports import Return
from broker.federation import LoginRequest, Sources, sign_in_path
from broker.storage import schema
from tests.builders import FEED_1D, FEED_2D, add_guardian, add_pupil, add_restriction, add_staff
from tests.clock import FakeClock
from tests.federations import BASE, World, open_world, ref


@pytest.fixture
def world(sqlite_url: str, clock: FakeClock) -> Iterator[World]:
    with open_world(sqlite_url, clock) as opened:
        yield opened


# ---- the straight walk -------------------------------------------------------------------------------------------


def test_a_first_login_links_the_account_and_opens_the_children(world: World) -> None:
    mother, child, record = world.family("500101")
    world.upstreams["ent2"].releases["aline"] = ref("500101")
    browser = world.browser()
    arrival = browser.sign_in("ent2", "aline", LoginRequest(service_id="cantine", resume="/authorize/resume?i=x"))
    assert arrival.resume == "/authorize/resume?i=x"
    assert browser.children() == {child}
    (account,) = world.federation.links.accounts_of(mother)
    assert account.evidence.detail == {"source": "ent2", "references": "99$500101", "records": record}
    assert arrival.session.account_id == account.account_id
    assert [event["action"] for event in world.audit()] == ["sign_in", "link_created"]


def test_a_second_login_links_nothing_more(world: World) -> None:
    world.family("500101")
    world.upstreams["ent2"].releases["aline"] = ref("500101")
    world.browser().sign_in("ent2", "aline")
    world.browser().sign_in("ent2", "aline")
    assert len(world.rows("accounts")) == len(world.audit("link_created")) == 1


def test_one_login_that_knows_both_records_joins_three_children_on_one_page(world: World) -> None:
    _, eldest, _ = world.family("500101", feed=FEED_2D)
    _, youngest, _ = world.family("610777", feed=FEED_1D, uai="0990002B")
    world.upstreams["educonnect"].releases["sub-1"] = ref("500101", "610777")
    world.upstreams["ent1"].releases["aline1"] = ref("610777")
    world.upstreams["ent2"].releases["aline2"] = ref("500101")
    first = world.browser()
    person = first.sign_in("educonnect", "sub-1").session.person_id
    assert first.children() == {eldest, youngest}
    for source, user in (("ent1", "aline1"), ("ent2", "aline2")):
        browser = world.browser()
        assert browser.sign_in(source, user).session.person_id == person
        assert browser.children() == {eldest, youngest}
    assert [event["subject"] != person for event in world.audit("persons_merged")] == [True]


def test_a_known_login_that_names_one_more_record_joins_it(world: World) -> None:
    mother, eldest, _ = world.family("500101", feed=FEED_2D)
    world.upstreams["educonnect"].releases["sub-1"] = ref("500101")
    world.browser().sign_in("educonnect", "sub-1")
    _, youngest, _ = world.family("610777", feed=FEED_1D, uai="0990002B")
    world.upstreams["educonnect"].releases["sub-1"] = ref("500101", "610777")
    browser = world.browser()
    arrival = browser.sign_in("educonnect", "sub-1")
    assert arrival.session.person_id == mother
    assert browser.children() == {eldest, youngest}


def test_a_login_sees_only_the_feeds_allotted_to_its_source(world: World) -> None:
    _, eldest, _ = world.family("500101", feed=FEED_2D)
    world.family("610777", feed=FEED_1D, uai="0990002B")
    world.upstreams["ent2"].releases["aline"] = ref("500101", "610777")
    browser = world.browser()
    browser.sign_in("ent2", "aline")
    assert browser.children() == {eldest}


def test_a_pupil_and_a_teacher_come_in_too(world: World) -> None:
    pupil, _ = add_pupil(world.engine, "200345")
    teacher, _ = add_staff(world.engine, "700001")
    world.upstreams["ent2"].releases.update(maelys=ref("200345"), nadia=ref("700001"))
    assert world.browser().sign_in("ent2", "maelys").session.person_id == pupil
    session = world.browser().sign_in("ent2", "nadia").session
    assert session.person_id == teacher
    assert session.ends_at - session.opened_at == timedelta(hours=8)


def test_a_parent_who_teaches_has_the_limits_of_staff_from_the_first_login(world: World) -> None:
    world.family("500101")
    add_staff(world.engine, "700001")
    world.upstreams["ent2"].releases["nadia"] = ref("500101", "700001")
    session = world.browser().sign_in("ent2", "nadia").session
    assert session.idle_until - session.opened_at == timedelta(minutes=15)


def test_the_session_that_is_here_decides_which_person_survives(world: World) -> None:
    world.family("500101", feed=FEED_2D)
    younger, _, _ = world.family("610777", feed=FEED_1D, uai="0990002B")
    world.upstreams["ent1"].releases["aline"] = ref("610777")
    world.upstreams["educonnect"].releases["sub-1"] = ref("500101", "610777")
    browser = world.browser()
    browser.sign_in("ent1", "aline")
    assert browser.sign_in("educonnect", "sub-1").session.person_id == younger


def test_how_sure_a_login_is_never_exceeds_the_level_of_its_source(world: World) -> None:
    world.family("500101")
    source = world.upstreams["ent2"]
    source.releases["aline"] = ref("500101")
    levels = {}
    for acr in ("", "eidas1", "eidas3", "gold"):
        source.acr = acr
        levels[acr] = world.browser().sign_in("ent2", "aline").session.authn.acr
    assert levels == {"": "standard", "eidas1": "low", "eidas3": "standard", "gold": "low"}


# ---- choices -----------------------------------------------------------------------------------------------------


def test_the_choice_page_offers_every_source(world: World) -> None:
    browser = world.browser()
    choices = world.federation.choices(browser.begin(LoginRequest(service_id="cantine")), browser=browser.cookie)
    assert choices.source_ids == ("educonnect", "ent1", "ent2")
    assert (choices.service_id, choices.straight, choices.done) == ("cantine", "", False)


def test_a_session_that_answers_needs_no_choice_and_a_wish_for_proof_leads_where_it_was_given(world: World) -> None:
    world.family("500101")
    world.upstreams["ent2"].releases["aline"] = ref("500101")
    browser = world.browser()
    session = browser.sign_in("ent2", "aline").session
    done = world.federation.choices(browser.begin(), browser=browser.cookie, session=session)
    assert done.done
    world.clock.advance(60)
    again = browser.begin(LoginRequest(prompt=frozenset({"login"})))
    assert world.federation.choices(again, browser=browser.cookie, session=session).straight == "ent2"


def test_no_page_may_be_shown_when_the_request_forbids_it(world: World) -> None:
    browser = world.browser()
    silent = browser.begin(LoginRequest(prompt=frozenset({"none"})))
    with pytest.raises(LoginRequired):
        world.federation.choices(silent, browser=browser.cookie)
    with pytest.raises(LoginRequired):
        world.federation.depart(silent, "ent1", browser=browser.cookie)


def test_the_request_can_be_read_back_by_its_own_browser(world: World) -> None:
    browser = world.browser()
    request = LoginRequest("cantine", "/x", frozenset({"login"}), 60, ("eidas1",), "ar")
    handle = browser.begin(request)
    found = world.federation.interaction(handle, browser=browser.cookie)
    assert (found.request, found.started_at) == (request, world.clock())


@pytest.mark.parametrize(
    "resume",
    [
        "",
        "x",
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/a b",
        "/a\r\nx: y",
        "/é",
        "/" + "a" * 9000,
    ],
)
def test_a_way_back_that_is_not_a_local_path_begins_nothing(world: World, resume: str) -> None:
    with pytest.raises(BadPageRequest):
        world.browser().begin(LoginRequest(resume=resume))


def test_an_unknown_source_leads_nowhere(world: World) -> None:
    for source_id in ("ent9", ""):
        with pytest.raises(PageNotFound):
            world.browser().leave(source_id)
    browser = world.browser()
    answer = world.upstreams["ent2"].sign_in(browser.leave("ent2"), "aline")
    with pytest.raises(PageNotFound):
        browser.arrive("ent9", answer)


# ---- refusals ----------------------------------------------------------------------------------------------------


def test_a_stranger_is_told_so_and_may_begin_again(world: World) -> None:
    browser = world.browser()
    interaction = browser.begin()
    url = world.federation.depart(interaction, "ent2", browser=browser.cookie).url
    with pytest.raises(UnknownPerson) as caught:
        browser.arrive("ent2", world.upstreams["ent2"].sign_in(url, "nobody"))
    assert caught.value.restart == sign_in_path(interaction)
    (event,) = world.audit("sign_in_refused")
    assert event["detail"] == {"code": "PRE-2003", "source": "ent2"}
    assert (event["subject"], event["trace"]) == ("", "t-test")
    assert world.rows("accounts") == world.rows("sessions") == []


def test_a_guardian_without_any_child_to_see_is_a_stranger_at_first(world: World) -> None:
    world.family("500101", may_see=False)
    world.upstreams["ent2"].releases["aline"] = ref("500101")
    with pytest.raises(UnknownPerson):
        world.browser().sign_in("ent2", "aline")


def test_a_guardian_already_linked_comes_in_to_an_empty_page(world: World) -> None:
    _, _, record = world.family("500101")
    world.upstreams["ent2"].releases["aline"] = ref("500101")
    world.browser().sign_in("ent2", "aline")
    add_restriction(world.engine, record, f"{FEED_2D}:9500101")
    browser = world.browser()
    browser.sign_in("ent2", "aline")
    assert browser.children() == set()


def test_a_pupil_and_an_adult_in_one_login_are_left_to_the_school(world: World) -> None:
    world.family("500101", child="200345")
    world.upstreams["ent2"].releases["odd"] = ref("500101", "200345")
    with pytest.raises(LinkAmbiguous):
        world.browser().sign_in("ent2", "odd")
    world.upstreams["ent2"].releases["odd"] = ref("500101")
    assert world.browser().sign_in("ent2", "odd").session


def test_one_key_that_two_feeds_give_to_two_people_joins_nobody(world: World) -> None:
    world.family("500101", feed=FEED_2D)
    world.family("500101", feed=FEED_1D, uai="0990002B")
    world.upstreams["educonnect"].releases["sub-1"] = ref("500101")
    with pytest.raises(LinkAmbiguous):
        world.browser().sign_in("educonnect", "sub-1")
    world.upstreams["ent2"].releases["aline"] = ref("500101")
    assert world.browser().sign_in("ent2", "aline").session  # one feed, one person


def test_a_recycled_login_does_not_open_its_former_owners_page(world: World) -> None:
    world.family("500101")
    _, child, _ = world.family("500202", uai="0990002B")
    source = world.upstreams["ent2"]
    source.releases["jdupont"] = ref("500101")
    world.browser().sign_in("ent2", "jdupont")
    for released in (ref("500202"), ref("1"), ()):
        source.releases["jdupont"] = released
        with pytest.raises(LinkAmbiguous):
            world.browser().sign_in("ent2", "jdupont")
    source.releases["jdupont"] = ref("500101", "500202")
    browser = world.browser()
    browser.sign_in("ent2", "jdupont")
    assert child in browser.children()


@pytest.mark.parametrize("fault", [UpstreamUnavailable("down"), UpstreamRefused("nonce")])
def test_what_the_source_did_wrong_is_audited_and_can_be_tried_again(world: World, fault: PreauError) -> None:
    world.family("500101")
    source = world.upstreams["ent2"]
    source.releases["aline"] = ref("500101")
    browser = world.browser()
    interaction = browser.begin()
    url = world.federation.depart(interaction, "ent2", browser=browser.cookie).url
    answer = source.sign_in(url, "aline")
    source.fails = fault
    with pytest.raises(type(fault)) as caught:
        browser.arrive("ent2", answer)
    assert caught.value.restart == sign_in_path(interaction)
    assert [event["detail"]["code"] for event in world.audit("sign_in_refused")] == [fault.code]  # type: ignore[index]
    source.fails = None
    url = world.federation.depart(interaction, "ent2", browser=browser.cookie).url
    assert browser.arrive("ent2", source.sign_in(url, "aline")).session


def test_a_source_that_is_down_at_the_departure_says_where_to_begin_again(world: World) -> None:
    world.upstreams["ent2"].fails = UpstreamUnavailable("down")
    browser = world.browser()
    interaction = browser.begin()
    with pytest.raises(UpstreamUnavailable) as caught:
        world.federation.depart(interaction, "ent2", browser=browser.cookie)
    assert caught.value.restart == sign_in_path(interaction)


def test_an_answer_that_a_lax_source_takes_twice_opens_one_session_only(world: World) -> None:
    world.family("500101")
    source = world.upstreams["ent2"]
    source.releases["aline"], source.burns = ref("500101"), False
    browser = world.browser()
    used = source.sign_in(browser.leave("ent2"), "aline")
    browser.arrive("ent2", used)
    fresh = source.sign_in(browser.leave("ent2"), "aline")
    with pytest.raises(AlreadyUsed):
        browser.arrive("ent2", replace(fresh, params={**fresh.params, "ticket": used.params["ticket"]}))
    assert browser.sign_in("ent2", "aline").session
    assert len(world.rows("consumptions")) == 2


def test_an_answer_without_anything_unique_is_refused(world: World) -> None:
    world.family("500101")
    source = world.upstreams["ent2"]
    source.releases["aline"] = ref("500101")
    browser = world.browser()
    answer = source.sign_in(browser.leave("ent2"), "aline")
    source.tickets[""] = "aline"
    with pytest.raises(UpstreamRefused):
        browser.arrive("ent2", replace(answer, params={"state": answer.params["state"]}))


def test_a_connector_that_speaks_for_another_source_is_refused(world: World) -> None:
    world.family("500101")
    source = world.upstreams["ent2"]
    source.releases["aline"], source.authority = ref("500101"), "educonnect"
    with pytest.raises(UpstreamRefused):
        world.browser().sign_in("ent2", "aline")
    source.authority = ""
    assert world.browser().sign_in("ent2", "aline").session


# ---- a proof asked for -------------------------------------------------------------------------------------------


def test_a_proof_that_was_asked_for_must_be_new(world: World) -> None:
    world.family("500101")
    source = world.upstreams["ent2"]
    source.releases["aline"], source.auth_time = ref("500101"), world.clock() - timedelta(minutes=10)
    assert world.browser().sign_in("ent2", "aline").session.authn.auth_time == source.auth_time
    wish = LoginRequest(prompt=frozenset({"login"}))
    with pytest.raises(UpstreamRefused):
        world.browser().sign_in("ent2", "aline", wish)
    assert source.forced
    source.auth_time = world.clock() - timedelta(seconds=30)  # the source's clock is half a minute late
    session = world.browser().sign_in("ent2", "aline", wish).session
    assert session.authn.auth_time == world.clock()


def test_a_login_without_a_time_is_no_fresh_proof_unless_one_was_asked_for(world: World) -> None:
    """The source may have let in whoever sat before its own old session: good enough to enter, not to undo a link."""
    world.family("500101")
    source = world.upstreams["ent2"]
    source.releases["aline"], source.tells_time = ref("500101"), False
    browser = world.browser()
    session = browser.sign_in("ent2", "aline").session
    assert not session.authn.proven
    with pytest.raises(StepUpNeeded):
        world.federation.undo(session, session.account_id, trace="t")
    proven = browser.sign_in("ent2", "aline", LoginRequest(prompt=frozenset({"login"}))).session
    assert proven.authn.proven
    world.federation.undo(proven, proven.account_id, trace="t")


def test_a_known_login_must_carry_its_reference_also_once_its_source_is_set_to_release_none(world: World) -> None:
    """A recycled login name must not open its former holder's account because a setting changed."""
    world.family("500101")
    source = world.upstreams["ent2"]
    source.releases["aline"] = ref("500101")
    world.browser().sign_in("ent2", "aline")
    silent = [
        replace(known, description=replace(known.description, releases_references=False))
        for known in (world.federation.sources.get(name) for name in world.upstreams)
    ]
    world.federation = replace(world.federation, sources=Sources(silent))
    assert world.browser().sign_in("ent2", "aline").session
    source.releases["aline"] = ()
    with pytest.raises(LinkAmbiguous):
        world.browser().sign_in("ent2", "aline")


def test_a_time_of_login_that_lies_ahead_counts_as_now(world: World) -> None:
    world.family("500101")
    source = world.upstreams["ent2"]
    source.releases["aline"], source.auth_time = ref("500101"), world.clock() + timedelta(hours=1)
    assert world.browser().sign_in("ent2", "aline").session.authn.auth_time == world.clock()


# ---- returns that fit nothing ------------------------------------------------------------------------------------


def test_a_return_without_a_state_of_ours_is_no_return(world: World) -> None:
    for params in ({}, {"state": ""}, {"state": new_handle(Handle.STATE)}):
        with pytest.raises(LoginExpired) as caught:
            world.browser().arrive("ent2", Return(params, f"{BASE}/retour/ent2"))
        assert caught.value.restart == "/"


def test_the_state_is_read_where_the_source_says_it_comes_back_and_nowhere_else(world: World) -> None:
    world.family("500101")
    source = world.upstreams["ent2"]
    source.releases["aline"], source.state_parameter = ref("500101"), "etat"
    browser = world.browser()
    answer = source.sign_in(browser.leave("ent2"), "aline")
    with pytest.raises(LoginExpired):
        browser.arrive("ent2", answer)
    assert browser.arrive("ent2", replace(answer, params={**answer.params, "etat": answer.params["state"]})).session


def test_a_login_that_took_too_long_begins_again(world: World) -> None:
    world.family("500101")
    source = world.upstreams["ent2"]
    source.releases["aline"] = ref("500101")
    browser = world.browser()
    answer = source.sign_in(browser.leave("ent2"), "aline")
    world.clock.advance(timedelta(minutes=15))
    with pytest.raises(LoginExpired):
        browser.arrive("ent2", answer)


def test_an_interaction_that_ended_before_its_outing_lets_nobody_in(world: World) -> None:
    world.family("500101")
    source = world.upstreams["ent2"]
    source.releases["aline"] = ref("500101")
    browser = world.browser()
    interaction = browser.begin()
    world.clock.advance(timedelta(minutes=10))
    answer = source.sign_in(world.federation.depart(interaction, "ent2", browser=browser.cookie).url, "aline")
    world.clock.advance(timedelta(minutes=6))
    with pytest.raises(LoginExpired):
        browser.arrive("ent2", answer)


def test_a_record_attached_to_nobody_finds_nobody(world: World) -> None:
    person, _ = add_guardian(world.engine, "500101")
    with world.engine.begin() as conn:
        conn.execute(update(schema.attachments).values(state="proposed"))
    world.upstreams["ent2"].releases["aline"] = ref("500101")
    with pytest.raises(UnknownPerson):
        world.browser().sign_in("ent2", "aline")
    assert person
