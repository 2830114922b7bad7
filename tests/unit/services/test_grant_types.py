"""By what a client gets tokens: what its descriptor may declare."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.domain.errors import SettingsError
from broker.domain.services import GrantType, RelyingParty
from broker.services.register import load_services
from tests.descriptors import REQUIRED

HEAD = f"""
service_id = "agents"
tenant = "ville"
names = {{ fr = "Agents" }}
purpose = "Lire les menus."
profils = ["ENS"]
space = "staff"
{REQUIRED}
[[instances]]
url = "https://agents.example/"
[[parties]]
client_id = "agents"
"""
SECRET = f'client_secret_sha256 = "{"a" * 64}"\n'
MACHINE = HEAD + SECRET + 'grant_types = ["client_credentials"]\nservice_scopes = ["menus.read"]\n'
CODE = HEAD + SECRET + 'redirect_uris = ["https://agents.example/retour"]\nscopes = ["openid"]\n'


def read(tmp_path: Path, text: str) -> RelyingParty:
    (tmp_path / "agents.toml").write_text(text, "utf-8")
    return load_services(tmp_path).all()[0].parties[0]


def refusals(tmp_path: Path, text: str) -> str:
    with pytest.raises(SettingsError) as refused:
        read(tmp_path, text)
    return "\n".join(refused.value.problems)


def test_who_says_nothing_redeems_codes_alone(tmp_path: Path) -> None:
    assert read(tmp_path, CODE).grant_types == {GrantType.AUTHORIZATION_CODE}


def test_a_machine_needs_no_address_and_no_scope_of_a_person(tmp_path: Path) -> None:
    party = read(tmp_path, MACHINE)
    assert (party.grant_types, party.service_scopes) == ({GrantType.CLIENT_CREDENTIALS}, ("menus.read",))
    assert (party.redirect_uris, party.scopes) == ((), ())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (CODE + 'service_scopes = ["menus.read"]\n', "'service_scopes' is for grant_types"),
        (MACHINE.replace("menus.read", "children"), "is what a person grants of themselves"),
        (MACHINE.replace("menus.read", "menus lire"), "is no scope"),
        (MACHINE.replace('service_scopes = ["menus.read"]\n', ""), "'service_scopes' must name at least 1"),
        (MACHINE + 'scopes = ["openid"]\n', "no grant of a person"),
        (MACHINE + 'redirect_uris = ["https://agents.example/retour"]\n', "'redirect_uris' is for"),
        (MACHINE.replace("client_credentials", "password"), "'grant_types' knows no 'password'"),
        (MACHINE.replace('["client_credentials"]', "[]"), "'grant_types' must name at least 1"),
        (MACHINE.replace(SECRET, 'kind = "native"\n'), "keeps no secret to ask in its own name"),
        (CODE.replace('scopes = ["openid"]\n', ""), "'scopes' needs 'openid'"),
    ],
)
def test_what_does_not_fit_is_a_fault(tmp_path: Path, text: str, reason: str) -> None:
    assert reason in refusals(tmp_path, text)


SCREEN = (
    HEAD
    + 'kind = "native"\ngrant_types = ["urn:ietf:params:oauth:grant-type:device_code"]\n'
    + 'scopes = ["openid", "offline_access"]\ndevice_offline = true\n'
)


def test_screens_renew_nothing_unless_it_is_said(tmp_path: Path) -> None:
    assert read(tmp_path, SCREEN).device_offline
    assert not read(tmp_path, SCREEN.replace("device_offline = true\n", "")).device_offline


@pytest.mark.parametrize(
    ("was", "now", "reason"),
    [
        (', "offline_access"', "", "scopes with 'offline_access'"),
        ('space = "staff"', 'space = "family"', "is for a service of staff"),
        ("device_offline = true", 'device_offline = "oui"', "must be true or false"),
        (
            'grant_types = ["urn:ietf:params:oauth:grant-type:device_code"]',
            'redirect_uris = ["http://127.0.0.1/"]',
            "'device_offline' is for grant_types",
        ),
    ],
)
def test_what_does_not_fit_a_screen_is_a_fault(tmp_path: Path, was: str, now: str, reason: str) -> None:
    assert was in SCREEN
    assert reason in refusals(tmp_path, SCREEN.replace(was, now))


EXCHANGE = (
    HEAD.replace('profils = ["ENS"]\nspace = "staff"', 'profils = ["TUT"]\nclaims = ["children"]')
    + SECRET
    + 'redirect_uris = ["https://agents.example/retour"]\nscopes = ["openid", "children"]\n'
    + 'grant_types = ["authorization_code", "urn:ietf:params:oauth:grant-type:token-exchange"]\n'
    + 'child_scopes = ["meals.order"]\n'
)


def test_a_family_service_exchanges_for_a_child(tmp_path: Path) -> None:
    party = read(tmp_path, EXCHANGE)
    assert GrantType.TOKEN_EXCHANGE in party.grant_types
    assert party.child_scopes == ("meals.order",)


@pytest.mark.parametrize(
    ("was", "now", "reason"),
    [
        ('claims = ["children"]', 'claims = ["profil"]', "'claims' name 'children'"),
        ('profils = ["TUT"]', 'profils = ["ENS"]\nspace = "staff"', "is for a family service"),
        ('child_scopes = ["meals.order"]\n', "", "'child_scopes' must name at least 1"),
        (', "urn:ietf:params:oauth:grant-type:token-exchange"', "", "'child_scopes' is for grant_types"),
        ("meals.order", "children", "is what a person grants of themselves"),
        (SECRET, 'kind = "native"\n', "keeps no secret to exchange tokens with"),
    ],
)
def test_what_does_not_fit_an_exchange_is_a_fault(tmp_path: Path, was: str, now: str, reason: str) -> None:
    assert was in EXCHANGE
    assert reason in refusals(tmp_path, EXCHANGE.replace(was, now))
