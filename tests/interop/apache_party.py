"""mod_auth_openidc, as Debian ships it, as a relying party.

Three virtual hosts, one client: one configured as it should be, one whose redirect URI nobody registered, one
without PKCE. The page behind the login prints what the module hands to an application.
"""

from __future__ import annotations

import html
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode, urlsplit

from broker.demo.prepared import Tls
from tests.interop.apache import Host, apache
from tests.interop.parties import SCOPE, Party, farewell, redirect_uri
from tests.scripted_browser import Page

GOOD, UNREGISTERED, WITHOUT_PKCE = "127.0.0.31", "127.0.0.32", "127.0.0.33"
"""`WITHOUT_PKCE` is registered, so that its answer comes back to it."""
PAGE = "/page.html"
BYE = "Au revoir"
_MODULES = ("alias", "authn_core", "authz_user", "include", "auth_openidc")

_SETTINGS = """\
Alias /au-revoir {{folder}}/site/au-revoir.html
<Directory {{folder}}/site>
  AuthType openid-connect
  Require valid-user
  Options +Includes
  ForceType "text/html; charset=utf-8"
  SetOutputFilter INCLUDES
</Directory>
<Location /au-revoir>
  AuthType None
  Require all granted
</Location>
OIDCProviderMetadataURL {issuer}/.well-known/openid-configuration
OIDCProviderTokenEndpointAuth client_secret_basic
OIDCCABundlePath {{folder}}/ca.pem
OIDCClientID {client_id}
OIDCClientSecret {secret}
OIDCIDTokenSignedResponseAlg {alg}
OIDCScope "{scope}"
OIDCResponseType code
OIDCCryptoPassphrase {passphrase}
OIDCPassClaimsAs environment
OIDCPassIDTokenAs claims serialized
OIDCPassUserInfoAs claims json
OIDCPassRefreshToken On
"""


@contextmanager
def apache_party(party: Party, issuer: str, tls: Tls) -> Iterator[dict[str, str]]:
    """Run it for `party`, whose origins are those of `GOOD`, `WITHOUT_PKCE`, `UNREGISTERED`; yields them by host."""
    settings = _SETTINGS.format(
        issuer=issuer,
        client_id=party.client_id,
        secret=party.secret,
        alg=party.signing_alg,
        scope=SCOPE,
        passphrase=secrets.token_hex(32),
    )
    files = {
        PAGE[1:]: "<!doctype html><pre>\n<!--#printenv -->\n</pre>\n",
        "au-revoir.html": f"<!doctype html><h1>{BYE}</h1>\n",
    }
    with apache([_host(origin) for origin in party.origins], tls, modules=_MODULES, settings=settings, files=files):
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


def _host(origin: str) -> Host:
    pkce = "" if urlsplit(origin).hostname == WITHOUT_PKCE else "OIDCPKCEMethod S256"
    return Host(origin, f"OIDCRedirectURI {redirect_uri(origin)}\n  {pkce}")
