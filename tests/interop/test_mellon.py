"""mod_auth_mellon 0.18 (lasso), as Debian ships it, as a SAML service of the broker: login, attributes, logout."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from broker.demo.prepared import Tls
from tests.browser.town import RunningTown, free_port
from tests.certificates import ThrowAwayCa, trusting
from tests.conftest import needs
from tests.descriptors import REQUIRED
from tests.interop import parties as known
from tests.interop.apache import Host, apache
from tests.interop.parties import TENANT, Party
from tests.interop.town import https_town
from tests.interop.visits import SIGN_IN_PATH, sign_in, sign_out, soon
from tests.saml_party import key_of, private_pem
from tests.scripted_browser import Page, ScriptedBrowser
from tests.towns import tls_of

pytestmark = pytest.mark.interop

PAGE = "/page.html"
_MODULES = ("alias", "authn_core", "authz_user", "include", "auth_mellon")
_SETTINGS = """\
Alias /au-revoir {folder}/site/au-revoir.html
<Directory {folder}/site>
  Options +Includes
  ForceType "text/html; charset=utf-8"
  SetOutputFilter INCLUDES
</Directory>
"""
_MELLON = """\
<Location />
  MellonEnable "auth"
  AuthType Mellon
  Require valid-user
  MellonEndpointPath /mellon
  MellonSPPrivateKeyFile {folder}/sp.key
  MellonSPCertFile {folder}/sp.pem
  MellonSPMetadataFile {folder}/sp.xml
  MellonIdPMetadataFile {folder}/idp.xml
  MellonSignatureMethod rsa-sha256
</Location>
<Location /au-revoir>
  MellonEnable "off"
  AuthType None
  Require all granted
</Location>
"""
_METADATA = """\
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#"
  entityID="{origin}/mellon/metadata">
 <md:SPSSODescriptor AuthnRequestsSigned="true" WantAssertionsSigned="true"
   protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
  <md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate>
  </ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
  <md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:SOAP" Location="{origin}/mellon/logout"/>
  <md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
    Location="{origin}/mellon/logout"/>
  <md:NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:persistent</md:NameIDFormat>
  <md:AssertionConsumerService index="0" isDefault="true"
    Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="{origin}/mellon/postResponse"/>
 </md:SPSSODescriptor>
</md:EntityDescriptor>
"""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, throw_away_ca: ThrowAwayCa) -> Iterator[RunningTown]:
    needs("other people's clients")
    listed = [Party(known.NODE, "ES256", (f"https://127.0.0.43:{free_port()}",), secret="x" * 64)]
    with https_town(tmp_path_factory.mktemp("mellon"), listed, tls_of(throw_away_ca)) as running:
        yield running


@pytest.fixture(scope="module")
def mellon(town: RunningTown, throw_away_ca: ThrowAwayCa) -> Iterator[str]:
    """Apache with the module, known to the broker as the service `mellon`; its origin."""
    tls, origin = tls_of(throw_away_ca), f"https://127.0.0.44:{free_port()}"
    certificate = key_of("mellon").certificate
    metadata = _METADATA.format(origin=origin, certificate=certificate)
    _register(town.folder / "services", origin, metadata)
    files = {
        f"site{PAGE}": "<!doctype html><pre>\n<!--#printenv -->\n</pre>\n",
        "site/au-revoir.html": "<!doctype html><h1>Au revoir</h1>\n",
        "sp.key": private_pem("mellon").decode(),
        "sp.pem": f"-----BEGIN CERTIFICATE-----\n{certificate}\n-----END CERTIFICATE-----\n",
        "sp.xml": metadata,
        "idp.xml": _idp(town, tls),
    }
    with apache([Host(origin, _MELLON)], tls, modules=_MODULES, settings=_SETTINGS, files=files, ready="/au-revoir"):
        yield origin


def _register(folder: Path, origin: str, metadata: str) -> None:
    (folder / "mellon.xml").write_text(metadata, "utf-8")
    (folder / "mellon.toml").write_text(
        f"""
service_id = "mellon"
tenant = "{TENANT}"
names = {{ fr = "Mellon" }}
purpose = "Essais."
{REQUIRED}
space = "family"
profils = ["TUT"]
claims = ["given_name", "family_name", "uai"]
protocols = ["saml"]
[saml]
metadata_file = "mellon.xml"
[[instances]]
url = "{origin}/"
""",
        "utf-8",
    )


def _idp(town: RunningTown, tls: Tls) -> str:
    with httpx.Client(trust_env=False, timeout=20, verify=trusting(tls.authority)) as http:
        return http.get(f"{town.origin}/saml/metadata").text


def arrive(browser: ScriptedBrowser, mellon: str) -> Page:
    """Open the page; whoever the broker sends back carries the answer by the button of its page."""
    soon(lambda: browser.open(mellon + PAGE).status == 200)
    if browser.page.url.split("?")[0].endswith(SIGN_IN_PATH):
        sign_in(browser)
    return browser.submit(browser.page.forms[0])


def handed_over(page: Page) -> dict[str, str]:
    """What the module gives to its application."""
    lines = (html.unescape(line).partition("=") for line in page.body.splitlines())
    return {name: value for name, sign, value in lines if sign}


def test_mellon_signs_the_mother_in_and_tells_its_application_who_she_is(
    browser: ScriptedBrowser, town: RunningTown, mellon: str
) -> None:
    """She signs out at the end: the module finds a session by her name alone, and would take the older of two."""
    page = arrive(browser, mellon)
    assert (page.url, page.status) == (mellon + PAGE, 200)
    told = handed_over(page)
    assert told["MELLON_urn:oid:2.5.4.42"] == "Aline"
    assert told["MELLON_urn:oid:2.5.4.4"] == "QUEMENEUR"
    assert len(told["MELLON_NAME_ID"]) == 32
    sign_out(browser, town.origin)
    assert soon(lambda: browser.open(mellon + PAGE).url != mellon + PAGE)


def test_a_logout_that_mellon_begins_ends_the_visit_and_comes_back_to_it(
    browser: ScriptedBrowser, town: RunningTown, mellon: str
) -> None:
    arrive(browser, mellon)
    page = browser.open(f"{mellon}/mellon/logout?ReturnTo={mellon}/au-revoir")
    assert page.url == f"{mellon}/au-revoir"
    assert browser.open(mellon + PAGE).url.startswith(town.origin + SIGN_IN_PATH)


def test_mellon_is_told_of_a_sign_out_by_soap_and_forgets_her(
    browser: ScriptedBrowser, another_browser: ScriptedBrowser, town: RunningTown, mellon: str
) -> None:
    """Asked with her cookie by a browser that the broker does not know: Apache alone can have forgotten her."""
    arrive(browser, mellon)
    another_browser.cookies("127.0.0.44").update(browser.cookies("127.0.0.44"))
    assert another_browser.open(mellon + PAGE).url == mellon + PAGE
    sign_out(browser, town.origin)
    forgotten = soon(lambda: another_browser.open(mellon + PAGE).url != mellon + PAGE)
    assert forgotten, town.log.read_text("utf-8")[-3000:]
