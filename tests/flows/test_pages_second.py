"""Second factors over WSGI on real rows: enrolled when fresh, asked for, shown once; half a login opens nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from broker.domain.people import Profil
from broker.federation import Sources
from broker.wire.http import SESSION_COOKIE
from tests import builders
from tests.clock import FakeClock
from tests.second_factors import HELD, enrol, read_key, show
from tests.web_stand import UAI, Client, WebStand, open_web

FACTOR = re.compile(r'name="moyen" value="([^"]+)"')
STEP = timedelta(seconds=30)


@pytest.fixture
def web(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_web(sqlite_url, clock) as stand:
        stand.add_mother("Léa")
        yield stand


@pytest.fixture
def agent(web: WebStand) -> Client:
    """Somebody signed in who has no second factor yet."""
    browser = web.client()
    browser.sign_in("ent2")
    return browser


def amr_of(web: WebStand, browser: Client) -> list[str]:
    session = web.world.federation.session(browser.cookies.get(SESSION_COOKIE, ""))
    return list(session.authn.amr) if session else []


def again(web: WebStand, clock: FakeClock) -> Client:
    """Another browser of the same person, some steps later."""
    clock.advance(3 * STEP)
    browser = web.client()
    browser.sign_in("ent2")
    return browser


# ---- enrolment ----------------------------------------------------------------------------------------------------


def test_whoever_has_no_factor_is_led_to_enrol_one_and_goes_on_as_proven(
    agent: Client, web: WebStand, clock: FakeClock
) -> None:
    led = agent.get("/second?de=%2Facces")
    assert led.location == "/second/nouveau?de=%2Facces"
    page = agent.get(led.location)
    assert "<svg" in page.body
    held = HELD.search(page.body)
    assert held
    code = read_key(page).code(clock())
    done = agent.post("/second/nouveau", {"csrf": page.token, "cle": held[1], "code": code, "de": "/acces"})
    assert done.location == "/acces"
    assert "otp" in amr_of(web, agent)
    assert [event["action"] for event in web.world.audit() if str(event["action"]).startswith("factor")] == [
        "factor_added",
        "factor_proven",
    ]
    assert [row["kind"] for row in web.world.rows("notices")] == ["factor_added"]


def test_the_key_is_kept_sealed_and_for_its_account_alone(agent: Client, web: WebStand, clock: FakeClock) -> None:
    telephone = enrol(agent, clock())
    (kept,) = web.world.rows("credentials")
    assert telephone.key not in str(kept)
    sealing = web.parts.factors.sealing
    assert sealing.unseal(str(kept["secret"]), str(kept["account_id"])) == telephone.key
    assert sealing.unseal(str(kept["secret"]), "acc_other") == ""


def test_a_login_of_more_than_five_minutes_enrols_nothing(agent: Client, clock: FakeClock) -> None:
    page = agent.get("/second/nouveau")
    held = HELD.search(page.body)
    assert held
    clock.advance(timedelta(minutes=6))
    form = {"csrf": page.token, "cle": held[1], "code": read_key(page).code(clock())}
    assert agent.post("/second/nouveau", form).status == 403
    asked = agent.get("/second/nouveau")
    assert (asked.status, "but=moyens" in asked.body) == (403, True)


def test_whoever_learnt_the_password_adds_no_telephone_beside_the_owners(
    agent: Client, web: WebStand, clock: FakeClock
) -> None:
    enrol(agent, clock())
    thief = again(web, clock)
    assert thief.get("/second/nouveau").location.startswith("/second?de=")
    token = thief.get("/second").token
    assert thief.post("/second/nouveau", {"csrf": token, "code": "123456"}).location.startswith("/second?de=")
    assert len(web.world.rows("credentials")) == 1


def test_a_key_shown_to_one_session_is_kept_by_no_other(agent: Client, web: WebStand, clock: FakeClock) -> None:
    page = agent.get("/second/nouveau")
    held = HELD.search(page.body)
    assert held
    web.world.family("600600", uai="0990002B")
    web.knows("autre", "600600")
    other = web.client()
    other.sign_in(user="autre")
    form = {"csrf": other.get("/second/nouveau").token, "cle": held[1], "code": read_key(page).code(clock())}
    assert other.post("/second/nouveau", form).status == 400
    assert web.world.rows("credentials") == []


def test_a_second_telephone_is_added_by_the_first_and_one_of_both_removed(
    agent: Client, web: WebStand, clock: FakeClock
) -> None:
    enrol(agent, clock())
    assert FACTOR.findall(agent.get("/second").body) == []
    clock.advance(STEP)
    enrol(agent, clock())
    page = agent.get("/second")
    first, second = FACTOR.findall(page.body)
    removed = agent.post("/second/retirer", {"csrf": page.token, "moyen": first})
    assert removed.location == "/second?fait=retire"
    assert "Ce moyen est retiré." in agent.get(removed.location).body
    assert agent.post("/second/retirer", {"csrf": page.token, "moyen": second}).status == 409


# ---- proof --------------------------------------------------------------------------------------------------------


def test_a_right_code_replaces_the_session_within_the_same_visit(
    agent: Client, web: WebStand, clock: FakeClock
) -> None:
    telephone = enrol(agent, clock())
    browser = again(web, clock)
    before = browser.cookies[SESSION_COOKIE]
    was = web.world.federation.session(before)
    assert show(browser, telephone.code(clock()), onward="/acces").location == "/acces"
    now = web.world.federation.session(browser.cookies[SESSION_COOKIE])
    assert was is not None
    assert now is not None
    assert (now.visit, now.sid != was.sid, now.ends_at <= was.ends_at) == (was.visit, True, True)
    assert now.authn.auth_time == was.authn.auth_time
    assert web.world.federation.session(before) is None


def test_a_code_that_was_used_is_worth_nothing(agent: Client, web: WebStand, clock: FakeClock) -> None:
    telephone = enrol(agent, clock())
    first, second = again(web, clock), web.client()
    second.sign_in("ent2")
    code = telephone.code(clock())
    assert show(first, code).status == 303
    assert show(second, code).status == 403
    assert "otp" not in amr_of(web, second)
    clock.advance(STEP)
    assert show(second, telephone.code(clock())).status == 303


def test_the_code_of_the_enrolment_is_used_too(agent: Client, web: WebStand, clock: FakeClock) -> None:
    telephone = enrol(agent, clock())
    code = telephone.code(clock())
    other = web.client()
    other.sign_in("ent2")
    assert show(other, code).status == 403


@pytest.mark.parametrize(("ahead", "status"), [(-2, 403), (-1, 303), (0, 303), (1, 303), (2, 403)])
def test_a_telephone_may_be_one_step_behind_or_ahead(
    agent: Client, web: WebStand, clock: FakeClock, ahead: int, status: int
) -> None:
    telephone = enrol(agent, clock())
    clock.advance(5 * STEP)
    browser = again(web, clock)
    assert show(browser, telephone.code(clock(), ahead=ahead)).status == status


@pytest.mark.parametrize("typed", ["000000", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "' OR 1=1"])
def test_what_is_no_code_of_this_telephone_proves_nothing(
    agent: Client, web: WebStand, clock: FakeClock, typed: str
) -> None:
    enrol(agent, clock())
    browser = again(web, clock)
    assert show(browser, typed).status == 403
    assert "otp" not in amr_of(web, browser)


def test_guesses_are_slowed_down_also_from_other_browsers(agent: Client, web: WebStand, clock: FakeClock) -> None:
    telephone = enrol(agent, clock())
    browsers = [again(web, clock) for _ in range(2)]
    for place in range(5):
        assert show(browsers[place % 2], "000000").status == 403
    waited = show(browsers[0], telephone.code(clock()))
    assert (waited.status, bool(waited.header("Retry-After"))) == (429, True)
    clock.advance(timedelta(seconds=31))
    assert show(browsers[1], telephone.code(clock())).status == 303


def test_nobody_proves_by_the_telephone_of_somebody_else(agent: Client, web: WebStand, clock: FakeClock) -> None:
    enrol(agent, clock())
    web.world.family("600600", uai="0990002B")
    web.knows("autre", "600600")
    other = web.client()
    other.sign_in(user="autre")
    theirs = enrol(other, clock())
    clock.advance(3 * STEP)
    assert show(again(web, clock), theirs.code(clock())).status == 403


def test_a_planted_session_gains_nothing_by_what_its_owner_proves(
    agent: Client, web: WebStand, clock: FakeClock
) -> None:
    telephone = enrol(agent, clock())
    browser = again(web, clock)
    planted = web.client(cookies=dict(browser.cookies))
    show(browser, telephone.code(clock()))
    assert amr_of(web, planted) == []
    assert "Vos enfants" not in planted.get("/").body


def test_services_are_told_of_no_end_that_did_not_happen(agent: Client, web: WebStand, clock: FakeClock) -> None:
    enrol(agent, clock())
    assert [row for row in web.world.rows("outbox") if row["topic"] == "logout"] == []


# ---- half a login -------------------------------------------------------------------------------------------------


@pytest.fixture
def staff(web: WebStand) -> Client:
    """A teacher who comes in by a source of ours that lets staff in by a second factor alone."""
    with web.world.engine.begin() as conn:
        _, record = builders.add_staff(conn, "700700")
        builders.add_post(conn, record, UAI, profil=Profil.ENSEIGNANT)
    web.knows("prof", "700700")
    federation = web.world.federation
    changed = [
        replace(source, description=replace(source.description, second_for_staff=True))
        for source in map(federation.sources.get, web.world.upstreams)
    ]
    federation.sources._by_id.update(Sources(changed)._by_id)
    browser = web.client()
    browser.sign_in("ent2", user="prof")
    return browser


PAGES = ("/pourquoi", "/acces", "/donnees", "/donnees/export", "/appareils", "/passages", "/device")


def test_half_a_login_of_staff_is_led_to_the_second_factor(web: WebStand, staff: Client, clock: FakeClock) -> None:
    clock.advance(timedelta(minutes=1))
    back = staff.sign_in("ent2", user="prof")
    assert back.location == "/second?de=%2Facces"


@pytest.mark.parametrize("path", PAGES)
def test_half_a_login_opens_no_page(staff: Client, path: str) -> None:
    led = {"/device": "/connexion?but=ecran"}.get(path, f"/second?de={path.replace('/', '%2F')}")
    assert staff.get(path).location == led


def test_half_a_login_opens_no_service_and_is_in_no_list(staff: Client, web: WebStand) -> None:
    assert "Espace professionnel" not in staff.get("/").body
    assert web.world.federation.session(staff.cookies[SESSION_COOKIE]) is None
    asked = staff.get("/start/cantine")
    assert "code=" not in asked.location


def test_half_a_login_becomes_whole_by_enrolling_or_by_a_code(staff: Client, web: WebStand, clock: FakeClock) -> None:
    telephone = enrol(staff, clock())
    assert "Espace professionnel" in staff.get("/").body
    assert "half" not in amr_of(web, staff)
    clock.advance(3 * STEP)
    browser = web.client()
    browser.sign_in("ent2", user="prof")
    assert "Espace professionnel" not in browser.get("/").body
    assert show(browser, telephone.code(clock())).status == 303
    assert "Espace professionnel" in browser.get("/").body


def test_half_a_login_can_be_signed_out(staff: Client, web: WebStand) -> None:
    left = staff.post("/deconnexion", {"csrf": staff.get("/deconnexion").token})
    assert left.location == "/au-revoir"
    assert all(row["revoked_at"] for row in web.world.rows("sessions"))


def test_a_parent_by_the_same_source_needs_no_second_factor(web: WebStand, staff: Client) -> None:
    mother = web.client()
    assert mother.sign_in("ent2").location == "/acces"
    assert "Vos enfants" in mother.get("/").body
