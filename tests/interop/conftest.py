"""One demo town over https with the tests' own service in its register, and the clients of that service around it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate
from playwright.sync_api import Browser, BrowserContext

from broker.demo.prepared import Tls
from tests.browser.chromium import running_chromium
from tests.browser.town import RunningTown, free_port
from tests.certificates import ThrowAwayCa
from tests.conftest import needs
from tests.interop import parties as known
from tests.interop.apache_party import BY_POST, GOOD, UNREGISTERED, WITHOUT_PKCE, apache_party
from tests.interop.parties import Party, draw_secret
from tests.interop.party_process import running_party
from tests.interop.saml_parties import SamlParty, providers_at
from tests.interop.town import https_town
from tests.scripted_browser import ScriptedBrowser
from tests.towns import tls_of


@pytest.fixture(scope="session")
def tls(throw_away_ca: ThrowAwayCa) -> Tls:
    return tls_of(throw_away_ca)


@pytest.fixture(scope="session")
def parties() -> dict[str, Party]:
    """Known to the broker before it starts. Old software asks for RS256, new software for ES256."""
    needs("other people's clients")
    port = free_port()
    at = {host: f"https://{host}:{port}" for host in (f"127.0.0.{n}" for n in range(31, 42))}
    apache = (at[GOOD], at[WITHOUT_PKCE], at[BY_POST], at[UNREGISTERED])
    listed = [
        Party(known.APACHE, "RS256", apache, 3, "/retour?logout=backchannel", draw_secret()),
        Party(known.NODE, "ES256", (at["127.0.0.34"],), secret=draw_secret()),
        Party(known.AUTHLIB, "ES256", (at["127.0.0.36"],), secret=draw_secret()),
        Party(known.IDPYOIDC, "RS256", (at["127.0.0.37"],), told_at="/deconnexion", secret=draw_secret()),
        Party(known.BROWSER, "ES256", (at["127.0.0.38"], at["127.0.0.39"]), 2),
        Party(known.DPOP_BROWSER, "ES256", (at["127.0.0.40"],), dpop=True),
    ]
    return {party.client_id: party for party in listed}


@pytest.fixture(scope="session")
def cas_at() -> dict[str, str]:
    """The origins of the clients that speak CAS, by name."""
    port = free_port()
    return {
        known.MOD_AUTH_CAS: f"https://127.0.0.42:{port}",
        known.PHP_CAS: f"http://127.0.0.43:{port}",
        known.PYTHON_CAS: f"http://127.0.0.44:{port}",
    }


@pytest.fixture(scope="session")
def saml_at() -> dict[str, SamlParty]:
    """The service providers that speak SAML, by name."""
    return providers_at(free_port())


@pytest.fixture(scope="session")
def town(
    tmp_path_factory: pytest.TempPathFactory,
    parties: dict[str, Party],
    tls: Tls,
    cas_at: dict[str, str],
    saml_at: dict[str, SamlParty],
) -> Iterator[RunningTown]:
    folder, spoken = tmp_path_factory.mktemp("interop"), list(parties.values())
    with https_town(folder, spoken, tls, by_cas=list(cas_at.values()), by_saml=saml_at) as running:
        yield running


@pytest.fixture(scope="session")
def apache_at(parties: dict[str, Party], town: RunningTown, tls: Tls) -> Iterator[dict[str, str]]:
    """A running Apache: the origin of each of its hosts."""
    with apache_party(parties[known.APACHE], town.origin, tls) as origins:
        yield origins


@pytest.fixture(scope="session")
def party_at(parties: dict[str, Party], town: RunningTown, tls: Tls) -> Iterator[dict[str, str]]:
    """Running clients in processes of their own: the origin of each, by its client id."""
    with ExitStack() as stack:
        yield {
            client_id: stack.enter_context(running_party(parties[client_id], town.origin, tls))
            for client_id in (known.NODE, known.AUTHLIB, known.IDPYOIDC)
        }


@pytest.fixture
def browser(throw_away_ca: ThrowAwayCa) -> Iterator[ScriptedBrowser]:
    with closing(ScriptedBrowser(throw_away_ca.trust())) as opened:
        yield opened


@pytest.fixture
def another_browser(throw_away_ca: ThrowAwayCa) -> Iterator[ScriptedBrowser]:
    with closing(ScriptedBrowser(throw_away_ca.trust())) as opened:
        yield opened


@pytest.fixture(scope="session")
def chromium(tls: Tls) -> Iterator[Browser]:
    """It trusts the key of the tests' own certificate, and no other that the system does not."""
    certificate = load_pem_x509_certificate(tls.certificate.read_bytes())
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pin = base64.b64encode(hashlib.sha256(key).digest()).decode()
    with running_chromium(f"--ignore-certificate-errors-spki-list={pin}") as browser:
        yield browser


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    fresh = chromium.new_context(locale="fr-FR")
    fresh.set_default_timeout(20_000)
    yield fresh
    fresh.close()
