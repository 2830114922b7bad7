"""mod_auth_mellon 0.18 (lasso), as Debian ships it, as a SAML service of the broker: login, attributes, logout."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from broker.demo.prepared import Tls
from tests.browser.town import RunningTown
from tests.interop.apache import Host, apache
from tests.interop.saml_parties import MELLON, SamlParty, arrive, environment_of, fetched_metadata
from tests.interop.visits import SIGN_IN_PATH, sign_out, soon
from tests.scripted_browser import ScriptedBrowser

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


@pytest.fixture(scope="module")
def mellon(town: RunningTown, saml_at: dict[str, SamlParty], tls: Tls) -> Iterator[str]:
    """Apache with the module, known to the broker as the service `mellon`; its origin."""
    party = saml_at[MELLON]
    files = {
        f"site{PAGE}": "<!doctype html><pre>\n<!--#printenv -->\n</pre>\n",
        "site/au-revoir.html": "<!doctype html><h1>Au revoir</h1>\n",
        "sp.key": party.key, "sp.pem": party.certificate_pem, "sp.xml": party.metadata,
        "idp.xml": fetched_metadata(town.origin, tls),
    }  # fmt: skip
    hosts = [Host(party.origin, _MELLON)]
    with apache(hosts, tls, modules=_MODULES, settings=_SETTINGS, files=files, ready="/au-revoir"):
        yield party.origin


def test_mellon_signs_the_mother_in_and_tells_its_application_who_she_is(
    browser: ScriptedBrowser, town: RunningTown, mellon: str
) -> None:
    """She signs out at the end: the module finds a session by her name alone, and would take the older of two."""
    page = arrive(browser, mellon + PAGE)
    assert (page.url, page.status) == (mellon + PAGE, 200)
    told = environment_of(page)
    assert told["MELLON_urn:oid:2.5.4.42"] == "Aline"
    assert told["MELLON_urn:oid:2.5.4.4"] == "QUEMENEUR"
    assert len(told["MELLON_NAME_ID"]) == 32
    sign_out(browser, town.origin)
    assert soon(lambda: browser.open(mellon + PAGE).url != mellon + PAGE)


def test_a_logout_that_mellon_begins_ends_the_visit_and_comes_back_to_it(
    browser: ScriptedBrowser, town: RunningTown, mellon: str
) -> None:
    arrive(browser, mellon + PAGE)
    page = browser.open(f"{mellon}/mellon/logout?ReturnTo={mellon}/au-revoir")
    assert page.url == f"{mellon}/au-revoir"
    assert browser.open(mellon + PAGE).url.startswith(town.origin + SIGN_IN_PATH)


def test_mellon_is_told_of_a_sign_out_by_soap_and_forgets_her(
    browser: ScriptedBrowser, another_browser: ScriptedBrowser, town: RunningTown, mellon: str
) -> None:
    """Asked with her cookie by a browser that the broker does not know: Apache alone can have forgotten her."""
    arrive(browser, mellon + PAGE)
    another_browser.cookies("127.0.0.35").update(browser.cookies("127.0.0.35"))
    assert another_browser.open(mellon + PAGE).url == mellon + PAGE
    sign_out(browser, town.origin)
    forgotten = soon(lambda: another_browser.open(mellon + PAGE).url != mellon + PAGE)
    assert forgotten, town.log.read_text("utf-8")[-3000:]
