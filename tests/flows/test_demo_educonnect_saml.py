"""The town's EduConnect in SAML over HTTP: both contracts, its ten minutes, its two ways to sign out."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from lxml import etree

from broker.demo.accounts import PASSWORD
from broker.demo.educonnect_saml import Party, parties_of
from broker.demo.prepared import Town
from broker.demo.saml_files import BROKER_KEY, METADATA, PROVIDER_KEY, RETURN, SLO, SSO, provider_id, read_key
from broker.demo.saml_wire import SAML, SAMLP, logout_request, read_redirect, signed_redirect
from broker.wire.saml import decryption_key, verify_response
from broker.wire.saml.identity_provider import parse_identity_provider
from broker.wire.saml.statements import Statements, statements_of
from tests.towns import running_town

ARC = "urn:oid:1.3.6.1.4.1.20326.10.999.1."


@dataclass(slots=True)
class Watch:
    """A clock in seconds that moves when told."""

    at: float = 1_790_000_000.0

    def __call__(self) -> float:
        return self.at


@dataclass(frozen=True, slots=True)
class Visit:
    """A browser at the provider, sent by one of its services."""

    town: Town
    http: httpx.Client
    watch: Watch
    party: Party

    @property
    def base(self) -> str:
        return provider_id(self.town.addresses).removesuffix("/idp")

    def ask(self, **changes: str) -> httpx.Response:
        said = {"issuer": self.party.entity_id, "acs": self.party.acs, "key": BROKER_KEY, **changes}
        xml = (
            f'<samlp:AuthnRequest xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="_q" Version="2.0"'
            f' IssueInstant="2026-09-21T00:00:00Z" AssertionConsumerServiceURL="{said["acs"]}">'
            f"<saml:Issuer>{said['issuer']}</saml:Issuer></samlp:AuthnRequest>"
        )
        key = read_key(self.town.folder, said["key"])
        return self.http.get(signed_redirect(self.base + SSO, "SAMLRequest", xml, relay_state="etat", key=key))

    def form(self, login: str = "aline.quemeneur", profile: str = "responsable", *, wait: float = 0) -> httpx.Response:
        handle = dict(parse_qsl(urlsplit(self.ask().headers["location"]).query))["t"]
        self.watch.at += wait
        sent = {"t": handle, "typeUser": profile, "j_username": login, "j_password": PASSWORD}
        return self.http.post(f"{self.base}/idp/connexion", data=sent)

    def told(self, page: httpx.Response) -> Statements:
        """What the form says, read by the broker's own gate."""
        fields = {name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', page.text)}
        assert fields["RelayState"] == "etat"
        provider = parse_identity_provider((self.town.folder / METADATA).read_bytes(), provider_id(self.town.addresses))
        key = decryption_key(read_key(self.town.folder, BROKER_KEY).pem)
        xml = base64.b64decode(fields["SAMLResponse"])
        return statements_of(verify_response(xml, keys=provider.keys, decrypting=(key,)))

    @property
    def home(self) -> str:
        return self.http.get(f"{self.base}/").text


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Town, Watch]]:
    watch = Watch()
    folder: Path = tmp_path_factory.mktemp("town")
    with running_town(folder, now=watch, saml=True) as town:
        yield town, watch


@pytest.fixture(params=[0, 1], ids=["ent", "plain"])
def visit(request: pytest.FixtureRequest, running: tuple[Town, Watch]) -> Iterator[Visit]:
    town, watch = running
    with httpx.Client() as http:
        yield Visit(town, http, watch, parties_of(town)[request.param])


def test_a_mother_is_told_of_as_the_contract_has_it(visit: Visit) -> None:
    said = visit.told(visit.form())
    assert (said.issuer, said.audiences) == (provider_id(visit.town.addresses), ((visit.party.entity_id,),))
    assert re.fullmatch(r"[0-9a-f]{96}", said.value(f"{ARC}57"))
    assert said.values("FrEduCtPersonAffiliation") == ("resp1d", "resp2d")
    references = said.values("FrEduCtRefId")
    assert (len(references) > 1) is (visit.party.contract == "ent")
    assert all(re.fullmatch(r"\{AAF\}99\|x\|[0-9]+", each) for each in references)
    at = datetime.fromtimestamp(visit.watch.at, UTC)
    assert said.value(f"{ARC}6").startswith(at.strftime("%Y-%m-%d %H:%M"))
    assert said.value(f"{ARC}5").startswith(f"{visit.base}{RETURN}?return=")


def test_a_pupil_is_told_of_with_school_and_level(visit: Visit) -> None:
    login = next(a.login for a in visit.town.accounts if a.profile == "eleve")
    said = visit.told(visit.form(login, "eleve"))
    assert re.fullmatch(r"[0-9]{7}[A-Z]", said.value(f"{ARC}72"))
    assert re.fullmatch(r"[0-9a-f]{32}", said.value(f"{ARC}64"))


def test_a_login_of_more_than_ten_minutes_begins_again(visit: Visit) -> None:
    assert visit.form(wait=601).status_code == 400
    assert visit.form(wait=590).status_code == 200


@pytest.mark.parametrize(
    "spoilt", [{"issuer": "https://autre.example"}, {"acs": "https://autre.example/acs"}, {"key": PROVIDER_KEY}]
)
def test_a_question_of_nobody_known_is_not_taken(visit: Visit, spoilt: dict[str, str]) -> None:
    assert visit.ask(**spoilt).status_code == 400


def test_a_session_there_answers_the_next_question_without_a_form(visit: Visit) -> None:
    first = visit.told(visit.form())
    again = visit.told(visit.ask())
    assert (first.value(f"{ARC}57"), first.authn[0].session_index) == (
        again.value(f"{ARC}57"),
        again.authn[0].session_index,
    )


def test_the_chain_of_the_logout_forgets_who_is_there_and_leads_nowhere_else(visit: Visit) -> None:
    chain = visit.told(visit.form()).value(f"{ARC}5")
    assert "est connecté ici" in visit.home
    assert visit.http.get(chain).headers["location"] == f"{visit.base}/idp/au-revoir"
    assert "Personne n'est connecté ici." in unescape(visit.home)
    away = urlencode({"return": "https://autre.example/"})
    assert visit.http.get(f"{visit.base}{RETURN}?{away}").status_code == 400


def test_single_logout_is_answered_and_signed_by_both(visit: Visit) -> None:
    visit.form()
    xml = logout_request(visit.party.entity_id, visit.base + SLO, name_id="x", index="y", now=visit.watch.at)
    for name, status in ((PROVIDER_KEY, 400), (BROKER_KEY, 303)):
        key = read_key(visit.town.folder, name)
        answer = visit.http.get(signed_redirect(visit.base + SLO, "SAMLRequest", xml, relay_state="e", key=key))
        assert answer.status_code == status
    told, state = read_redirect(urlsplit(answer.headers["location"]).query, "SAMLResponse")
    assert (told.tag, state) == (f"{{{SAMLP}}}LogoutResponse", "e")
    assert "Personne n'est connecté ici." in unescape(visit.home)


def test_whoever_signs_out_there_is_led_to_the_service_that_they_came_from(visit: Visit) -> None:
    visit.form()
    answer = visit.http.get(f"{visit.base}/idp/deconnexion")
    assert answer.headers["location"].startswith(f"{visit.party.slo}?SAMLRequest=")
    root, _ = read_redirect(urlsplit(answer.headers["location"]).query, "SAMLRequest")
    assert etree.QName(root).localname == "LogoutRequest"
