"""Single logout at the identity provider: by a service in the browser, by SOAP, and told to the others."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from lxml import etree
from sqlalchemy import select

from broker.domain.errors import UpstreamUnavailable
from broker.domain.logouts import Logout, LogoutUntold, Notice, NoticeState, Untold
from broker.live import Part
from broker.protocol.saml.logout import SamlFrames, SamlLogout
from broker.protocol.saml.provider import IdentityProvider
from broker.storage.schema import outbox, sessions
from broker.wire.http import SESSION_COOKIE
from broker.wire.saml.assertion import Status
from broker.wire.saml.logout import Sender, build_logout_response, in_envelope
from broker.wire.saml.names import REQUESTER, SUCCESS
from broker.wire.saml.received import LOGOUT_ANSWER, LOGOUT_REQUEST, Signature, open_redirect, open_soap
from tests.logouts import no_post_xml
from tests.oidc_stand import ISSUER, Browser, get_tokens, service
from tests.saml_party import POST, REDIRECT, SOAP, Message, Party, logout_message
from tests.saml_stand import SamlStand, assertion_of, index_of, name_of, open_saml, saml_service

SOAP_PATH = "/saml/soap"


@pytest.fixture
def stand(sqlite_url: str) -> Iterator[SamlStand]:
    with open_saml(sqlite_url, services=(saml_service(), saml_service("bourses"), service("lycee"))) as opened:
        yield opened


CANTEEN = Party()


def known(stand: SamlStand, browser: Browser, party: Party = CANTEEN) -> tuple[str, str]:
    """What a service was told: name and session index."""
    assertion = assertion_of(stand.ask(Message(party), browser))
    return name_of(assertion), index_of(assertion)


def told(stand: SamlStand) -> list[str]:
    with stand.oidc.engine.connect() as conn:
        rows = conn.execute(select(outbox.c.payload).where(outbox.c.topic == "logout")).scalars()
        return sorted(row["client_id"] for row in rows)


def ended(stand: SamlStand) -> list[bool]:
    with stand.oidc.engine.connect() as conn:
        rows = conn.execute(select(sessions.c.revoked_at).order_by(sessions.c.opened_at, sessions.c.sid)).scalars()
        return [row is not None for row in rows]


def test_a_service_ends_the_session_for_every_service_of_every_protocol(stand: SamlStand) -> None:
    browser = stand.sign_in()
    get_tokens(stand.oidc, browser)
    name, index = known(stand, browser)
    known(stand, browser, Party("bourses"))
    answer = stand.ask(logout_message(Party(), name, index), browser, key=Party().key, relay_state="etat")
    assert (answer.status, answer.location) == (303, "/au-revoir")
    assert ended(stand) == [True]
    assert told(stand) == ["cantine", "saml:bourses"], "whoever asked knows"
    farewell = stand.oidc.federation.farewells.find(browser.cookies["__Host-preau-farewell"])
    assert farewell is not None
    address = urlsplit(farewell.onward)
    assert f"{address.scheme}://{address.netloc}{address.path}" == Party().slo_url
    said, signature = open_redirect(address.query, LOGOUT_ANSWER).read((stand.keys.signing().certificate,))
    assert (signature, said.status, said.in_response_to) == (Signature.GOOD, SUCCESS, "_r1")
    assert dict(parse_qsl(address.query))["RelayState"] == "etat"


def test_a_service_that_no_one_can_tell_makes_it_partial(sqlite_url: str) -> None:
    services = (saml_service(), saml_service("bourses", Party("bourses", slo=()).declared()))
    with open_saml(sqlite_url, services=services) as stand:
        browser = stand.sign_in()
        name, index = known(stand, browser)
        known(stand, browser, Party("bourses"))
        message = logout_message(Party(), name, index, path=SOAP_PATH)
        answer = stand.call("POST", SOAP_PATH, form=message.envelope(key=Party().key))
        said, _ = open_soap(answer.body, LOGOUT_ANSWER).read((stand.keys.signing().certificate,))
        assert said.detail.endswith("PartialLogout")


def test_by_soap_the_named_session_ends_and_no_other(stand: SamlStand) -> None:
    browser, other = stand.sign_in(), stand.sign_in()
    name, index = known(stand, browser)
    known(stand, other)
    message = logout_message(Party(), name, index, path=SOAP_PATH)
    answer = stand.call("POST", SOAP_PATH, form=message.envelope(key=Party().key))
    said, signature = open_soap(answer.body, LOGOUT_ANSWER).read((stand.keys.signing().certificate,))
    assert (answer.status, signature, said.status) == (200, Signature.GOOD, SUCCESS)
    assert sorted(ended(stand)) == [False, True]
    assert stand.oidc.federation.session(browser.cookies[SESSION_COOKIE]) is None
    assert stand.oidc.federation.session(other.cookies[SESSION_COOKIE]) is not None


def test_a_post_is_kept_once_and_ends_the_session_of_the_browser_that_follows_it(stand: SamlStand) -> None:
    browser = stand.sign_in()
    name, index = known(stand, browser)
    kept = stand.call("POST", "/saml/slo", form=logout_message(Party(), name, index).form(key=Party().key))
    assert (kept.status, ended(stand)) == (303, [False])
    assert stand.call("GET", kept.location, browser=browser).location == "/au-revoir"
    assert ended(stand) == [True]


def test_a_service_that_takes_answers_by_post_alone_gets_one(sqlite_url: str) -> None:
    party = Party(slo=(POST,))
    with open_saml(sqlite_url, services=(saml_service(declared=party.declared()),)) as stand:
        browser = stand.sign_in()
        name, index = known(stand, browser)
        stand.ask(logout_message(party, name, index), browser, key=party.key)
        farewell = stand.oidc.federation.farewells.find(browser.cookies["__Host-preau-farewell"])
        assert farewell is not None
        answer = stand.call("GET", farewell.onward, browser=browser)
        assert answer.headers["x-action"] == party.slo_url
        assert b"SAMLResponse" in answer.body


def test_anothers_name_or_index_ends_nothing(stand: SamlStand) -> None:
    browser, other = stand.sign_in(), stand.sign_in()
    name, index = known(stand, browser)
    _, elsewhere = known(stand, other)
    for spoilt in (logout_message(Party(), "un-autre", index), logout_message(Party(), name, elsewhere)):
        answer = stand.ask(spoilt, browser, key=Party().key)
        assert answer.location.startswith(Party().slo_url)
        assert ended(stand) == [False, False]


def test_without_a_session_there_is_nothing_to_end_and_the_service_is_told_so(stand: SamlStand) -> None:
    answer = stand.ask(logout_message(Party(), "quelqu-un", ""), Browser(), key=Party().key)
    said, _ = open_redirect(urlsplit(answer.location).query, LOGOUT_ANSWER).read((stand.keys.signing().certificate,))
    assert said.status == SUCCESS


# ---- telling services ---------------------------------------------------------------------------------------------


def idp_of(stand: SamlStand) -> IdentityProvider:
    return IdentityProvider(ISSUER, Part(stand.oidc.live_policies, lambda book: book.installation.sessions))


def notifier(stand: SamlStand, status: Status, *, answers: str = "") -> tuple[SamlLogout, list[bytes]]:
    seen: list[bytes] = []

    def post(url: str, body: bytes) -> tuple[int, bytes]:
        assert url == Party().slo_url
        seen.append(body)
        request, signature = open_soap(body, LOGOUT_REQUEST).read((stand.keys.signing().certificate,))
        assert signature is Signature.GOOD
        sender = Sender(Party().entity_id, "", stand.oidc.clock(), Party().key)
        answered = answers or request.request_id
        return 200, in_envelope(build_logout_response(sender, in_response_to=answered, status=status))

    return SamlLogout(idp_of(stand), stand.oidc.register, stand.keys, post, no_post_xml), seen


def visit_of(stand: SamlStand, browser: Browser) -> str:
    session = stand.oidc.federation.session(browser.cookies[SESSION_COOKIE])
    assert session is not None
    return session.visit


def test_a_service_is_told_by_soap_under_the_name_and_index_that_it_knows(stand: SamlStand) -> None:
    browser = stand.sign_in()
    name, index = known(stand, browser)
    tells, seen = notifier(stand, Status(SUCCESS))
    tells.notify(Logout(visit_of(stand, browser), "saml:cantine", name), now=stand.oidc.clock())
    request, _ = open_soap(seen[0], LOGOUT_REQUEST).read((stand.keys.signing().certificate,))
    assert (request.name_id.value, request.session_indexes) == (name, (index,))
    assert request.name_id.sp_qualifier == Party().entity_id


def test_a_refusal_is_for_good_and_another_answer_is_tried_again(stand: SamlStand) -> None:
    logout = Logout("s_visite", "saml:cantine", "nom")
    with pytest.raises(LogoutUntold) as untold:
        notifier(stand, Status(REQUESTER))[0].notify(logout, now=stand.oidc.clock())
    assert untold.value.why is Untold.REFUSED
    with pytest.raises(UpstreamUnavailable):
        notifier(stand, Status(SUCCESS), answers="_autre")[0].notify(logout, now=stand.oidc.clock())


def test_a_service_without_soap_is_told_by_a_frame_that_it_can_verify(sqlite_url: str) -> None:
    party = Party(slo=(REDIRECT,))
    with open_saml(sqlite_url, services=(saml_service(declared=party.declared()),)) as stand:
        frames = SamlFrames(idp_of(stand), stand.keys)
        offered = stand.oidc.register.current().all()[0]
        notice = Notice("saml:cantine", NoticeState.WAITING, "nom")
        address = frames.addresses([(offered, notice)], visit="s_visite", now=stand.oidc.clock())[0]
        request, signature = open_redirect(urlsplit(address).query, LOGOUT_REQUEST).read(
            (stand.keys.signing().certificate,)
        )
        assert (signature, request.name_id.value, request.destination) == (Signature.GOOD, "nom", party.slo_url)


def test_an_answer_to_a_frame_is_read_and_ends_nobody(stand: SamlStand) -> None:
    message = Message(
        kind="LogoutResponse", path="/saml/slo", attributes={"InResponseTo": "_x"},
        children=f'<samlp:Status><samlp:StatusCode Value="{SUCCESS}"/></samlp:Status>',
    )  # fmt: skip
    query = message.redirect(key=None).replace("SAMLRequest", "SAMLResponse")
    assert stand.call("GET", f"/saml/slo?{query}").body == b"PRE-3060"
    form = {"SAMLResponse": base64.b64encode(message.xml(key=Party().key)).decode()}
    assert stand.call("POST", "/saml/slo", form=form).status == 204


def test_an_old_request_ends_no_later_session(stand: SamlStand) -> None:
    browser = stand.sign_in()
    name, index = known(stand, browser)
    old = logout_message(Party(), name, index, now=stand.oidc.clock() - timedelta(minutes=11))
    assert stand.ask(old, browser, key=Party().key).body == b"PRE-3060"
    assert ended(stand) == [False]
    assert etree.fromstring(old.xml()).get("ID") == "_r1"
    assert SOAP in {endpoint.binding.value for endpoint in Party().declared().slo}
