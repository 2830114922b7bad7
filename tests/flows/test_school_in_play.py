"""Another school for the same person at a service: its session of the first is ended, the visit here goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from lxml import etree

from broker.domain.cas import CasClient
from broker.domain.release_rules import AttributeRule, ReleaseRules
from broker.domain.services import ClaimName, Protocol, Service
from tests import builders
from tests.clock import FakeClock
from tests.federations import BASE
from tests.flows.test_cas_logout import index_told
from tests.logouts import LogoutStand, end_session, is_signed_in, open_logouts
from tests.oidc_stand import VERIFIER, authorize_url, basic, challenge_of
from tests.saml_party import Message, Party, logout_message
from tests.saml_posts import SAMLP, Assertion, assertion_in
from tests.web_stand import KEY, UAI, Client

OTHER = "0990002Y"
ELSEWHERE = "0990003X"
SCOPED = frozenset({"kne", "cantine", "biblio"})
RETURN = "https://cantine.example/retour"


def scoped(service: Service) -> Service:
    """The service, told of one school at a time, and that it may know which."""
    named = AttributeRule(ClaimName.UAI, "uai", frozenset({Protocol.SAML}))
    parties = tuple(
        replace(party, scopes=("openid", "school"), redirect_uris=(*party.redirect_uris, f"{RETURN}?UAI={OTHER}"))
        for party in service.parties
    )
    rules = ReleaseRules(school_parameter="UAI", attributes=(named,))
    return replace(service, release=rules, claims=(ClaimName.UAI,), parties=parties)


@pytest.fixture
def stand(sqlite_url: str, clock: FakeClock) -> Iterator[LogoutStand]:
    heard = {"heard": ("cantine", "bourses"), "by_cas": ("kne", "notes"), "by_saml": ("biblio", "cdi")}
    with open_logouts(sqlite_url, clock, **heard) as opened:
        register = opened.web.register.current()
        services = tuple(scoped(each) if each.service_id in SCOPED else each for each in register.all())
        opened.web.register.value = type(register)(services)
        with opened.web.world.engine.begin() as conn:
            builders.add_school(conn, OTHER)
            _, pupil = builders.add_pupil(conn, "99", given="Tom")
            builders.add_guardianship(conn, f"{builders.FEED_2D}:{KEY}", pupil)
            builders.enrol(conn, pupil, OTHER)
        yield opened


def enter(stand: LogoutStand, browser: Client, school: str = "") -> str:
    service = stand.web.register.current().by_client("cas:kne")
    assert service is not None
    assert isinstance(service.cas, CasClient)
    address = service.cas.services[0] + (f"?UAI={school}" if school else "")
    asked = urlencode({"service": address})
    ticket = dict(parse_qsl(urlsplit(browser.get(f"/cas/login?{asked}").location).query))["ticket"]
    assert "authenticationSuccess" in stand.web.client().get(f"/cas/serviceValidate?{asked}&ticket={ticket}").body
    return ticket


def test_the_session_of_the_other_school_is_ended_and_nobody_signs_in_again(stand: LogoutStand) -> None:
    browser = stand.browser()
    first = enter(stand, browser, UAI)
    stand.enter(browser, "notes")
    second = enter(stand, browser, OTHER)
    stand.tell()
    assert index_told(stand, "kne") == [first]
    assert index_told(stand, "notes") == []
    assert is_signed_in(browser)
    browser.get("/cas/logout")
    stand.tell()
    assert index_told(stand, "kne") == [first, second]


@pytest.mark.parametrize("schools", [(UAI, UAI), (UAI, ""), ("", "")])
def test_the_same_school_again_or_none_ends_nothing(stand: LogoutStand, schools: tuple[str, str]) -> None:
    browser = stand.browser()
    for school in schools:
        enter(stand, browser, school)
    stand.tell()
    assert index_told(stand, "kne") == []


def test_another_browser_of_the_person_is_left_alone(stand: LogoutStand) -> None:
    here, there = stand.browser(), stand.browser()
    enter(stand, here, UAI)
    enter(stand, there, OTHER)
    stand.tell()
    assert index_told(stand, "kne") == []


def ask(browser: Client, **changes: str) -> dict[str, str]:
    """What the service is answered to a request for the school that `UAI` names."""
    wanted = {"scope": "openid school", "code_challenge": challenge_of(VERIFIER), **changes}
    return dict(parse_qsl(urlsplit(browser.get(authorize_url("cantine", **wanted)).location).query))


def connect(stand: LogoutStand, browser: Client, school: str = "", **changes: str) -> dict[str, Any]:
    """Open the service by OpenID Connect; the tokens that it gets."""
    code = ask(browser, **({"UAI": school} if school else {}), **changes)["code"]
    form = {
        "grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER,
        "redirect_uri": changes.get("redirect_uri", RETURN),
    }  # fmt: skip
    answer = stand.web.client().send("POST", "/token", form=form, headers=basic("cantine"))
    tokens: dict[str, Any] = json.loads(answer.body)
    return tokens


def told_schools(stand: LogoutStand, tokens: dict[str, Any]) -> Any:
    """The schools that userinfo tells; None: the token is dead."""
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    answer = stand.web.client().send("GET", "/userinfo", headers=bearer)
    return json.loads(answer.body).get("uai", []) if answer.status == HTTPStatus.OK else None


def sid_of(stand: LogoutStand, tokens: dict[str, Any]) -> Any:
    return stand.read(tokens["id_token"])[1]["sid"]


def logouts_told(stand: LogoutStand, name: str = "cantine") -> list[dict[str, Any]]:
    stand.tell()
    return [stand.read(token)[1] for token in stand.listeners[name].tokens]


def test_the_next_authorization_tells_of_the_new_school_and_ends_what_the_other_gave(stand: LogoutStand) -> None:
    browser = stand.browser("bourses")
    first = connect(stand, browser, UAI)
    assert told_schools(stand, first) == [UAI]
    second = connect(stand, browser, OTHER)
    assert (told_schools(stand, first), told_schools(stand, second)) == (None, [OTHER])
    assert sid_of(stand, first) != sid_of(stand, second)
    (told,) = logouts_told(stand)
    assert told["sid"] == sid_of(stand, first)
    assert "sub" not in told, "a name would mean the session of the new school too"
    assert logouts_told(stand, "bourses") == []
    assert is_signed_in(browser)


def test_the_end_of_the_visit_tells_the_session_that_stands_by_name_and_sid(stand: LogoutStand) -> None:
    browser = stand.browser()
    first, second = connect(stand, browser, UAI), connect(stand, browser, OTHER)
    end_session(browser, id_token_hint=second["id_token"])
    told = logouts_told(stand)
    assert [each["sid"] for each in told] == [sid_of(stand, first), sid_of(stand, second)]
    assert ["sub" in each for each in told] == [False, True]
    assert not is_signed_in(browser), "the hint of one school names the visit"


def test_the_redirect_uri_names_the_school_as_an_address_does_in_cas(stand: LogoutStand) -> None:
    tokens = connect(stand, stand.browser(), redirect_uri=f"{RETURN}?UAI={OTHER}")
    assert told_schools(stand, tokens) == [OTHER]


@pytest.mark.parametrize(
    "changes",
    [
        {"UAI": ELSEWHERE},
        {"UAI": "college"},
        {"UAI": UAI, "redirect_uri": f"{RETURN}?UAI={OTHER}"},
    ],
)
def test_a_school_that_is_none_of_the_persons_or_two_of_them_give_no_code(
    stand: LogoutStand, changes: dict[str, str]
) -> None:
    browser = stand.browser()
    assert ask(browser, **changes)["error"] == "access_denied"
    assert "code" in ask(browser, UAI=UAI), "but one of theirs does"


@pytest.mark.parametrize("schools", [(UAI, UAI), (UAI, ""), ("", OTHER)])
def test_the_same_school_again_or_one_not_named_ends_no_token(stand: LogoutStand, schools: tuple[str, str]) -> None:
    browser = stand.browser()
    first, second = (connect(stand, browser, school) for school in schools)
    assert (told_schools(stand, first), told_schools(stand, second)) == tuple(
        [school] if school else [] for school in schools
    )
    assert logouts_told(stand) == []


def test_a_token_of_another_browser_lives_on(stand: LogoutStand) -> None:
    here, there = stand.browser(), stand.browser()
    first = connect(stand, here, UAI)
    connect(stand, there, OTHER)
    assert told_schools(stand, first) == [UAI]
    assert logouts_told(stand) == []


def test_a_service_that_is_told_of_every_school_ignores_the_parameter(stand: LogoutStand) -> None:
    browser = stand.browser()
    told = (
        stand.read(stand.open(browser, "bourses", UAI=UAI))[1],
        stand.read(stand.open(browser, "bourses", UAI=OTHER))[1],
    )
    assert told[0]["sid"] == told[1]["sid"]
    assert logouts_told(stand, "bourses") == []


def arrive(stand: LogoutStand, browser: Client, school: str) -> Assertion:
    """Open the service by SAML, led back to an address that names the school."""
    asked = Message(Party("biblio", BASE), now=stand.clock())
    back = f"https://biblio.example/?UAI={school}" if school else ""
    return assertion_in(browser.get(f"{asked.path}?{asked.redirect(relay_state=back)}").body)


def sessions_told(stand: LogoutStand) -> list[str | None]:
    """The SessionIndex of each logout that the SAML service was told."""
    stand.tell()
    heard = (etree.fromstring(asked.body.encode()) for asked in stand.listeners["biblio"].told)
    return [each.findtext(f".//{SAMLP}SessionIndex") for each in heard]


def test_a_new_assertion_is_of_the_new_school_and_the_session_of_the_other_is_ended(stand: LogoutStand) -> None:
    browser = stand.browser()
    stand.arrive(browser, "cdi")
    first, second = arrive(stand, browser, UAI), arrive(stand, browser, OTHER)
    assert (first.told["uai"], second.told["uai"]) == ([UAI], [OTHER])
    assert sessions_told(stand) == [first.index]
    assert stand.listeners["cdi"].told == []
    assert is_signed_in(browser)
    end_session(browser, id_token_hint=stand.open(browser, "bourses"))
    assert sessions_told(stand) == [first.index, second.index]


def test_the_same_school_again_ends_no_session_of_saml(stand: LogoutStand) -> None:
    browser = stand.browser()
    for school in (UAI, UAI, ""):
        arrive(stand, browser, school)
    assert sessions_told(stand) == []


def test_a_saml_service_ends_the_visit_by_the_index_of_one_school(stand: LogoutStand) -> None:
    browser = stand.browser()
    told = arrive(stand, browser, OTHER)
    party = Party("biblio", BASE)
    asked = logout_message(party, told.name, told.index, now=stand.clock())
    browser.get(f"{asked.path}?{asked.redirect(key=party.key)}")
    assert not is_signed_in(browser)
