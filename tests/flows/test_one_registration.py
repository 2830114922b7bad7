"""One registration, three protocols: a service knows a person by one name, whichever of them it speaks."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from broker.domain.cas import CasClient
from broker.domain.services import Protocol, Service
from tests.clock import FakeClock
from tests.federations import BASE
from tests.logouts import LogoutStand, listening, open_logouts
from tests.saml_party import Party
from tests.web_stand import Client

_USER = re.compile("<cas:user>([^<]+)</cas:user>")


def speaking_all(name: str) -> Service:
    """A family service with a client of OpenID Connect, a SAML provider and an address of CAS."""
    every = (Protocol.OIDC, Protocol.SAML, Protocol.CAS)
    cas, saml = CasClient((f"https://{name}.example/",)), Party(name, BASE).declared()
    return replace(listening(name), protocols=every, cas=cas, saml=saml)


def by_openid(stand: LogoutStand, browser: Client, name: str) -> str:
    _, claims = stand.read(stand.open(browser, name))
    return str(claims["sub"])


def by_saml(stand: LogoutStand, browser: Client, name: str) -> str:
    return stand.arrive(browser, name).name


def by_cas(stand: LogoutStand, browser: Client, name: str) -> str:
    asked = urlencode({"service": f"https://{name}.example/"})
    ticket = dict(parse_qsl(urlsplit(browser.get(f"/cas/login?{asked}").location).query))["ticket"]
    found = _USER.search(stand.web.client().get(f"/cas/serviceValidate?{asked}&ticket={ticket}").body)
    assert found
    return found[1]


@pytest.mark.spec("OIDC Core §8.1")
@pytest.mark.spec("SAML Core §8.3.7")
def test_one_service_knows_her_by_one_name_in_three_protocols_and_another_by_another(
    sqlite_url: str, clock: FakeClock
) -> None:
    """Each time in another browser: the name is the person's and the service's, not the session's."""
    with open_logouts(sqlite_url, clock, speaking_all("cantine"), speaking_all("bourses"), heard=()) as stand:
        names = {
            name: {way(stand, stand.browser(), name) for way in (by_openid, by_saml, by_cas)}
            for name in ("cantine", "bourses")
        }
    assert [len(each) for each in names.values()] == [1, 1]
    assert names["cantine"] != names["bourses"]
