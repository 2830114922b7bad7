"""mod_auth_openidc, as Debian ships it, as a relying party.

Four virtual hosts, one client: one configured as `preau service new` prints it, one whose redirect URI nobody
registered, one without PKCE, one that takes its answers by POST. The page behind the login prints what the module
hands to an application.
"""

from __future__ import annotations

import html
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode, urlsplit

from broker.demo.prepared import Tls
from broker.domain.services import ClientKind
from broker.services.integrations import Registration, configurations
from tests.interop.apache import Host, apache
from tests.interop.parties import SCOPES, Party, farewell, redirect_uri
from tests.scripted_browser import Page

GOOD, UNREGISTERED, WITHOUT_PKCE, BY_POST = "127.0.0.31", "127.0.0.32", "127.0.0.33", "127.0.0.41"
"""`WITHOUT_PKCE` is registered, so that its answer comes back to it."""
PAGE = "/page.html"
BYE = "Au revoir"
_MODULES = ("alias", "authn_core", "authz_user", "include", "auth_openidc")

_SETTINGS = """\
Alias /au-revoir {folder}/site/au-revoir.html
<Directory {folder}/site>
  Options +Includes
  ForceType "text/html; charset=utf-8"
  SetOutputFilter INCLUDES
</Directory>
OIDCCABundlePath {folder}/ca.pem
OIDCPassIDTokenAs claims serialized
OIDCPassRefreshToken On
"""
_OPEN = """\
<Location /au-revoir>
  AuthType None
  Require all granted
</Location>
"""
_PKCE = "OIDCPKCEMethod S256"
_PASSPHRASE = "/etc/apache2/oidc-passphrase"
"""Where the printed configuration says that it lies."""


@contextmanager
def apache_party(party: Party, issuer: str, tls: Tls) -> Iterator[dict[str, str]]:
    """Run it for `party`, whose origins are those of the four hosts; yields them by host."""
    files = {
        f"site{PAGE}": "<!doctype html><pre>\n<!--#printenv -->\n</pre>\n",
        "site/au-revoir.html": f"<!doctype html><h1>{BYE}</h1>\n",
        "passphrase": secrets.token_hex(32),
    }
    hosts = [_host(party, issuer, origin) for origin in party.origins]
    with apache(hosts, tls, modules=_MODULES, settings=_SETTINGS, files=files):
        yield {urlsplit(origin).hostname or "": origin for origin in party.origins}


def handed_over(page: Page) -> dict[str, str]:
    """What the module gives to its application: the environment, as the page prints it."""
    lines = (html.unescape(line).partition("=") for line in page.body.splitlines())
    return {name: value for name, sign, value in lines if sign}


def renewing(origin: str, access_token: str) -> str:
    """The module's own address at which an application has its tokens renewed; it leads back to the page."""
    asked = {"refresh": origin + PAGE, "access_token": access_token}
    return f"{redirect_uri(origin)}?{urlencode(asked)}"


def leaving(origin: str) -> str:
    """The module's own address at which a logout begins."""
    return f"{redirect_uri(origin)}?{urlencode({'logout': farewell(origin)})}"


def _host(party: Party, issuer: str, origin: str) -> Host:
    """Configured as `preau service new` prints it, but for what makes two of them special."""
    told = Registration(
        {"issuer": issuer}, party.client_id, party.secret, redirect_uri(origin), farewell(origin), SCOPES,
        party.signing_alg, ClientKind.WEB,
    )  # fmt: skip
    printed = next(text for product, text in configurations(told) if product.name == "apache")
    assert _PKCE in printed
    assert _PASSPHRASE in printed
    printed = printed.replace(_PASSPHRASE, "{folder}/passphrase")
    if urlsplit(origin).hostname == WITHOUT_PKCE:
        printed = printed.replace(_PKCE, "")
    if urlsplit(origin).hostname == BY_POST:
        printed += "OIDCResponseMode form_post\n"
    return Host(origin, printed + _OPEN)
