"""One logout, seen by the person: each service told, retried, and accounted for on the signed-out page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from broker.domain.audit import Topic
from broker.storage.schema import outbox
from broker.wire.http import FAREWELL_COOKIE, SESSION_COOKIE
from tests.clock import FakeClock
from tests.logouts import GOODBYE, LogoutStand, end_session, is_signed_in, listening, open_logouts, says_goodbye
from tests.oidc_stand import authorize_url
from tests.web_stand import Answer, Client

CAHIER, BOURSES = listening("cahier", front="https://cahier.example/sortie"), listening("bourses")
CONFIRMED = "A confirmé la déconnexion."
WAITING = "N'a pas encore répondu."
UNTOLD = "N'a pas confirmé."
NO_ADDRESS = "Ne peut pas être prévenu."
SHOWN = "Prévenu par cette page."


@pytest.fixture
def stand(sqlite_url: str, clock: FakeClock) -> Iterator[LogoutStand]:
    with open_logouts(sqlite_url, clock, CAHIER, BOURSES) as opened:
        yield opened


def leave(browser: Client) -> Answer:
    answer = browser.post("/deconnexion", {"csrf": browser.get("/deconnexion").token})
    page: Answer = says_goodbye(browser, answer)
    return page


def test_each_service_of_the_visit_is_on_the_page_in_plain_words(stand: LogoutStand) -> None:
    browser = stand.browser("cantine", "cahier", "bourses")
    page = leave(browser)
    assert [words in page.text for words in (WAITING, SHOWN, NO_ADDRESS, CONFIRMED)] == [True, True, True, False]
    assert 'href="/au-revoir"' in page.body, "without a script, a link shows new answers"
    stand.tell()
    page = browser.get("/au-revoir")
    assert [words in page.text for words in (WAITING, CONFIRMED)] == [False, True]
    assert 'href="/au-revoir"' not in page.body
    arabic = browser.get("/au-revoir?lang=ar")
    assert "أكّدت تسجيل الخروج." in arabic.text


def test_a_visit_that_opened_nothing_has_no_receipts(stand: LogoutStand) -> None:
    page = leave(stand.browser())
    assert "Les services de cette visite" not in page.text
    assert "frame-src" not in page.header("Content-Security-Policy")
    assert page.header("Refresh") == ""


def test_a_silent_service_is_tried_again_in_order_and_given_up_after_a_day(stand: LogoutStand) -> None:
    cantine = stand.listeners["cantine"]
    cantine.status = 503
    first = stand.browser("cantine")
    leave(first)
    stand.clock.advance(1)
    second = stand.browser("cantine")
    leave(second)
    assert stand.tell().put_back == 2
    assert len(cantine.told) == 1, "the second waits behind the first"
    assert WAITING in first.get("/au-revoir").text
    cantine.status = 200
    assert stand.tell().told == 0, "not before its time"
    stand.clock.advance(5)
    assert stand.tell().told == 2
    subjects = [stand.read(token)[1]["sid"] for token in cantine.tokens]
    assert subjects[0] == subjects[1] != subjects[2]
    assert CONFIRMED in second.get("/au-revoir").text


def test_after_a_day_it_is_given_up_and_never_counted_as_confirmed(stand: LogoutStand) -> None:
    stand.listeners["cantine"].status = 500
    leave(stand.browser("cantine"))
    stand.tell()
    stand.clock.advance(timedelta(days=1))
    assert stand.tell().told == 1
    (row,) = [row for row in stand.web.world.rows(outbox.name) if row["topic"] == Topic.LOGOUT]
    assert (row["cause"], row["done_at"]) == ("given_up", stand.clock())


def test_a_service_that_refuses_is_said_not_to_have_confirmed(stand: LogoutStand) -> None:
    stand.listeners["cantine"].status = 400
    browser = stand.browser("cantine")
    leave(browser)
    stand.tell()
    stand.clock.advance(60)
    stand.tell()
    assert len(stand.listeners["cantine"].told) == 1
    assert UNTOLD in browser.get("/au-revoir").text


def test_who_signs_in_again_stays_signed_in_at_the_services(stand: LogoutStand) -> None:
    browser = stand.browser()
    before = stand.open(browser)
    stand.clock.advance(60)
    browser.sign_in()
    after = stand.open(browser)
    assert stand.tell().told == 0
    sids = {stand.read(token)[1]["sid"] for token in (before, after)}
    assert len(sids) == 1, "to the service it is the session that it knows"
    end_session(browser, id_token_hint=before)
    assert not is_signed_in(browser), "the ID token of before the second proof still names it"
    stand.tell()
    assert [stand.read(token)[1]["sid"] for token in stand.listeners["cantine"].tokens] == list(sids)


def test_undoing_the_link_that_one_is_here_by_shows_the_receipts_too(stand: LogoutStand) -> None:
    browser = stand.browser("cantine")
    page = browser.get("/acces").body
    account = page.partition("/acces/")[2].partition("/annuler")[0]
    undo = f"/acces/{account}/annuler"
    answer = browser.post(undo, {"csrf": browser.get(undo).token})
    assert WAITING in says_goodbye(browser, answer).text
    assert stand.tell().told == 1


def test_a_post_of_a_service_is_taken_up_by_the_get_that_carries_the_cookie(stand: LogoutStand) -> None:
    browser = stand.browser()
    form = {"id_token_hint": stand.open(browser), "post_logout_redirect_uri": GOODBYE, "state": "s"}
    held = browser.cookies.pop(SESSION_COOKIE)
    kept = browser.post("/end-session", form, Origin="https://cantine.example")
    assert kept.status == 303
    assert kept.location.startswith("/end-session/resume?i=prq_")
    browser.cookies[SESSION_COOKIE] = held
    assert is_signed_in(browser), "a POST without the cookie ends nothing"
    answer = browser.get(kept.location)
    assert says_goodbye(browser, answer).location == f"{GOODBYE}?state=s"
    assert not is_signed_in(browser)
    assert browser.get(kept.location).status == 400, "once"


def test_who_is_signed_out_already_is_led_on_by_a_good_hint(stand: LogoutStand) -> None:
    browser = stand.browser()
    hint = stand.open(browser)
    leave(browser)
    answer = end_session(browser, id_token_hint=hint, post_logout_redirect_uri=GOODBYE, state="s")
    assert (answer.status, answer.location) == (303, f"{GOODBYE}?state=s")
    assert end_session(browser, post_logout_redirect_uri=GOODBYE).location == "/au-revoir"


def test_a_service_learns_the_end_of_a_session_that_another_person_took_over(stand: LogoutStand) -> None:
    browser = stand.browser("cantine")
    before = browser.cookies[SESSION_COOKIE]
    stand.web.knows("enfant", "90")
    browser.sign_in(user="enfant")
    assert browser.cookies[SESSION_COOKIE] != before
    assert stand.tell().told == 1


def test_the_browser_that_signed_out_and_no_other_sees_the_receipts(stand: LogoutStand) -> None:
    browser = stand.browser("cantine")
    page = leave(browser)
    assert WAITING in page.text
    assert set(browser.cookies) >= {FAREWELL_COOKIE}
    assert SESSION_COOKIE not in browser.cookies
    assert WAITING not in stand.web.client().get("/au-revoir").text
    browser.sign_in()
    assert FAREWELL_COOKIE not in browser.cookies, "the next person is not told what the last one used"
    assert WAITING not in browser.get("/au-revoir").text


def test_the_receipts_are_gone_after_minutes(stand: LogoutStand) -> None:
    browser = stand.browser("cantine")
    leave(browser)
    stand.clock.advance(300)
    page = browser.get("/au-revoir")
    assert "Vous êtes déconnecté" in page.text
    assert WAITING not in page.text


def test_what_a_session_granted_is_dead_as_it_ends(stand: LogoutStand) -> None:
    browser = stand.browser("cantine")
    leave(browser)
    answer = browser.get(authorize_url("cantine", scope="openid", prompt="none"))
    assert "error=login_required" in answer.location
