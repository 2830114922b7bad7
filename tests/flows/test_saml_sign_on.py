"""Logging in at SAML service providers: what the answer says, how it is signed, when none is given."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from lxml import etree
from sqlalchemy import select

from broker.domain.release_rules import AttributeRule, ReleaseRules
from broker.domain.service_clients import AttributeForm, NameIdKind, Signed
from broker.domain.services import ClaimName
from broker.storage.schema import audit_events, grants, releases
from broker.wire.http import BROWSER_COOKIE
from broker.wire.saml.decryption import decrypt
from broker.wire.saml.gate import read, verify
from broker.wire.saml.keys import decryption_key
from broker.wire.saml.received import keys_of
from tests.no_programs import forbid_programs
from tests.oidc_stand import ISSUER, UAI, Answer, Browser, get_tokens
from tests.saml_party import PASSWORD, PERSISTENT, TRANSIENT, Message, Party, private_pem
from tests.saml_stand import (
    SAML,
    SAMLP,
    SamlStand,
    assertion_of,
    index_of,
    name_of,
    open_saml,
    posted,
    response_of,
    saml_service,
    status_of,
    told_of,
)

FORCED = Message(attributes={"ForceAuthn": "true"})
PASSIVE = Message(attributes={"IsPassive": "true"})


@pytest.fixture
def stand(sqlite_url: str) -> Iterator[SamlStand]:
    with open_saml(sqlite_url) as opened:
        yield opened


def test_a_mother_comes_in_and_the_answer_says_who_she_is_for_whom_and_until_when(stand: SamlStand) -> None:
    answer = stand.ask(Message(), stand.sign_in(), relay_state="https://cantine.example/menu")
    response, assertion = response_of(answer), assertion_of(answer)
    assert answer.headers["x-action"] == response.get("Destination") == Party().acs
    assert posted(answer)["RelayState"] == "https://cantine.example/menu"
    assert response.get("InResponseTo") == "_r1"
    assert assertion.findtext(f"{SAML}Issuer") == f"{ISSUER}/saml/metadata"
    assert assertion.findtext(f"{SAML}Conditions/{SAML}AudienceRestriction/{SAML}Audience") == Party().entity_id
    confirmed = assertion.find(f"{SAML}Subject/{SAML}SubjectConfirmation/{SAML}SubjectConfirmationData")
    assert confirmed is not None
    assert (confirmed.get("Recipient"), confirmed.get("InResponseTo")) == (Party().acs, "_r1")
    told = told_of(assertion)
    assert (told["givenName"], told["uai"]) == (["Dominique"], [UAI])


def test_both_signatures_hold_under_the_key_of_the_metadata(stand: SamlStand) -> None:
    answer = stand.ask(Message(), stand.sign_in())
    keys = keys_of((stand.keys.signing().certificate,))
    root = read(_xml(answer), f"{SAMLP}Response")
    verify(root, keys)
    assertion = root.find(f"{SAML}Assertion")
    assert assertion is not None
    verify(assertion, keys)
    assert stand.keys.signing().certificate.encode() in stand.call("GET", "/saml/metadata").body


@pytest.mark.parametrize(("sign", "signatures"), [(Signed.BOTH, 2), (Signed.ASSERTION, 1), (Signed.RESPONSE, 1)])
def test_what_is_signed_is_what_the_descriptor_says(sqlite_url: str, sign: Signed, signatures: int) -> None:
    with open_saml(sqlite_url, services=(saml_service(declared=Party().declared(sign=sign)),)) as stand:
        response = response_of(stand.ask(Message(), stand.sign_in()))
        assert len(list(response.iter("{http://www.w3.org/2000/09/xmldsig#}Signature"))) == signatures


def test_the_same_person_is_the_same_to_a_service_by_openid_connect_and_by_saml(stand: SamlStand) -> None:
    browser = stand.sign_in()
    token = get_tokens(stand.oidc, browser)["access_token"]
    told = stand.call("GET", "/userinfo", headers={"Authorization": f"Bearer {token}"}).json
    assertion = assertion_of(stand.ask(Message(), browser))
    assert name_of(assertion) == told["sub"]
    assert told_of(assertion)["pairwise-id"] == [f"{told['sub']}@preau.example"]


def test_a_transient_name_says_nothing_that_lasts(stand: SamlStand) -> None:
    wanted = Message(children=f'<samlp:NameIDPolicy Format="{TRANSIENT}"/>')
    names = [name_of(assertion_of(stand.ask(wanted, stand.sign_in()))) for _ in range(2)]
    assert names[0] != names[1]
    assert "pairwise-id" not in told_of(assertion_of(stand.ask(wanted, stand.sign_in())))


def test_a_service_that_is_given_transient_names_gets_no_persistent_one(sqlite_url: str) -> None:
    declared = Party().declared(name_id=NameIdKind.TRANSIENT)
    with open_saml(sqlite_url, services=(saml_service(declared=declared),)) as stand:
        wanted = Message(children=f'<samlp:NameIDPolicy Format="{PERSISTENT}"/>')
        assert status_of(stand.ask(wanted, stand.sign_in())) == ("Requester", "InvalidNameIDPolicy")
        assert name_of(assertion_of(stand.ask(Message(), stand.sign_in()))).startswith("_")


@pytest.mark.parametrize(
    ("form", "given"), [(AttributeForm.OID, "urn:oid:2.5.4.42"), (AttributeForm.BASIC, "given_name")]
)
def test_attributes_have_the_names_of_the_form(sqlite_url: str, form: AttributeForm, given: str) -> None:
    with open_saml(sqlite_url, services=(saml_service(declared=Party().declared(attribute_form=form)),)) as stand:
        assertion = assertion_of(stand.ask(Message(), stand.sign_in()))
        assert given in [each.get("Name") for each in assertion.iter(f"{SAML}Attribute")]


def test_educonnect_names_are_those_that_its_services_read(sqlite_url: str) -> None:
    rules = ReleaseRules(attributes=(AttributeRule(ClaimName.FAMILY_NAME, "nom"), AttributeRule(ClaimName.UAI, "uai")))
    declared = Party().declared(attribute_form=AttributeForm.FREDU)
    with open_saml(sqlite_url, services=(saml_service(declared=declared, release=rules),)) as stand:
        told = told_of(assertion_of(stand.ask(Message(), stand.sign_in())))
        assert told["FrEduCtEleveUAI"] == [UAI]
        assert {"sn", "FrEduCtId"} <= told.keys()


def test_an_encrypted_assertion_is_for_its_reader_alone(sqlite_url: str) -> None:
    with open_saml(sqlite_url, services=(saml_service(declared=Party().declared(encrypt=True)),)) as stand:
        answer = stand.ask(Message(), stand.sign_in())
        assert b"Dominique" not in _xml(answer)
        root = read(_xml(answer), f"{SAMLP}Response")
        sealed = verify(root, keys_of((stand.keys.signing().certificate,))).element.find(f"{SAML}EncryptedAssertion")
        assert sealed is not None
        opened = decrypt(sealed, (decryption_key(private_pem("cantine")),))
        assert told_of(opened)["givenName"] == ["Dominique"]


def test_an_answer_is_a_grant_an_event_and_a_line_of_the_ledger(stand: SamlStand) -> None:
    assertion = assertion_of(stand.ask(Message(), stand.sign_in()))
    with stand.oidc.engine.connect() as conn:
        grant = conn.execute(select(grants)).one()
        events = conn.execute(select(audit_events.c.action)).scalars().all()
        line = conn.execute(select(releases)).one()
    assert (grant.client_id, grant.subject, grant.scope) == ("saml:cantine", name_of(assertion), [])
    assert events.count("assertion_issued") == 1
    assert "given_name" in line.claims


def test_without_a_session_the_login_begins_and_comes_back_to_the_same_request(stand: SamlStand) -> None:
    browser = Browser()
    asked = stand.ask(Message(), browser, relay_state="etat")
    assert (asked.status, asked.location.partition("?")[0]) == (303, "/connexion")
    resume = _resume(stand, browser, asked)
    stand.oidc.clock.advance(timedelta(minutes=9))
    stand.sign_in(browser=browser)
    answer = stand.call("GET", resume, browser=browser)
    assert posted(answer)["RelayState"] == "etat"
    assert assertion_of(answer) is not None


def test_a_post_is_kept_once_and_answered_to_the_browser_that_follows_it(stand: SamlStand) -> None:
    kept = stand.call("POST", "/saml/sso", form=Message().form(key=Party().key))
    assert (kept.status, kept.location.partition("?")[0]) == (303, "/saml/sso/resume")
    assert assertion_of(stand.call("GET", kept.location, browser=stand.sign_in())) is not None
    assert stand.call("GET", kept.location, browser=stand.sign_in()).body == b"PRE-2001"


def test_a_forced_login_is_a_new_one_and_comes_only_from_a_fresh_proof(stand: SamlStand) -> None:
    browser = stand.sign_in()
    stand.oidc.clock.advance(timedelta(minutes=1))
    asked = stand.ask(FORCED, browser)
    assert asked.location.startswith("/connexion")
    resume = _resume(stand, browser, asked)
    stand.sign_in(browser=browser)
    assert assertion_of(stand.call("GET", resume, browser=browser)) is not None


def test_a_passive_request_shows_no_page(stand: SamlStand) -> None:
    assert status_of(stand.ask(PASSIVE, Browser())) == ("Responder", "NoPassive")
    forced = Message(attributes={"IsPassive": "true", "ForceAuthn": "true"})
    assert status_of(stand.ask(forced, stand.sign_in())) == ("Responder", "NoPassive")
    assert status_of(stand.ask(PASSIVE, stand.sign_in())) == ("Success",)


@pytest.mark.parametrize("comparison", ["exact", "minimum"])
def test_a_known_context_that_the_login_reaches_is_answered_with_itself(stand: SamlStand, comparison: str) -> None:
    assertion = assertion_of(stand.ask(Message(children=_context(PASSWORD, comparison)), stand.sign_in()))
    assert next(assertion.iter(f"{SAML}AuthnContextClassRef")).text == PASSWORD


def test_a_context_that_nobody_knows_is_no_context(stand: SamlStand) -> None:
    assert status_of(stand.ask(Message(children=_context("urn:x", "exact")), stand.sign_in())) == (
        "Responder",
        "NoAuthnContext",
    )


def test_a_stronger_context_asks_for_a_login_once_then_refuses(stand: SamlStand) -> None:
    browser, wanted = stand.sign_in(), Message(children=_context("eidas3", "exact"))
    asked = stand.ask(wanted, browser)
    assert asked.location.startswith("/connexion")
    resume = _resume(stand, browser, asked)
    stand.sign_in(browser=browser)
    assert status_of(stand.call("GET", resume, browser=browser)) == ("Responder", "NoAuthnContext")


def test_whoever_is_meant_is_asked_for_and_nobody_else_comes_in(stand: SamlStand) -> None:
    browser = stand.sign_in()
    name = name_of(assertion_of(stand.ask(Message(), browser)))
    meant = Message(children=f"<saml:Subject><saml:NameID>{name}</saml:NameID></saml:Subject>")
    assert name_of(assertion_of(stand.ask(meant, browser))) == name
    other = Message(children="<saml:Subject><saml:NameID>un-autre</saml:NameID></saml:Subject>")
    assert stand.ask(other, browser).location.startswith("/connexion")


def test_a_login_begins_here_only_where_the_descriptor_lets_it(sqlite_url: str) -> None:
    services = (saml_service(declared=Party().declared(idp_initiated=True)), saml_service("bourses"))
    with open_saml(sqlite_url, services=services) as stand:
        answer = stand.call("GET", "/saml/sso/init?sp=cantine", browser=stand.sign_in())
        assert response_of(answer).get("InResponseTo") is None
        assert index_of(assertion_of(answer))
        assert stand.call("GET", "/saml/sso/init?sp=bourses", browser=stand.sign_in()).status == 404


def test_an_index_names_an_address_of_the_metadata(stand: SamlStand) -> None:
    answer = stand.ask(Message(attributes={"AssertionConsumerServiceIndex": "2"}), stand.sign_in())
    assert answer.headers["x-action"] == f"{Party().acs}/2"


def test_a_signed_request_is_taken_and_an_unsigned_one_is_not_where_they_are_signed(sqlite_url: str) -> None:
    with open_saml(sqlite_url, services=(saml_service(declared=Party().declared(signed=True)),)) as stand:
        browser = stand.sign_in()
        assert status_of(stand.ask(Message(), browser, key=Party().key)) == ("Success",)
        assert stand.ask(Message(), browser).body == b"PRE-3060"


def test_metadata_is_signed_and_good_for_weeks(stand: SamlStand) -> None:
    answer = stand.call("GET", "/saml/metadata")
    root = etree.fromstring(answer.body)
    assert answer.headers["content-type"] == "application/samlmetadata+xml"
    assert root.get("validUntil", "") > "2026"
    verify(root, keys_of((stand.keys.signing().certificate,)))


def _context(word: str, comparison: str) -> str:
    return (
        f'<samlp:RequestedAuthnContext Comparison="{comparison}">'
        f"<saml:AuthnContextClassRef>{word}</saml:AuthnContextClassRef></samlp:RequestedAuthnContext>"
    )


def _resume(stand: SamlStand, browser: Browser, asked: Answer) -> str:
    """Where the login that this browser was led to comes back to."""
    login = stand.oidc.federation.interaction(asked.told["i"], browser=browser.cookies[BROWSER_COOKIE])
    return login.request.resume


def _xml(answer: Answer) -> bytes:
    return base64.b64decode(posted(answer)["SAMLResponse"])


def test_of_two_services_neither_can_put_its_names_beside_the_others(sqlite_url: str) -> None:
    with open_saml(sqlite_url, services=(saml_service(), saml_service("bourses"))) as stand:
        browser = stand.sign_in()
        first, second = (
            assertion_of(stand.ask(Message(replace(Party(), name=name)), browser)) for name in ("cantine", "bourses")
        )
        assert name_of(first) != name_of(second)
        assert index_of(first) != index_of(second)


def test_no_other_program_is_run_for_an_assertion(stand: SamlStand, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = stand.sign_in()
    forbid_programs(monkeypatch)
    assert name_of(assertion_of(stand.ask(Message(), browser)))
