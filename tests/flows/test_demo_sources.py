"""The broker's own connectors against the town's sources, over HTTP and HTTPS."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from broker.demo.accounts import PASSWORD
from broker.demo.people import Site
from broker.demo.prepared import Tls, Town
from broker.domain.identity import UpstreamIdentity
from broker.domain.people import Reference
from broker.domain.ports import Departure, Return
from connectors.cas import CasSource
from connectors.educonnect import EduConnectProfile
from connectors.oidc import OidcSource
from tests.certificates import ThrowAwayCa
from tests.towns import running_town, tls_of


@dataclass(frozen=True, slots=True)
class Visit:
    """A person at a running town."""

    town: Town
    http: httpx.Client
    ca_file: Path | None

    def educonnect(self, login: str, *, force: bool = False) -> UpstreamIdentity:
        source = OidcSource(
            "educonnect", self.town.addresses.site(Site.EDUCONNECT), "preau", self.town.secret("educonnect"),
            profile=EduConnectProfile(releases_references=True), ca_file=self.ca_file,
        )  # fmt: skip
        with closing(source.open()) as connector:
            callback = self.town.addresses.callback(Site.EDUCONNECT)
            departure = connector.start(return_url=callback, state="s", force=force)
            return connector.finish(self._choose(departure, login), private=departure.private, now=datetime.now(UTC))

    def ent(self, site: Site, login: str, *, force: bool = False) -> UpstreamIdentity:
        source = CasSource(
            site.value, f"{self.town.addresses.site(site)}/cas", releases_references=True,
            academies={"AC-TEST": "99"}, ca_file=self.ca_file,
        )  # fmt: skip
        with closing(source.open()) as connector:
            departure = connector.start(return_url=self.town.addresses.callback(site), state="s", force=force)
            service = departure.private["service"]
            form = {"service": service, "username": login, "password": PASSWORD}
            back = self.http.post(departure.url.partition("?")[0], data=form)
            return connector.finish(returned(back), private=departure.private, now=datetime.now(UTC))

    def _choose(self, departure: Departure, login: str) -> Return:
        choice = self.http.get(departure.url, follow_redirects=True)
        handle = re.search(r'name="t" value="([^"]+)"', choice.text)
        assert handle is not None
        base = self.town.addresses.site(Site.EDUCONNECT)
        form = {"t": handle[1], "typeUser": "responsable", "j_username": login, "j_password": PASSWORD}
        return returned(self.http.post(f"{base}/idp/connexion", data=form))


def returned(response: httpx.Response) -> Return:
    assert response.status_code == 303, response.text
    url = response.headers["location"]
    return Return(dict(parse_qsl(urlsplit(url).query)), url)


@pytest.fixture(scope="module", params=["http", "https"])
def visit(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, throw_away_ca: ThrowAwayCa
) -> Iterator[Visit]:
    tls: Tls | None = tls_of(throw_away_ca) if request.param == "https" else None
    trust = throw_away_ca.trust() if tls else True
    with (
        running_town(tmp_path_factory.mktemp(request.param), tls=tls) as town,
        httpx.Client(verify=trust, trust_env=False) as http,
    ):
        yield Visit(town, http, tls.authority if tls else None)


@pytest.mark.parametrize("force", [False, True])
def test_educonnect_gives_every_reference_of_the_mother(visit: Visit, force: bool) -> None:
    identity = visit.educonnect("aline.quemeneur", force=force)
    assert identity.references == (Reference("99", "610777"), Reference("99", "500101"))
    assert identity.display == "Aline QUEMENEUR"


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(("site", "key"), [(Site.PETITS_PRES, "610777"), (Site.GRAND_LARGE, "500101")])
def test_each_ent_gives_its_own_reference_of_the_mother(visit: Visit, site: Site, key: str, force: bool) -> None:
    identity = visit.ent(site, "aline.quemeneur", force=force)
    assert identity.references == (Reference("99", key),)
    assert identity.key.subject == "aline.quemeneur"
    assert identity.display == "Aline QUEMENEUR"


def test_two_logins_at_one_source_are_one_account(visit: Visit) -> None:
    assert visit.educonnect("zahra.ben-salah").key == visit.educonnect("zahra.ben-salah").key
    assert visit.educonnect("zahra.ben-salah").key != visit.educonnect("loic.kerbrat").key
