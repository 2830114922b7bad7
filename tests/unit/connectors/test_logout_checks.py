"""Each check of a provider's logout request has a request that only it stops."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from broker.demo.saml_wire import Key, signed_redirect
from broker.domain.errors import UpstreamRefused
from broker.wire.saml import names
from connectors.saml.logout import (
    LOGOUT_CHECKS,
    LogoutHint,
    check_age,
    check_destination,
    check_issuer,
    check_time,
    check_until,
    is_meant,
    logout_asked,
    may_lead,
)
from tests.saml_peer import pair
from tests.saml_sources import PROVIDER
from tests.vectors.saml_documents import NOW, connector

OURS = "https://preau.example/saml/sp/essai/slo"
SOURCE = replace(connector().source, slo=OURS)
HOSTS = frozenset({"educonnect.example", "127.0.0.5"})


def query(**changes: Any) -> str:
    said = {"issuer": PROVIDER, "to": OURS, "at": NOW, "until": NOW + timedelta(minutes=5), **changes}
    xml = (
        f'<samlp:LogoutRequest xmlns:samlp="{names.SAMLP}" xmlns:saml="{names.SAML}" ID="_fin" Version="2.0"'
        f' IssueInstant="{said["at"]:%Y-%m-%dT%H:%M:%SZ}" Destination="{said["to"]}"'
        f' NotOnOrAfter="{said["until"]:%Y-%m-%dT%H:%M:%SZ}"><saml:Issuer>{said["issuer"]}</saml:Issuer>'
        f'<saml:NameID Format="{names.PERSISTENT}">aline</saml:NameID></samlp:LogoutRequest>'
    )
    by = Key(pair("idp").pem, pair("idp").certificate)
    return signed_redirect("", "SAMLRequest", xml, relay_state="", key=by).removeprefix("?")


VECTORS = [
    (check_issuer, {"issuer": "https://autre.example"}),
    (check_destination, {"to": "https://autre.example/slo"}),
    (check_age, {"at": NOW - timedelta(minutes=11)}),
    (check_time, {"at": NOW + timedelta(minutes=4)}),
    (check_until, {"until": NOW - timedelta(minutes=4)}),
]


def test_an_honest_request_is_taken() -> None:
    asked = logout_asked(SOURCE, query(), now=NOW)
    assert is_meant(LogoutHint("aline", names.PERSISTENT), asked)
    assert not is_meant(LogoutHint("autre", names.PERSISTENT), asked)
    assert not is_meant(LogoutHint("aline", names.TRANSIENT), asked)
    assert not is_meant(LogoutHint(), asked)


@pytest.mark.parametrize(("check", "spoilt"), VECTORS)
def test_only_this_check_stops_it(check: Any, spoilt: dict[str, Any]) -> None:
    with pytest.raises(UpstreamRefused):
        logout_asked(SOURCE, query(**spoilt), now=NOW)
    others = tuple(each for each in LOGOUT_CHECKS if each is not check)
    assert logout_asked(SOURCE, query(**spoilt), now=NOW, checks=others)


def test_every_check_has_a_vector() -> None:
    assert {check for check, _ in VECTORS} == set(LOGOUT_CHECKS)


@pytest.mark.parametrize(
    "spoil", [lambda q: q.partition("&Signature")[0], lambda q: q[:-4] + "AAAA", lambda q: q + "&a=b"]
)
def test_a_query_that_was_touched_is_refused(spoil: Any) -> None:
    with pytest.raises(UpstreamRefused):
        logout_asked(SOURCE, spoil(query()), now=NOW)


@pytest.mark.parametrize(
    ("address", "leads"),
    [
        ("https://educonnect.example/Logout?return=https://autre.example/", True),
        ("http://127.0.0.5:8000/Logout", True),
        ("http://educonnect.example/Logout", False),
        ("https://autre.example/", False),
        ("https://[educonnect.example/", False),
        ("https://educonnect.example/" + "x" * 2048, False),
        ("//educonnect.example/", False),
        ("", False),
    ],
)
def test_a_browser_is_led_to_hosts_of_the_settings_alone(address: str, leads: bool) -> None:
    assert may_lead(address, hosts=HOSTS) is leads
