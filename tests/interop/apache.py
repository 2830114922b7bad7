"""Debian's Apache with mod_auth_openidc: in the foreground, from a folder of its own, on loopback addresses of its own.

Three virtual hosts, one client: one configured as it should be, one whose redirect URI nobody registered, one
without PKCE. The page behind the login prints what the module hands to an application.
"""

from __future__ import annotations

import html
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.interop.parties import Party, redirect_uri
from tests.scripted_browser import Page
from tests.servers import ServerMissing, find_binary, give, guarded, private_folder, unprivileged

GOOD, UNREGISTERED, WITHOUT_PKCE = "127.0.0.31", "127.0.0.32", "127.0.0.33"
"""`WITHOUT_PKCE` is registered, so that its answer comes back to it."""
PAGE = "/page.html"
MODULES = Path("/usr/lib/apache2/modules")
_LOADED = ("mpm_event", "authn_core", "authz_core", "authz_user", "include", "auth_openidc")

_SERVER = """\
ServerRoot {folder}
ServerName {host}
PidFile {folder}/apache.pid
DefaultRuntimeDir {folder}
ErrorLog {folder}/error.log
LogLevel warn
{modules}
{listens}
DocumentRoot {folder}/site
<Directory {folder}/site>
  AuthType openid-connect
  Require valid-user
  Options +Includes
  ForceType "text/html; charset=utf-8"
  SetOutputFilter INCLUDES
</Directory>
OIDCProviderMetadataURL {issuer}/.well-known/openid-configuration
OIDCProviderTokenEndpointAuth client_secret_basic
OIDCClientID {client_id}
OIDCClientSecret {secret}
OIDCIDTokenSignedResponseAlg {alg}
OIDCScope "openid profile children"
OIDCResponseType code
OIDCCryptoPassphrase {passphrase}
OIDCPassClaimsAs environment
OIDCPassIDTokenAs claims serialized
OIDCPassUserInfoAs claims json
"""
_HOST = """\
<VirtualHost {host}:{port}>
  ServerName {origin}
  OIDCRedirectURI {redirect}
  {pkce}
</VirtualHost>
"""


@contextmanager
def apache(party: Party, issuer: str) -> Iterator[None]:
    """Run it for `party`, whose origins are those of `GOOD`, `WITHOUT_PKCE`, `UNREGISTERED`, in this order."""
    if not (MODULES / "mod_auth_openidc.so").is_file():
        raise ServerMissing("mod_auth_openidc is not installed (Debian: libapache2-mod-auth-openidc)")
    binary = find_binary("apache2")
    account = unprivileged("www-data")
    with private_folder("apache", account) as folder:
        (folder / "site").mkdir()
        (folder / "site" / PAGE[1:]).write_text("<!doctype html><pre>\n<!--#printenv -->\n</pre>\n")
        (folder / "apache.conf").write_text(_configuration(party, issuer, folder))
        for path in (folder / "site", folder / "site" / PAGE[1:], folder / "apache.conf"):
            give(path, account)
        with guarded(
            [binary, "-D", "FOREGROUND", "-f", folder / "apache.conf"],
            folder=folder,
            account=account,
            stop=["SIGTERM"],
            answers=lambda: _answers(party.origins[0] + PAGE),
        ):
            yield


def handed_over(page: Page) -> dict[str, str]:
    """What the module gives to its application: the environment, as the page prints it."""
    lines = (html.unescape(line).partition("=") for line in page.body.splitlines())
    return {name: value for name, sign, value in lines if sign}


def _answers(page: str) -> bool:
    """It listens for a moment before it gives up on a bad configuration: only an answer counts."""
    try:
        return httpx.get(page, timeout=5, trust_env=False).is_redirect
    except httpx.TransportError:
        return False


def _configuration(party: Party, issuer: str, folder: Path) -> str:
    places = [urlsplit(origin) for origin in party.origins]
    server = _SERVER.format(
        folder=folder,
        host=GOOD,
        modules="\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in _LOADED),
        listens="\n".join(f"Listen {place.netloc}" for place in places),
        issuer=issuer,
        client_id=party.client_id,
        secret=party.secret,
        alg=party.signing_alg,
        passphrase=secrets.token_hex(32),
    )
    hosts = [
        _HOST.format(
            host=place.hostname,
            port=place.port,
            origin=place.geturl(),
            redirect=redirect_uri(place.geturl()),
            pkce="" if place.hostname == WITHOUT_PKCE else "OIDCPKCEMethod S256",
        )
        for place in places
    ]
    return "\n".join([server, *hosts])
