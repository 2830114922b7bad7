"""APIs that a descriptor declares: `[[resources]]`."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.domain.errors import SettingsError
from broker.domain.services import Resource, Service
from broker.services.register import load_services
from tests.descriptors import REQUIRED

PARTY = f"""
[[parties]]
client_id = "notes"
client_secret_sha256 = "{"a" * 64}"
redirect_uris = ["https://notes.example/retour"]
scopes = ["openid"]
"""
API = """
[[resources]]
uri = "https://notes.example/api"
client_id = "notes"
clients = ["notes"]
scopes = ["notes.read"]
tokens = "jwt"
"""
HEAD = f"""
service_id = "notes"
tenant = "ville"
names = {{ fr = "Notes" }}
purpose = "Lire les notes."
profils = ["ENS"]
space = "staff"
{REQUIRED}
[[instances]]
url = "https://notes.example/"
"""
GOOD = HEAD + PARTY + API


def read(tmp_path: Path, text: str = GOOD) -> Service:
    (tmp_path / "notes.toml").write_text(text, "utf-8")
    return load_services(tmp_path).all()[0]


def refusals(tmp_path: Path, text: str) -> str:
    with pytest.raises(SettingsError) as refused:
        read(tmp_path, text)
    return "\n".join(refused.value.problems)


def test_an_api_is_read_as_declared_and_is_opaque_unless_it_says(tmp_path: Path) -> None:
    api = Resource("https://notes.example/api", "notes", frozenset({"notes"}), frozenset({"notes.read"}), jwt=True)
    assert read(tmp_path).resources == (api,)
    assert not read(tmp_path, GOOD.replace('tokens = "jwt"\n', "")).resources[0].jwt
    assert load_services(tmp_path).by_resource(api.uri) is not None
    assert load_services(tmp_path).by_resource(api.uri + "/") is None


@pytest.mark.parametrize(
    ("was", "now", "reason"),
    [
        ('space = "staff"', 'space = "family"', "data of children travel in no JWT"),
        ("notes.example/api", "notes.example/api?x=1", "must have no query"),
        ("notes.example/api", "notes.example/api#x", "must not have a fragment"),
        ("https://notes.example/api", "http://notes.example/api", "must be https"),
        ("notes.example/api", "notes.example/" + "a" * 250, "longer than 255"),
        ('client_id = "notes"\nclients', 'client_id = "autre"\nclients', "must be a client of this service"),
        ('clients = ["notes"]', "clients = []", "'clients' must name at least 1"),
        ('clients = ["notes"]', 'clients = ["notes", "demain"]', "'demain' in 'clients' is no client of ours"),
        ('scopes = ["notes.read"]\n', "", "'scopes' must name at least 1"),
        ("notes.read", "notes lire", "'notes lire' is no scope"),
        ('tokens = "jwt"', 'tokens = "saml"', "'tokens' knows no 'saml'"),
        ('tokens = "jwt"', 'tokens = "jwt"\naudience = "x"', "unknown key 'audience'"),
    ],
)
def test_what_does_not_fit_is_a_fault(tmp_path: Path, was: str, now: str, reason: str) -> None:
    assert was in GOOD
    assert reason in refusals(tmp_path, GOOD.replace(was, now))


def test_a_public_client_cannot_ask_whether_tokens_are_good(tmp_path: Path) -> None:
    text = GOOD.replace(f'client_secret_sha256 = "{"a" * 64}"', 'kind = "native"')
    assert "keeps a secret or signs" in refusals(tmp_path, text)


def test_one_address_is_one_api(tmp_path: Path) -> None:
    (tmp_path / "autre.toml").write_text(GOOD.replace('"notes"', '"autre"'), "utf-8")
    assert "uri 'https://notes.example/api' is declared twice" in refusals(tmp_path, GOOD)
