"""The town's two ENTs over HTTP and HTTPS: CAS as it is met in schools, in two attribute shapes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from lxml import etree

from broker.demo.accounts import PASSWORD
from broker.demo.people import Site
from broker.demo.prepared import Town
from tests.certificates import ThrowAwayCa
from tests.towns import running_town, tls_of

CAS = {"cas": "http://www.yale.edu/tp/cas"}
BOTH = pytest.mark.parametrize("site", [Site.PETITS_PRES, Site.GRAND_LARGE])


@dataclass(slots=True)
class Watch:
    """A clock in seconds that moves when told."""

    at: float = 1_790_000_000.0

    def __call__(self) -> float:
        return self.at


@dataclass(frozen=True, slots=True)
class Ent:
    """A browser and the broker's back channel, at both ENTs."""

    town: Town
    http: httpx.Client
    watch: Watch

    def service(self, site: Site, state: str = "e1") -> str:
        return f"{self.town.addresses.callback(site)}?etat={state}"

    def login(self, site: Site, login: str = "aline.quemeneur", *, password: str = PASSWORD, stay: bool = False,
              service: str | None = None) -> httpx.Response:  # fmt: skip
        form = {"service": self.service(site) if service is None else service, "username": login, "password": password}
        return self.http.post(self.at(site, "login"), data=form | ({"rester": "oui"} if stay else {}))

    def ticket(self, site: Site, login: str = "aline.quemeneur") -> str:
        return ticket_of(self.login(site, login))

    def validate(self, site: Site, ticket: str, *, path: str = "p3/serviceValidate", **changed: str) -> etree._Element:
        params = {"service": self.service(site), "ticket": ticket, **changed}
        return etree.fromstring(self.http.get(self.at(site, path), params=params).content)

    def at(self, site: Site, path: str) -> str:
        return f"{self.town.addresses.site(site)}/cas/{path}"


def ticket_of(response: httpx.Response) -> str:
    assert response.status_code == 303, response.text
    return parse_qs(urlsplit(response.headers["location"]).query)["ticket"][0]


def failure_of(answer: etree._Element) -> str:
    return str(answer.xpath("string(cas:authenticationFailure/@code)", namespaces=CAS))


def user_of(answer: etree._Element) -> str:
    return str(answer.xpath("string(cas:authenticationSuccess/cas:user)", namespaces=CAS))


@pytest.fixture(scope="module")
def watch() -> Watch:
    return Watch()


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, watch: Watch) -> Iterator[Town]:
    with running_town(tmp_path_factory.mktemp("town"), now=watch) as running:
        yield running


@pytest.fixture
def ent(town: Town, watch: Watch) -> Iterator[Ent]:
    with httpx.Client(trust_env=False) as http:
        yield Ent(town, http, watch)


def test_the_primary_schools_ent_answers_in_the_apereo_shape_with_its_own_key(ent: Ent) -> None:
    answer = ent.validate(Site.PETITS_PRES, ent.ticket(Site.PETITS_PRES))
    released = "cas:authenticationSuccess/cas:attributes/cas:ENTPersonJointure/text()"
    assert answer.xpath(released, namespaces=CAS) == ["AC-TEST$610777"]


def test_the_secondary_schools_ent_wraps_names_without_namespace_with_its_own_key(ent: Ent) -> None:
    answer = ent.validate(Site.GRAND_LARGE, ent.ticket(Site.GRAND_LARGE))
    wrapped = "cas:authenticationSuccess/cas:attributes/cas:userAttributes"
    assert answer.xpath(f"{wrapped}/ENTPersonJointure/text()", namespaces=CAS) == ["AC-TEST$500101"]
    assert answer.xpath(f"{wrapped}/prenom/text()", namespaces=CAS) == ["Aline"]


def test_cas_2_gives_attributes_at_one_ent_and_only_the_user_at_the_other(ent: Ent) -> None:
    for site, count in ((Site.PETITS_PRES, 0), (Site.GRAND_LARGE, 1)):
        answer = ent.validate(site, ent.ticket(site), path="serviceValidate")
        assert user_of(answer) == "aline.quemeneur"
        assert len(answer.xpath("cas:authenticationSuccess/cas:attributes", namespaces=CAS)) == count


def test_a_teacher_is_known_under_the_key_of_her_post(ent: Ent) -> None:
    answer = ent.validate(Site.GRAND_LARGE, ent.ticket(Site.GRAND_LARGE, "nadia.berrahal.prof"))
    assert answer.xpath("//ENTPersonJointure/text()") == ["AC-TEST$700181"]
    assert answer.xpath("//categories/text()") == ["National_ENS"]


@BOTH
@pytest.mark.spec("CAS Protocol §3.1.1")
def test_a_ticket_is_taken_once(ent: Ent, site: Site) -> None:
    ticket = ent.ticket(site)
    assert user_of(ent.validate(site, ticket)) == "aline.quemeneur"
    assert failure_of(ent.validate(site, ticket)) == "INVALID_TICKET"


@BOTH
@pytest.mark.spec("CAS Protocol §2.5.3")
def test_a_ticket_shown_for_another_service_is_refused_and_burnt(ent: Ent, site: Site) -> None:
    ticket = ent.ticket(site)
    assert failure_of(ent.validate(site, ticket, service=ent.service(site, "e2"))) == "INVALID_SERVICE"
    assert failure_of(ent.validate(site, ticket)) == "INVALID_TICKET"
    assert user_of(ent.validate(site, ent.ticket(site))) == "aline.quemeneur"


@BOTH
def test_a_ticket_lives_ten_seconds(ent: Ent, site: Site) -> None:
    soon, late = ent.ticket(site), ent.ticket(site)
    ent.watch.at += 9
    assert user_of(ent.validate(site, soon)) == "aline.quemeneur"
    ent.watch.at += 1
    assert failure_of(ent.validate(site, late)) == "INVALID_TICKET"


def test_a_ticket_of_one_ent_means_nothing_at_the_other(ent: Ent) -> None:
    ticket = ent.ticket(Site.PETITS_PRES)
    assert failure_of(ent.validate(Site.GRAND_LARGE, ticket)) == "INVALID_TICKET"


@BOTH
@pytest.mark.parametrize("missing", ["service", "ticket"])
def test_a_validation_without_service_or_ticket_is_refused(ent: Ent, site: Site, missing: str) -> None:
    given = {"service": ent.service(site), "ticket": ent.ticket(site)}
    whole = etree.fromstring(ent.http.get(ent.at(site, "serviceValidate"), params=given).content)
    partial = etree.fromstring(ent.http.get(ent.at(site, "serviceValidate"), params={**given, missing: ""}).content)
    assert user_of(whole) == "aline.quemeneur"
    assert failure_of(partial) == "INVALID_REQUEST"


@BOTH
def test_an_unknown_service_gets_no_form_and_no_ticket(ent: Ent, site: Site) -> None:
    for service in (
        "http://127.0.0.9/retour",
        f"{ent.town.addresses.callback(site)}.example/",
        ent.service(site) + "#x",
    ):
        assert ent.http.get(ent.at(site, "login"), params={"service": service}).status_code == 403
        assert ent.login(site, service=service).status_code == 403
    assert ent.http.get(ent.at(site, "login"), params={"service": ent.service(site)}).status_code == 200


@BOTH
def test_a_wrong_password_gives_the_form_again(ent: Ent, site: Site) -> None:
    refused = ent.login(site, password="autre")
    assert refused.status_code == 200
    assert 'role="alert"' in refused.text


def test_an_account_of_one_ent_is_unknown_at_the_other(ent: Ent) -> None:
    assert ent.login(Site.PETITS_PRES, "sophie.l-heritier").status_code == 200
    assert ent.login(Site.GRAND_LARGE, "sophie.l-heritier").status_code == 303


@BOTH
@pytest.mark.spec("CAS Protocol §2.1.1")
def test_who_stays_signed_in_passes_unless_renew_asks_for_the_password(ent: Ent, site: Site) -> None:
    ent.login(site, stay=True)
    query = {"service": ent.service(site)}
    again = ticket_of(ent.http.get(ent.at(site, "login"), params=query))
    assert failure_of(ent.validate(site, again, renew="true")) == "INVALID_TICKET_SPEC"
    assert ent.http.get(ent.at(site, "login"), params={**query, "renew": "true"}).status_code == 200
    assert user_of(ent.validate(site, ent.ticket(site), renew="true")) == "aline.quemeneur"


@BOTH
def test_gateway_returns_at_once_without_a_ticket_when_nobody_is_signed_in(ent: Ent, site: Site) -> None:
    query = {"service": ent.service(site), "gateway": "true"}
    assert ent.http.get(ent.at(site, "login"), params=query).headers["location"] == ent.service(site)


@BOTH
def test_sign_out_ends_the_stay_and_returns_to_the_broker_only(ent: Ent, site: Site) -> None:
    ent.login(site, stay=True)
    back = ent.http.get(ent.at(site, "logout"), params={"service": f"{ent.town.issuer}/"})
    assert back.headers["location"] == f"{ent.town.issuer}/"
    assert ent.http.get(ent.at(site, "login"), params={"service": ent.service(site)}).status_code == 200
    assert ent.http.get(ent.at(site, "logout"), params={"service": f"{ent.town.issuer}.example/"}).status_code == 200


def test_both_ents_answer_over_https(tmp_path: Path, throw_away_ca: ThrowAwayCa) -> None:
    with (
        running_town(tmp_path, tls=tls_of(throw_away_ca)) as town,
        httpx.Client(verify=throw_away_ca.trust(), trust_env=False) as http,
    ):
        ent = Ent(town, http, Watch())
        for site in (Site.PETITS_PRES, Site.GRAND_LARGE):
            assert ent.at(site, "login").startswith("https://")
            assert user_of(ent.validate(site, ent.ticket(site))) == "aline.quemeneur"
