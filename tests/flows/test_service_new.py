"""`preau service new`: what it writes is accepted as it is, what it prints is whole, and nothing is written over."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from broker.__main__ import main
from broker.domain.handles import digest
from broker.domain.services import ClaimName, ClientKind
from broker.services.integrations import PRODUCTS
from broker.services.new_descriptor import DATA_WORDS, data_of
from broker.services.register import load_services
from tests.command_line import CommandLine, install
from tests.saml_party import Party

SAID = (
    "--name", 'Le "Cahier"\nde textes', "--purpose", "Suivre les devoirs.", "--operator", "Ville d'essai",
    "--contact", "https://ville.example/contact", "--url", "https://cahier.example/",
)  # fmt: skip


@pytest.fixture
def preau(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(install(tmp_path), capsys)


def new(*more: str) -> tuple[str, ...]:
    return ("service", "new", "cahier", *SAID, *more)


def test_what_is_written_can_be_used_at_once_and_asks_for_little(preau: CommandLine) -> None:
    printed = preau.json(*new())
    assert preau.text("check")[0] == "settings, policies and services can be used\n"
    (service,) = load_services(preau.folder / "services").all()
    (party,) = service.parties
    assert (service.names["fr"], service.tenant, service.data) == (
        'Le "Cahier"\nde textes',
        "ac-test",
        "Prénom, nom, profil.",
    )
    assert party.secret_digest == digest(printed["client_secret"])
    assert (party.redirect_uris, party.scopes) == (("https://cahier.example/retour",), ("openid", "profile", "school"))


def test_the_secret_is_shown_once_and_kept_nowhere(preau: CommandLine) -> None:
    shown, _ = preau.text(*new())
    secret = re.search(r"client_secret +(\S{64})\n", shown)
    assert secret is not None
    held = [path for path in preau.folder.rglob("*") if path.is_file() and secret[1].encode() in path.read_bytes()]
    assert held == []


def test_nothing_is_written_over(preau: CommandLine) -> None:
    file = preau.folder / "services" / "cahier.toml"
    file.write_text("# somebody's draft\n", "utf-8")
    assert "there already" in preau.refused(*new())
    assert file.read_text("utf-8") == "# somebody's draft\n"
    file.unlink()
    preau.text(*new())
    written = file.read_bytes()
    assert "is the name of a service or client already" in preau.refused(*new())
    assert file.read_bytes() == written
    assert [path.name for path in file.parent.iterdir()] == ["cahier.toml"]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("--redirect-uri", "http://cahier.example/retour"), "must be https"),
        (("--redirect-uri", "https://cahier.example/*"), "is not an address that can stand in a file"),
        (("--redirect-uri", 'https://cahier.example/"$(x)'), "is not an address that can stand in a file"),
        (("--tenant", "ailleurs"), "--tenant must be one of: ac-test"),
        (("--purpose", " "), "'purpose' must be a text"),
    ],
)
def test_what_could_not_be_used_is_not_written(preau: CommandLine, more: tuple[str, ...], why: str) -> None:
    assert why in preau.refused(*new(*more))
    assert list((preau.folder / "services").iterdir()) == []
    preau.text(*new())


def test_beside_a_faulty_descriptor_nothing_is_written(preau: CommandLine) -> None:
    broken = preau.folder / "services" / "broken.toml"
    broken.write_text("= 1", "utf-8")
    assert "broken.toml:1: is no TOML" in preau.refused(*new())
    assert list(broken.parent.iterdir()) == [broken]


def test_a_claim_or_profil_that_is_not_known_is_wrong_usage(preau: CommandLine) -> None:
    for option, word in (("--claims", "ine"), ("--profils", "PARENT")):
        with pytest.raises(SystemExit) as left:
            main([*new(option, word), "--config", str(preau.config)])
        assert left.value.code == 2


def test_each_product_is_told_every_address_it_needs(preau: CommandLine) -> None:
    web = preau.json(*new())
    preau.folder.joinpath("services", "cahier.toml").unlink()
    browser = preau.json(*new("--kind", "browser"))
    assert web["configurations"].keys() | browser["configurations"].keys() == {product.name for product in PRODUCTS}
    for name, text in {**web["configurations"], **browser["configurations"]}.items():
        assert "http://127.0.0.1:8000" in text, name
        assert "cahier" in text
        assert (web["client_secret"] in text) is (name != "oidc-client-ts")
    keycloak = json.loads(
        web["configurations"]["keycloak"].partition("{")[1] + web["configurations"]["keycloak"].partition("{")[2]
    )
    assert keycloak["config"]["tokenUrl"] == web["token_endpoint"]
    assert keycloak["config"]["pkceMethod"] == "S256"
    compile(web["configurations"]["flask"], "flask", "exec")
    assert browser["client_secret"] == "none"


def test_a_client_in_a_browser_has_no_secret_and_names_its_origin(preau: CommandLine) -> None:
    preau.text(*new("--kind", "browser", "--claims", "children", "--for", "oidc-client-ts"))
    (party,) = load_services(preau.folder / "services").all()[0].parties
    assert (party.kind, party.secret_digest, party.origins) == (ClientKind.BROWSER, "", ("https://cahier.example",))
    table = tomllib.loads((preau.folder / "services" / "cahier.toml").read_text("utf-8"))
    assert table["parties"][0]["scopes"] == ["openid", "children"]


def test_every_claim_has_words_for_families() -> None:
    assert set(DATA_WORDS) == set(ClaimName)
    assert data_of(()) == "Un numéro qui ne sert qu'à ce service."


# ---- CAS and SAML -------------------------------------------------------------------------------------------------


def test_a_service_that_speaks_cas_is_written_without_any_secret(preau: CommandLine) -> None:
    printed = preau.json(*new("--protocol", "cas", "--cas-service", "https://cahier.example/app/"))
    assert preau.text("check")[0] == "settings, policies and services can be used\n"
    (service,) = load_services(preau.folder / "services").all()
    assert service.cas is not None
    assert (service.cas.services, service.parties) == (("https://cahier.example/app/",), ())
    assert "client_secret" not in printed
    assert printed["cas_server"] == "http://127.0.0.1:8000/cas"
    assert set(printed["configurations"]) == {"mod_auth_cas", "phpcas"}
    assert "'127.0.0.1', 8000, '/cas', 'https://cahier.example'" in printed["configurations"]["phpcas"]
    assert '<Location "/app/">' in printed["configurations"]["mod_auth_cas"]


def test_a_service_that_speaks_saml_is_written_with_a_copy_of_its_metadata(preau: CommandLine) -> None:
    (preau.folder / "sp.xml").write_bytes(Party("cahier").metadata())
    said = ("--protocol", "saml", "--metadata", str(preau.folder / "sp.xml"))
    shown, _ = preau.text(*new(*said, "--for", "mellon"))
    assert "MellonIdPMetadataFile" in shown
    assert "Shibboleth" not in shown
    (service,) = load_services(preau.folder / "services").all()
    assert service.saml is not None
    assert service.saml.entity_id == Party("cahier").entity_id
    assert sorted(path.name for path in (preau.folder / "services").iterdir()) == ["cahier-metadata.xml", "cahier.toml"]


def test_a_service_of_a_federation_is_written_by_its_name_and_waits_for_its_metadata(preau: CommandLine) -> None:
    preau.text(*new("--protocol", "saml", "--entity-id", Party("cahier").entity_id))
    warned = preau.text("check")[1]
    assert "service cahier: no metadata yet: nobody signs in there by SAML" in warned
    assert main(["db", "upgrade", "--config", str(preau.config)]) == 0
    assert "no metadata yet" in preau.text("service", "list")[1]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("--protocol", "saml"), "--protocol saml wants --metadata FILE"),
        (("--protocol", "saml", "--metadata", "rien.xml"), "rien.xml is not a file"),
        (("--protocol", "cas", "--cas-service", "http://cahier.example/"), "must be https"),
    ],
)
def test_what_another_protocol_could_not_use_is_not_written(
    preau: CommandLine, more: tuple[str, ...], why: str
) -> None:
    assert why in preau.refused(*new(*more))
    assert list((preau.folder / "services").iterdir()) == []


def test_metadata_that_cannot_be_used_leave_no_file(preau: CommandLine) -> None:
    (preau.folder / "sp.xml").write_text("<x/>", "utf-8")
    assert "holds no EntityDescriptor" in preau.refused(
        *new("--protocol", "saml", "--metadata", str(preau.folder / "sp.xml"))
    )
    assert list((preau.folder / "services").iterdir()) == []
