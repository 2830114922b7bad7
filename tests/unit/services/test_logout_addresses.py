"""The addresses of logout in a descriptor: exact, https, and framed only where the client already is."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.domain.errors import SettingsError
from broker.domain.services import RelyingParty
from broker.services.register import load_services
from tests.descriptors import REQUIRED

HEAD = f"""
service_id = "carnet"
tenant = "ville"
names = {{ fr = "Carnet" }}
purpose = "Lire le carnet."
profils = ["TUT"]
{REQUIRED}
[[instances]]
url = "https://carnet.example/"
[[parties]]
client_id = "carnet"
client_secret_sha256 = "{"a" * 64}"
scopes = ["openid"]
redirect_uris = ["https://carnet.example/retour"]
"""
GOOD = """post_logout_redirect_uris = ["https://carnet.example/au-revoir"]
backchannel_logout_uri = "https://interne.carnet.example/fin"
backchannel_logout_session_required = true
frontchannel_logout_uri = "https://carnet.example/sortie"
frontchannel_logout_session_required = true
"""


def read(tmp_path: Path, text: str) -> RelyingParty:
    (tmp_path / "carnet.toml").write_text(HEAD + text, "utf-8")
    return load_services(tmp_path).all()[0].parties[0]


def test_the_addresses_of_logout_are_read(tmp_path: Path) -> None:
    party = read(tmp_path, GOOD)
    assert party.post_logout_redirect_uris == ("https://carnet.example/au-revoir",)
    assert party.backchannel_logout_uri == "https://interne.carnet.example/fin"
    assert party.frontchannel_logout_uri == "https://carnet.example/sortie"


def test_a_client_need_not_have_any(tmp_path: Path) -> None:
    party = read(tmp_path, "")
    assert (party.post_logout_redirect_uris, party.backchannel_logout_uri, party.frontchannel_logout_uri) == (
        (),
        "",
        "",
    )


@pytest.mark.parametrize(
    ("good", "bad", "reason"),
    [
        ("https://carnet.example/au-revoir", "http://carnet.example/au-revoir", "must be https"),
        ("https://carnet.example/au-revoir", "https://carnet.example/*", "wildcard"),
        ("https://interne.carnet.example/fin", "http://interne.carnet.example/fin", "must be https"),
        ("https://interne.carnet.example/fin", "https://carnet.example/fin#x", "fragment"),
        ("https://interne.carnet.example/fin", "https://user@carnet.example/fin", "user name"),
        ("https://carnet.example/sortie", "https://autre.example/sortie", "not of the origin of a redirect URI"),
        ("https://carnet.example/sortie", "https://carnet.example:444/sortie", "not of the origin of a redirect URI"),
        ("https://carnet.example/sortie", "//carnet.example/sortie", "absolute https address"),
    ],
)
def test_an_address_that_could_be_captured_is_refused_with_its_line(
    tmp_path: Path, good: str, bad: str, reason: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        read(tmp_path, GOOD.replace(good, bad))
    (problem,) = refused.value.problems
    line = next(n for n, text in enumerate((HEAD + GOOD).splitlines(), 1) if good in text)
    assert problem.startswith(f"carnet.toml:{line}: ")
    assert reason in problem


@pytest.mark.parametrize("channel", ["backchannel", "frontchannel"])
@pytest.mark.parametrize(("value", "reason"), [("true", "needs"), ('"yes"', "must be true or false")])
def test_a_need_for_sid_is_a_flag_beside_its_address(tmp_path: Path, channel: str, value: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        read(tmp_path, f"{channel}_logout_session_required = {value}\n")
