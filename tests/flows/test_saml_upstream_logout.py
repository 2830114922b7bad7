"""Single logout with a SAML source on the whole application, both ways; `FrEduUrlRetour` at allowed hosts alone."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from lxml import etree

from broker.app import Broker
from broker.demo.saml_wire import Key, logout_response, signed_redirect
from broker.wire.http import SESSION_COOKIE
from broker.wire.saml import decode_redirect, names, verify_redirect, verifying_key
from tests import builders
from tests.clock import FakeClock
from tests.oidc_stand import Answer, Browser
from tests.saml_peer import Pair, pair
from tests.saml_sources import PROVIDER, SLO, answer_xml, form, question, token_of, told_to, write_source
from tests.whole_app import ISSUER, call, open_app

OURS = f"{ISSUER}/saml/sp/essai/slo"
CHAIN = "https://idp.example/Logout?return=https%3A%2F%2Fidp.example%2Ffin"
DONE = "Terminé là aussi."


@dataclass
class Stand:
    broker: Broker
    clock: FakeClock
    browser: Browser = field(default_factory=Browser)

    def get(self, path: str) -> Answer:
        return call(self.broker, "GET", path.removeprefix(ISSUER), self.browser)

    def sign_in(self, *more: tuple[str, tuple[str, ...]]) -> None:
        page = self.get("/connexion").body.decode()
        sent = {"csrf": token_of(page), "source": "essai", "device": "shared"}
        request, state = question(call(self.broker, "POST", "/connexion", self.browser, form=sent).location)
        attributes = (("FrEduCtId", ("9f3c",)), ("FrEduCtRefId", ("{AAF}99|x|500101",)), *more)
        xml = answer_xml(told_to(request, self.clock(), attributes=attributes))
        posted = call(self.broker, "POST", "/saml/sp/essai/acs", Browser(), form=form(xml, state))
        self.get(posted.location)
        assert self.is_signed_in

    @property
    def is_signed_in(self) -> bool:
        return SESSION_COOKIE in self.browser.cookies and self.get("/acces").status == 200

    def sign_out(self) -> Answer:
        """Sign out, and go where the page leads."""
        token = token_of(self.get("/deconnexion").body.decode())
        call(self.broker, "POST", "/deconnexion", self.browser, form={"csrf": token})
        assert not self.is_signed_in
        page = self.get("/au-revoir")
        assert page.headers.get("refresh", "") == "3; url=/au-revoir/essai"
        return self.get("/au-revoir/essai")


@contextmanager
def open_stand(folder: Path, clock: FakeClock, *, slo: str = SLO, more: str = "") -> Iterator[Stand]:
    settings = f'profile = "educonnect"\nreleases_references = true\nfeeds = ["99-2d"]\n{more}'
    clock.set(builders.NOW)
    with open_app(folder, clock, sources=write_source(folder, more=settings, slo=slo)) as broker:
        with broker.stores.engine.begin() as conn:
            builders.add_school(conn, "0990001A")
            _, mother = builders.add_guardian(conn, "500101")
            _, child = builders.add_pupil(conn, "9500101", given="Léa")
            builders.add_guardianship(conn, mother, child)
            builders.enrol(conn, child, "0990001A")
        yield Stand(broker, clock)


@pytest.fixture
def stand(tmp_path: Path, clock: FakeClock) -> Iterator[Stand]:
    with open_stand(tmp_path, clock) as opened:
        yield opened


def key(of: Pair) -> Key:
    return Key(of.pem, of.certificate)


def message(url: str, parameter: str) -> tuple[etree._Element, str]:
    """What an address carries, verified as ours."""
    came = decode_redirect(url.partition("?")[2], parameter)
    root = names.samlp("LogoutRequest" if parameter == "SAMLRequest" else "LogoutResponse")
    return verify_redirect(came, (verifying_key(pair("sp").der),), root).element, came.relay_state


def answer_to(url: str, now: float, *, by: str = "idp", **changes: str) -> str:
    """The provider's answer to our request."""
    request, state = message(url, "SAMLRequest")
    said = {"issuer": PROVIDER, "to": OURS, "reply": request.get("ID", ""), "state": state, **changes}
    xml = logout_response(said["issuer"], said["to"], in_response_to=said["reply"], now=now)
    return signed_redirect(OURS, "SAMLResponse", xml, relay_state=said["state"], key=key(pair(by)))


@pytest.mark.spec("SAML Profiles §4.4")
def test_a_sign_out_ends_the_provider_s_session_and_the_page_says_so(stand: Stand) -> None:
    stand.sign_in()
    away = stand.sign_out().location
    request, _ = message(away, "SAMLRequest")
    assert away.startswith(f"{SLO}?")
    name = request.find(names.saml("NameID"))
    assert name is not None
    assert (name.text, request.findtext(names.samlp("SessionIndex"))) == ("sujet-1", "_s1")
    assert request.get("Destination") == SLO
    assert stand.get(answer_to(away, stand.clock().timestamp())).location == "/au-revoir"
    assert DONE in stand.get("/au-revoir").body.decode()


@pytest.mark.parametrize(
    "spoilt",
    [
        {"by": "other"},
        {"issuer": "https://autre.example"},
        {"to": "https://autre.example/slo"},
        {"reply": "_autre"},
        {"state": "pst_" + "x" * 43},
    ],
)
def test_an_answer_that_is_not_the_provider_s_to_this_browser_tells_nothing(
    stand: Stand, spoilt: dict[str, str]
) -> None:
    stand.sign_in()
    away = stand.sign_out().location
    stand.get(answer_to(away, stand.clock().timestamp(), **spoilt))
    assert DONE not in stand.get("/au-revoir").body.decode()


@pytest.mark.parametrize(
    ("address", "hosts", "leads"),
    [
        (CHAIN, "", True),
        (CHAIN, 'logout_hosts = ["autre.example"]', False),
        ("https://autre.example/Logout", 'logout_hosts = ["autre.example"]', True),
        ("https://autre.example/Logout", "", False),
        ("http://idp.example/Logout", "", False),
        ("https://idp.example@autre.example/Logout", "", False),
        ("https://u@idp.example/Logout", "", False),
        ("https://idp.example.autre.example/", "", False),
        ("https://autre.example\\@idp.example/", "", False),
        ("javascript:alert(1)//idp.example", "", False),
    ],
)
def test_the_address_that_educonnect_states_is_followed_at_allowed_hosts_alone(
    tmp_path: Path, clock: FakeClock, address: str, hosts: str, leads: bool
) -> None:
    with open_stand(tmp_path, clock, more=hosts) as stand:
        stand.sign_in(("urn:oid:1.3.6.1.4.1.20326.10.999.1.5", (address,)))
        away = stand.sign_out().location
    assert away == address if leads else away.startswith(f"{SLO}?")


def theirs(now: Any, **changes: Any) -> str:
    """A logout request of the provider, and what is wrong with it."""
    said = {
        "issuer": PROVIDER, "to": OURS, "at": now, "until": now + timedelta(minutes=5), "name": "sujet-1",
        "index": "_s1", "by": "idp", **changes,
    }  # fmt: skip
    xml = (
        f'<samlp:LogoutRequest xmlns:samlp="{names.SAMLP}" xmlns:saml="{names.SAML}" ID="_fin" Version="2.0"'
        f' IssueInstant="{said["at"]:%Y-%m-%dT%H:%M:%SZ}" Destination="{said["to"]}"'
        f' NotOnOrAfter="{said["until"]:%Y-%m-%dT%H:%M:%SZ}"><saml:Issuer>{said["issuer"]}</saml:Issuer>'
        f'<saml:NameID Format="{names.PERSISTENT}">{said["name"]}</saml:NameID>'
        f"<samlp:SessionIndex>{said['index']}</samlp:SessionIndex></samlp:LogoutRequest>"
    )
    return signed_redirect(OURS, "SAMLRequest", xml, relay_state="etat", key=key(pair(said["by"])))


def follow(stand: Stand, answer: Answer) -> str:
    """To the provider, over our page if it has something to tell first."""
    return answer.location if answer.location != "/au-revoir" else stand.get("/au-revoir").location


@pytest.mark.spec("SAML Profiles §4.4.3.1")
def test_the_provider_ends_the_session_here_and_is_answered(stand: Stand) -> None:
    stand.sign_in()
    away = follow(stand, stand.get(theirs(stand.clock())))
    answer, state = message(away, "SAMLResponse")
    assert (state, answer.get("InResponseTo"), answer.get("Destination")) == ("etat", "_fin", SLO)
    assert [each.get("Value") for each in answer.iter(names.samlp("StatusCode"))] == [names.SUCCESS]
    assert not stand.is_signed_in


@pytest.mark.parametrize("other", [{"name": "sujet-2"}, {"index": "_s2"}])
def test_a_request_for_somebody_else_ends_nothing(stand: Stand, other: dict[str, str]) -> None:
    stand.sign_in()
    away = stand.get(theirs(stand.clock(), **other)).location
    answer, _ = message(away, "SAMLResponse")
    assert next(answer.iter(names.samlp("StatusCode"))).get("Value") == names.REQUESTER
    assert stand.is_signed_in


@pytest.mark.parametrize(
    "spoilt",
    [
        {"by": "other"},
        {"issuer": "https://autre.example"},
        {"to": "https://autre.example/slo"},
        {"at": -timedelta(minutes=11)},
        {"at": timedelta(minutes=4)},
        {"until": -timedelta(minutes=4)},
    ],
)
def test_a_request_that_is_not_the_provider_s_own_for_us_now_ends_nothing(stand: Stand, spoilt: dict[str, Any]) -> None:
    stand.sign_in()
    now = stand.clock()
    changes = {name: now + value if isinstance(value, timedelta) else value for name, value in spoilt.items()}
    assert stand.get(theirs(now, **changes)).status in {303, 400, 502}
    assert stand.is_signed_in


def test_nobody_is_left_to_sign_out_and_the_provider_is_answered_all_the_same(stand: Stand) -> None:
    away = stand.get(theirs(stand.clock())).location
    answer, _ = message(away, "SAMLResponse")
    assert next(answer.iter(names.samlp("StatusCode"))).get("Value") == names.SUCCESS


def test_our_metadata_tells_where_logout_messages_go(stand: Stand) -> None:
    assert f'Location="{OURS}"' in stand.get("/saml/sp/essai/metadata").body.decode()


def test_a_provider_without_a_logout_is_not_gone_to(tmp_path: Path, clock: FakeClock) -> None:
    with open_stand(tmp_path, clock, slo="") as stand:
        stand.sign_in()
        token = token_of(stand.get("/deconnexion").body.decode())
        call(stand.broker, "POST", "/deconnexion", stand.browser, form={"csrf": token})
        assert "refresh" not in stand.get("/au-revoir").headers


def test_a_request_of_ours_is_one_deflated_message(stand: Stand) -> None:
    stand.sign_in()
    query = dict(parse_qsl(urlsplit(stand.sign_out().location).query))
    assert zlib.decompress(base64.b64decode(query["SAMLRequest"]), -zlib.MAX_WBITS).startswith(b"<samlp:LogoutRequest")
