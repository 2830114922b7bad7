"""Native and browser clients in descriptors: what they may register, and what each of their addresses accepts."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.domain.errors import SettingsError
from broker.domain.services import ClientKind, RelyingParty, Service, TokenAuthMethod
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
scopes = ["openid"]
"""
NATIVE = HEAD + 'kind = "native"\nredirect_uris = ["http://127.0.0.1/retour", "example.carnet.app:/retour"]\n'
BROWSER = (
    HEAD + 'kind = "browser"\nredirect_uris = ["https://carnet.example/retour"]\norigins = ["https://carnet.example"]\n'
)


def read(tmp_path: Path, text: str) -> Service:
    (tmp_path / "carnet.toml").write_text(text, "utf-8")
    return load_services(tmp_path).all()[0]


def refusals(tmp_path: Path, text: str) -> str:
    with pytest.raises(SettingsError) as refused:
        read(tmp_path, text)
    return "\n".join(refused.value.problems)


@pytest.mark.spec("RFC 8252 §8.4")
@pytest.mark.parametrize(("text", "kind"), [(NATIVE, ClientKind.NATIVE), (BROWSER, ClientKind.BROWSER)])
def test_what_runs_on_a_device_is_public(tmp_path: Path, text: str, kind: ClientKind) -> None:
    party = read(tmp_path, text).parties[0]
    assert (party.kind, party.auth_method, party.secret_digest) == (kind, TokenAuthMethod.NONE, "")


@pytest.mark.spec("RFC 8252 §7")
@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("http://localhost/retour", "not by name"),
        ("http://192.0.2.1/retour", "must be https"),
        ("http://127.0.0.2/retour", "not by name"),
        ("carnet:/retour", "a domain reversed"),
        ("javascript:alert(1)", "a domain reversed"),
        ("Example.carnet:/retour", "a domain reversed"),
        ("example.carnet://retour", "one slash and a path"),
        ("example.carnet:retour", "one slash and a path"),
        ("example.carnet:/retour#x", "one slash and a path"),
        ("https://carnet.example/*", "wildcard"),
        ("http://[::1/retour", "is not an address"),
    ],
)
def test_a_native_client_registers_no_address_that_another_app_could_take(
    tmp_path: Path, uri: str, reason: str
) -> None:
    assert reason in refusals(tmp_path, NATIVE.replace("http://127.0.0.1/retour", uri))
    assert read(tmp_path, NATIVE)


@pytest.mark.parametrize("uri", ["http://[::1]/retour", "http://127.0.0.1:8080/", "https://carnet.example/app"])
def test_loopback_literals_and_claimed_https_are_registered(tmp_path: Path, uri: str) -> None:
    assert uri in read(tmp_path, NATIVE.replace("http://127.0.0.1/retour", uri)).parties[0].redirect_uris


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ('auth_method = "client_secret_basic"\n', "'auth_method' is 'none' for a native or browser client"),
        (f'client_secret_sha256 = "{"a" * 64}"\n', "keeps no secret"),
        ('client_secret_file = "x"\n', "keeps no secret"),
    ],
)
@pytest.mark.parametrize("text", [NATIVE, BROWSER])
def test_a_public_client_declares_no_secret(tmp_path: Path, text: str, change: str, reason: str) -> None:
    assert reason in refusals(tmp_path, text + change)


@pytest.mark.parametrize(
    ("origin", "reason"),
    [
        ("*", "absolute https"),
        ("null", "absolute https"),
        ("https://*.example", "wildcard"),
        ("https://carnet.example/", "nothing after"),
        ("https://carnet.example/app", "nothing after"),
        ("https://carnet.example?x", "nothing after"),
        ("https://carnet.example:443", "usual port"),
        ("http://carnet.example", "must be https"),
        ("https://Carnet.example", "lower case"),
    ],
)
def test_an_origin_is_exact(tmp_path: Path, origin: str, reason: str) -> None:
    assert reason in refusals(tmp_path, BROWSER.replace('["https://carnet.example"]', f'["{origin}"]'))
    assert read(tmp_path, BROWSER).parties[0].origins == ("https://carnet.example",)


def test_a_browser_client_has_origins_and_no_other_has(tmp_path: Path) -> None:
    assert "'origins' must name at least 1" in refusals(tmp_path, BROWSER.replace('["https://carnet.example"]', "[]"))
    assert "'origins' is for a client of kind 'browser'" in refusals(
        tmp_path, NATIVE + 'origins = ["https://carnet.example"]\n'
    )


def test_what_runs_on_a_server_never_goes_without_a_secret(tmp_path: Path) -> None:
    web = BROWSER.replace('kind = "browser"', 'auth_method = "none"').replace("origins =", "# origins =")
    told = refusals(tmp_path, web)
    assert "'auth_method' is 'none' for a native or browser client" in told
    assert "one of 'client_secret_file' and 'client_secret_sha256' is needed" in told


# ---- where answers may be sent ------------------------------------------------------------------------------------


def party(kind: ClientKind, *uris: str) -> RelyingParty:
    return RelyingParty("carnet", "", uris, TokenAuthMethod.NONE, kind=kind)


@pytest.mark.spec("RFC 8252 §7.3")
@pytest.mark.parametrize("uri", ["http://127.0.0.1/r", "http://127.0.0.1:51004/r", "http://127.0.0.1:65535/r"])
def test_a_native_client_listens_on_any_port_of_the_loopback(uri: str) -> None:
    assert party(ClientKind.NATIVE, "http://127.0.0.1/r").accepts_redirect(uri)
    assert party(ClientKind.NATIVE, "http://127.0.0.1:1234/r").accepts_redirect(uri)
    assert not party(ClientKind.WEB, "http://127.0.0.1:1234/r").accepts_redirect(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:51004/other", "http://127.0.0.1:51004/r?x=1", "http://127.0.0.1:51004/r#x", "http://127.0.0.1:0/r",
        "http://127.0.0.1:65536/r", "http://127.0.0.1:/r", "http://127.0.0.1:99999999/r", "http://localhost:51004/r",
        "http://[::1]:51004/r", "http://127.0.0.1:51004@evil.example/r", "http://127.0.0.1.evil.example/r",
        "https://127.0.0.1:51004/r", "http://127.0.0.1:51004", "http://127.0.0.1:٣/r", "",
    ],
)  # fmt: skip
def test_but_for_the_port_the_address_is_the_registered_one(uri: str) -> None:
    assert not party(ClientKind.NATIVE, "http://127.0.0.1/r").accepts_redirect(uri)


def test_other_addresses_of_a_native_client_are_exact() -> None:
    client = party(ClientKind.NATIVE, "https://carnet.example/app", "example.carnet.app:/r")
    assert client.accepts_redirect("https://carnet.example/app")
    assert client.accepts_redirect("example.carnet.app:/r")
    assert not client.accepts_redirect("https://carnet.example:8443/app")
    assert not client.accepts_redirect("example.carnet.app:/r/")
