"""The OpenID Foundation's plans for RP-initiated, back-channel and front-channel logout, module by module."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.clock import FakeClock
from tests.logouts import GOODBYE, LogoutStand, end_session, is_signed_in, listening, open_logouts, says_goodbye
from tests.oidc_stand import authorize_url
from tests.oidf_plans import BACK_CHANNEL as BACK
from tests.oidf_plans import FRONT_CHANNEL as FRONT
from tests.oidf_plans import RP_LOGOUT as RP
from tests.oidf_plans import module
from tests.web_stand import BASE

SIGNED_OUT = "Vous êtes déconnecté"
FRAMED = listening("cahier", front="https://cahier.example/sortie?de=preau")


@pytest.fixture
def stand(sqlite_url: str, clock: FakeClock) -> Iterator[LogoutStand]:
    with open_logouts(sqlite_url, clock, FRAMED) as opened:
        yield opened


def metadata(stand: LogoutStand) -> dict[str, object]:
    found: dict[str, object] = json.loads(stand.web.client().get("/.well-known/openid-configuration").body)
    return found


@module(RP, "oidcc-rp-initiated-logout-discovery-endpoint-verification")
@pytest.mark.spec("RP-Initiated Logout §2.1")
def test_the_logout_endpoint_is_published(stand: LogoutStand) -> None:
    assert metadata(stand)["end_session_endpoint"] == f"{BASE}/end-session"


@module(RP, "oidcc-rp-initiated-logout")
@pytest.mark.spec("RP-Initiated Logout §2")
def test_a_service_ends_the_session_and_the_browser_comes_back_to_it(stand: LogoutStand) -> None:
    browser = stand.browser()
    hint = stand.open(browser)
    answer = end_session(browser, id_token_hint=hint, post_logout_redirect_uri=GOODBYE, state="a b&c")
    assert answer.header("Clear-Site-Data") == '"cache", "storage"'
    assert says_goodbye(browser, answer).location == f"{GOODBYE}?state=a+b%26c"
    assert not is_signed_in(browser)
    silent = browser.get(authorize_url("cantine", scope="openid", prompt="none"))
    assert dict(parse_qsl(urlsplit(silent.location).query))["error"] == "login_required"


@module(RP, "oidcc-rp-initiated-logout-no-state")
def test_without_a_state_nothing_is_added_to_the_address(stand: LogoutStand) -> None:
    browser = stand.browser()
    answer = end_session(browser, id_token_hint=stand.open(browser), post_logout_redirect_uri=GOODBYE)
    assert says_goodbye(browser, answer).location == GOODBYE


@pytest.mark.parametrize(
    "uri",
    [
        pytest.param(
            "https://cantine.example/autre",
            marks=module(RP, "oidcc-rp-initiated-logout-bad-post-logout-redirect-uri"),
        ),
        pytest.param(
            GOODBYE + "?foo=bar",
            marks=module(RP, "oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri"),
        ),
    ],
)
def test_an_address_that_is_not_registered_is_not_gone_to(stand: LogoutStand, uri: str) -> None:
    browser = stand.browser()
    answer = end_session(browser, id_token_hint=stand.open(browser), post_logout_redirect_uri=uri, state="s")
    page = says_goodbye(browser, answer)
    assert (page.status, SIGNED_OUT in page.text) == (200, True)
    assert not is_signed_in(browser)


def unsigned(token: str) -> str:
    header = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    return f"{header}.{token.split('.')[1]}."


def of_another_issuer(token: str) -> str:
    head, claims, signature = token.split(".")
    told = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))) | {"iss": "https://autre.example"}
    return f"{head}.{base64.urlsafe_b64encode(json.dumps(told).encode()).rstrip(b'=').decode()}.{signature}"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(unsigned, marks=module(RP, "oidcc-rp-initiated-logout-modified-id-token-hint")),
        pytest.param(of_another_issuer, marks=module(RP, "oidcc-rp-initiated-logout-bad-id-token-hint")),
        pytest.param(lambda token: "", marks=module(RP, "oidcc-rp-initiated-logout-no-id-token-hint")),
    ],
)
def test_without_a_hint_of_ours_the_person_is_asked_and_stays_here(stand: LogoutStand, change) -> None:  # type: ignore[no-untyped-def]
    browser = stand.browser()
    hint = change(stand.open(browser))
    answer = end_session(browser, id_token_hint=hint, post_logout_redirect_uri=GOODBYE, state="s")
    assert (answer.status, answer.location) == (303, "/deconnexion")
    assert is_signed_in(browser)
    left = browser.post("/deconnexion", {"csrf": browser.get("/deconnexion").token})
    assert SIGNED_OUT in says_goodbye(browser, left).text


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param({}, marks=module(RP, "oidcc-rp-initiated-logout-no-params")),
        pytest.param({"state": "s"}, marks=module(RP, "oidcc-rp-initiated-logout-only-state")),
    ],
)
def test_a_bare_request_asks(stand: LogoutStand, parameters: dict[str, str]) -> None:
    browser = stand.browser("cantine")
    answer = end_session(browser, **parameters)
    assert (answer.status, answer.location) == (303, "/deconnexion")
    assert is_signed_in(browser)


@module(RP, "oidcc-rp-initiated-logout-no-post-logout-redirect-uri")
def test_without_an_address_the_session_ends_on_our_page(stand: LogoutStand) -> None:
    browser = stand.browser()
    answer = end_session(browser, id_token_hint=stand.open(browser), state="s")
    assert SIGNED_OUT in says_goodbye(browser, answer).text
    assert not is_signed_in(browser)


@module(BACK, "oidcc-backchannel-logout-discovery-endpoint-verification")
def test_back_channel_logout_is_published(stand: LogoutStand) -> None:
    told = metadata(stand)
    assert told["backchannel_logout_supported"] is True
    assert told["backchannel_logout_session_supported"] is True


@module(BACK, "oidcc-backchannel-rp-initiated-logout")
@pytest.mark.spec("Back-Channel Logout §2.4")
def test_a_service_is_told_by_a_logout_token(stand: LogoutStand) -> None:
    browser = stand.browser()
    hint = stand.open(browser)
    _, opened = stand.read(hint)
    end_session(browser, id_token_hint=hint, post_logout_redirect_uri=GOODBYE)
    assert stand.tell().told == 1
    (asked,) = stand.listeners["cantine"].told
    assert (asked.method, asked.headers["content-type"]) == ("POST", "application/x-www-form-urlencoded")
    header, claims = stand.read(stand.listeners["cantine"].tokens[0])
    assert (header["typ"], header["alg"]) == ("logout+jwt", "ES256")
    assert (claims["iss"], claims["aud"], claims["sub"], claims["sid"]) == (
        BASE, "cantine", opened["sub"], opened["sid"],
    )  # fmt: skip
    assert claims["events"] == {"http://schemas.openid.net/event/backchannel-logout": {}}
    assert claims["iat"] == int(stand.clock().timestamp())
    assert claims["exp"] - claims["iat"] == 120
    assert len(claims["jti"]) >= 22
    assert "nonce" not in claims


@module(FRONT, "oidcc-frontchannel-logout-discovery-endpoint-verification")
def test_front_channel_logout_is_published(stand: LogoutStand) -> None:
    told = metadata(stand)
    assert told["frontchannel_logout_supported"] is True
    assert told["frontchannel_logout_session_supported"] is True


@module(FRONT, "oidcc-frontchannel-rp-initiated-logout")
@pytest.mark.spec("Front-Channel Logout §3")
def test_a_service_is_framed_by_the_signed_out_page_before_the_browser_goes_on(stand: LogoutStand) -> None:
    browser = stand.browser("cantine")
    hint = stand.open(browser, "cahier")
    _, opened = stand.read(hint)
    uri = "https://cahier.example/au-revoir"
    page = says_goodbye(browser, end_session(browser, id_token_hint=hint, post_logout_redirect_uri=uri, state="s"))
    (frame,) = [part.partition('"')[0] for part in page.text.split('<iframe hidden src="')[1:]]
    assert frame.startswith("https://cahier.example/sortie?de=preau&")
    told = dict(parse_qsl(urlsplit(frame).query))
    assert told == {"de": "preau", "iss": BASE, "sid": opened["sid"]}
    assert "frame-src https://cahier.example;" in page.header("Content-Security-Policy")
    assert page.header("Refresh") == f"3; url={uri}?state=s"
    assert f'href="{uri}?state=s"' in page.text
