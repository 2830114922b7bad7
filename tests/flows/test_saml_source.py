"""Signing in by a SAML provider, through the whole application: question, form, the GET that knows the browser."""

from __future__ import annotations

import base64
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from broker.app import Broker
from broker.wire.http import SESSION_COOKIE
from broker.wire.saml import SamlRefused, names, read, verify, verifying_key
from tests import builders
from tests.clock import FakeClock
from tests.no_programs import forbid_programs
from tests.oidc_stand import Answer, Browser
from tests.saml_peer import octets, pair, parsed, response_xml
from tests.saml_posts import fields_of
from tests.saml_sources import SSO, answer_xml, form, question, token_of, told_to, write_source
from tests.whole_app import ISSUER, call, open_app

UAI = "0990001A"
REFERENCES = (("FrEduCtId", ("9f3c",)), ("FrEduCtRefId", ("{AAF}99|x|500101", "{AAF}99|x|610777")))


@dataclass
class Stand:
    broker: Broker
    clock: FakeClock
    browser: Browser = field(default_factory=Browser)

    def leave(self) -> Answer:
        page = call(self.broker, "GET", "/connexion", self.browser)
        sent = {"csrf": token_of(page.body.decode()), "source": "essai", "device": "shared"}
        return call(self.broker, "POST", "/connexion", self.browser, form=sent)

    def post(self, xml: bytes, state: str, browser: Browser | None = None) -> Answer:
        """A form of another site: the browser sends no cookie of ours along."""
        return call(self.broker, "POST", "/saml/sp/essai/acs", browser or Browser(), form=form(xml, state))

    def sign_in(self, *, kind: str = "are", **said: Any) -> Answer:
        request, state = question(self.leave().location)
        xml = answer_xml(told_to(request, self.clock(), **{"attributes": REFERENCES, **said}), kind=kind)
        posted = self.post(xml, state)
        assert posted.status == 303, posted.body.decode()
        return call(self.broker, "GET", posted.location.removeprefix(ISSUER), self.browser)


@pytest.fixture
def stand(tmp_path: Path, clock: FakeClock) -> Iterator[Stand]:
    more = 'profile = "educonnect"\nreleases_references = true\nfeeds = ["99-2d"]'
    clock.set(builders.NOW)
    with open_app(tmp_path, clock, sources=write_source(tmp_path, more=more)) as broker:
        with broker.stores.engine.begin() as conn:
            builders.add_school(conn, UAI)
            for key, given in (("500101", "Léa"), ("610777", "Tom")):
                _, mother = builders.add_guardian(conn, key)
                _, child = builders.add_pupil(conn, f"9{key}", given=given)
                builders.add_guardianship(conn, mother, child)
                builders.enrol(conn, child, UAI)
        yield Stand(broker, clock)


@pytest.mark.spec("SAML Profiles §4.1.3")
@pytest.mark.parametrize("kind", ["a", "ar", "ae", "re", "are"])
def test_a_mother_with_two_files_signs_in_and_sees_both_children(stand: Stand, kind: str) -> None:
    back = stand.sign_in(kind=kind)
    assert (back.status, back.location.removeprefix(ISSUER)) == (303, "/")
    home = call(stand.broker, "GET", "/", stand.browser)
    assert "Léa" in home.body.decode()
    assert "Tom" in home.body.decode()


def test_what_we_ask_is_what_our_own_gate_would_take(stand: Stand) -> None:
    request, _ = question(stand.leave().location)
    taken = read(etree.tostring(request), names.samlp("AuthnRequest"))
    assert taken.get("ID") == request.get("ID")
    request.set("Autre", "x")
    with pytest.raises(SamlRefused):
        read(etree.tostring(request), names.samlp("AuthnRequest"))


def test_an_answer_signs_nobody_in_at_another_browser(stand: Stand) -> None:
    request, state = question(stand.leave().location)
    posted = stand.post(answer_xml(told_to(request, stand.clock(), attributes=REFERENCES)), state)
    other = Browser()
    back = call(stand.broker, "GET", posted.location.removeprefix(ISSUER), other)
    assert SESSION_COOKIE not in other.cookies
    assert "PRE-2001" in call(stand.broker, "GET", back.location.removeprefix(ISSUER), other).body.decode()


def test_an_answer_that_waited_too_long_begins_again(stand: Stand) -> None:
    request, state = question(stand.leave().location)
    xml = answer_xml(told_to(request, stand.clock() - timedelta(minutes=11), attributes=REFERENCES))
    back = call(stand.broker, "GET", stand.post(xml, state).location.removeprefix(ISSUER), stand.browser)
    page = call(stand.broker, "GET", back.location.removeprefix(ISSUER), stand.browser)
    assert "PRE-2017" in page.body.decode()
    assert SESSION_COOKIE not in stand.browser.cookies


def test_an_answer_opens_one_session(stand: Stand) -> None:
    request, state = question(stand.leave().location)
    xml = answer_xml(told_to(request, stand.clock(), attributes=REFERENCES))
    first = stand.post(xml, state)
    call(stand.broker, "GET", first.location.removeprefix(ISSUER), stand.browser)
    held = stand.browser.cookies[SESSION_COOKIE]
    stand.browser.cookies.pop(SESSION_COOKIE)
    again = stand.post(xml, state)
    call(stand.broker, "GET", again.location.removeprefix(ISSUER), stand.browser)
    assert SESSION_COOKIE not in stand.browser.cookies
    stand.browser.cookies[SESSION_COOKIE] = held
    assert "Léa" in call(stand.broker, "GET", "/", stand.browser).body.decode()


def test_a_source_that_says_no_is_told_as_such(stand: Stand) -> None:
    request, state = question(stand.leave().location)
    told = told_to(request, stand.clock())
    inner = f'<samlp:StatusCode Value="{names.AUTHN_FAILED}"/>'
    outer = f'<samlp:StatusCode Value="{names.RESPONDER}"'
    said = response_xml(told, "", status=names.RESPONDER).replace(f"{outer}/>", f"{outer}>{inner}</samlp:StatusCode>")
    xml = octets(parsed(said))
    back = call(stand.broker, "GET", stand.post(xml, state).location.removeprefix(ISSUER), stand.browser)
    assert "PRE-2016" in call(stand.broker, "GET", back.location.removeprefix(ISSUER), stand.browser).body.decode()


def test_the_provider_finds_our_metadata(stand: Stand) -> None:
    answer = call(stand.broker, "GET", "/saml/sp/essai/metadata")
    assert (answer.status, f"{ISSUER}/saml/sp/essai/acs" in answer.body.decode()) == (200, True)


def test_no_other_program_is_run_for_an_answer(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_programs(monkeypatch)
    assert stand.sign_in(kind="are").status == 303
    assert "Léa" in call(stand.broker, "GET", "/", stand.browser).body.decode()


def test_what_forbids_programs_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_programs(monkeypatch)
    with pytest.raises(AssertionError, match="started"):
        subprocess.run(["true"], check=False)


# ---- a provider that takes questions by form ---------------------------------------------------------------------

BY_REDIRECT = re.compile(rb'<md:SingleSignOnService Binding="[^"]*HTTP-Redirect"[^>]*/>')
BY_FORM = re.compile(rb'<md:SingleSignOnService Binding="[^"]*HTTP-POST"[^>]*/>')


@pytest.fixture
def by_form(stand: Stand, tmp_path: Path) -> Stand:
    """The provider's metadata name no address for redirects any more."""
    metadata = (tmp_path / "idp.xml").read_bytes()
    (tmp_path / "idp.xml").write_bytes(BY_REDIRECT.sub(b"", metadata))
    stand.broker.watcher.look()
    return stand


def carried(page: Answer) -> tuple[bytes, str]:
    """The request and the state that a page has the browser post."""
    assert page.status == 200
    fields = fields_of(page.body.decode())
    return base64.b64decode(fields["SAMLRequest"]), fields["RelayState"]


@pytest.mark.spec("SAML Bindings §3.5")
def test_a_provider_that_takes_questions_by_form_gets_a_signed_one_and_signs_in(by_form: Stand) -> None:
    page = by_form.leave()
    xml, state = carried(page)
    text = page.body.decode()
    assert f'action="{SSO}/post"' in text
    assert ("<button" in text, "Vers votre page de connexion" in text) == (True, True), "it works without JavaScript"
    assert "form-action 'self' https://idp.example;" in page.headers["content-security-policy"]
    root = read(xml, names.samlp("AuthnRequest"))
    verified = verify(root, (verifying_key(pair("sp").der),)).element
    assert (verified.get("Destination"), verified.get("ProtocolBinding")) == (f"{SSO}/post", names.POST)
    answer = answer_xml(told_to(verified, by_form.clock(), attributes=REFERENCES))
    posted = by_form.post(answer, state)
    call(by_form.broker, "GET", posted.location.removeprefix(ISSUER), by_form.browser)
    assert SESSION_COOKIE in by_form.browser.cookies


def test_a_question_by_form_that_somebody_changed_does_not_verify(by_form: Stand) -> None:
    xml, _ = carried(by_form.leave())
    root = read(xml.replace(b"/acs", b"/other"), names.samlp("AuthnRequest"))
    with pytest.raises(SamlRefused):
        verify(root, (verifying_key(pair("sp").der),))


def test_the_device_that_was_chosen_is_remembered_there_too(by_form: Stand) -> None:
    assert "preau-device" in by_form.leave().headers["set-cookie"]


@pytest.mark.parametrize(("length", "status"), [(100, 303), (2100, 200)])
def test_an_address_that_gets_too_long_is_not_gone_to_where_a_form_will_do(
    stand: Stand, tmp_path: Path, length: int, status: int
) -> None:
    longer = f"{SSO}?{'a' * length}".encode()
    metadata = (tmp_path / "idp.xml").read_bytes().replace(f'"{SSO}"'.encode(), b'"%s"' % longer)
    (tmp_path / "idp.xml").write_bytes(metadata)
    stand.broker.watcher.look()
    assert stand.leave().status == status
    (tmp_path / "idp.xml").write_bytes(BY_FORM.sub(b"", metadata))
    stand.broker.watcher.look()
    assert stand.leave().status == 303, "there is no other way"
