"""SimpleSAMLphp, as Debian ships it, as a SAML identity provider with one account, on PHP's own server.

It checks the signature of every question, which by itself it does not.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.saml_peer import pair
from tests.saml_sources import pem_certificate
from tests.servers import Account, ServerMissing, accepts, find_binary, guarded, private_folder

ROOT = Path("/usr/share/simplesamlphp")
LOGIN, PASSWORD = "aline", "mot-de-passe"
_KEY = "simplesamlphp"
_WORKERS = 3
_MYSELF = Account(None, None)

_CONFIG = """<?php
$config = [
  'baseurlpath' => '{origin}/', 'certdir' => '{folder}/', 'loggingdir' => '{folder}/', 'datadir' => '{folder}/',
  'tempdir' => '{folder}/tmp', 'secretsalt' => '{salt}', 'auth.adminpassword' => '{salt}', 'timezone' => 'UTC',
  'technicalcontact_name' => 'Essais', 'technicalcontact_email' => 'essais@example.org',
  'logging.handler' => 'errorlog', 'logging.level' => SimpleSAML\\Logger::WARNING, 'showerrors' => true,
  'errorreporting' => false, 'production' => false, 'admin.checkforupdates' => false,
  'enable.saml20-idp' => true, 'enable.adfs-idp' => false,
  'module.enable' => ['core' => true, 'saml' => true, 'exampleauth' => true],
  'session.cookie.name' => 'ssp', 'session.phpsession.cookiename' => 'ssp-php',
  'session.phpsession.savepath' => '{folder}/sessions', 'session.cookie.secure' => false, 'store.type' => 'phpsession',
  'session.authtoken.cookiename' => 'ssp-token', 'session.duration' => 28800, 'session.phpsession.httponly' => true,
  'language.default' => 'en', 'language.available' => ['en'], 'language.rtl' => [], 'trusted.url.domains' => [],
  'metadata.sources' => [['type' => 'flatfile', 'directory' => '{folder}/metadata']],
  'authproc.idp' => [], 'authproc.sp' => [], 'theme.use' => 'default', 'template.auto_reload' => false,
  'metadata.sign.enable' => false, 'proxy' => null,
];
"""
_ACCOUNTS = """<?php
$config = [
  'admin' => ['core:AdminPassword'],
  'comptes' => ['exampleauth:UserPass', '{login}:{password}' => json_decode(<<<'TOLD'
{attributes}
TOLD
  , true)],
];
"""
_HOSTED = """<?php
$metadata['{entity_id}'] = [
  'host' => '__DEFAULT__', 'privatekey' => 'idp.key', 'certificate' => 'idp.pem', 'auth' => 'comptes',
  'signature.algorithm' => 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
  'validate.authnrequest' => true, 'redirect.validate' => true, 'validate.logout' => true,
  'sign.logout' => true, 'redirect.sign' => true,
  'saml20.sign.response' => true, 'saml20.sign.assertion' => true, 'userid.attribute' => 'uid',
  'attributes.NameFormat' => 'urn:oasis:names:tc:SAML:2.0:attrname-format:basic',
];
"""
_REMOTE = """<?php
$metadata['{entity_id}'] = [
  'AssertionConsumerService' => [[
    'index' => 0, 'isDefault' => true, 'Location' => '{acs}',
    'Binding' => 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST',
  ]],
  'SingleLogoutService' => [[
    'Location' => '{slo}', 'Binding' => 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect',
  ]],
  'certData' => '{certificate}', 'validate.authnrequest' => true,
];
"""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks it: name, addresses of answers and of logouts, certificate (base64) of the key that signs."""

    entity_id: str
    acs: str
    slo: str
    certificate: str


def entity_of(origin: str) -> str:
    """The provider's name."""
    return f"{origin}/saml2/idp/metadata.php"


def metadata_of(origin: str) -> bytes:
    """What the provider hands over."""
    return (
        f'<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{entity_of(origin)}">'
        '<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">'
        '<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data>'
        f"<ds:X509Certificate>{pair(_KEY).certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
        '</md:KeyDescriptor><md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"'
        f' Location="{origin}/saml2/idp/SingleLogoutService.php"/>'
        '<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"'
        f' Location="{origin}/saml2/idp/SSOService.php"/></md:IDPSSODescriptor></md:EntityDescriptor>'
    ).encode()


@contextmanager
def simplesaml(origin: str, asker: Asker, attributes: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Run it until the block ends; yields its origin. Raises `ServerMissing`, `ServerFailed`."""
    if not (ROOT / "www").is_dir():
        raise ServerMissing("simplesamlphp is not installed (make interop installs it)")
    place = urlsplit(origin)
    with private_folder("simplesaml", _MYSELF) as folder:
        _write(folder, origin, asker, attributes)
        command = [
            find_binary("env"), f"SIMPLESAMLPHP_CONFIG_DIR={folder / 'config'}", f"PHP_CLI_SERVER_WORKERS={_WORKERS}",
            find_binary("php"), "-S", place.netloc, "-t", ROOT / "www",
        ]  # fmt: skip
        with guarded(
            command, folder=folder, account=_MYSELF, stop=["SIGTERM"],
            answers=lambda: accepts(place.hostname or "", place.port or 0),
        ):  # fmt: skip
            yield origin


def _write(folder: Path, origin: str, asker: Asker, attributes: Mapping[str, Sequence[str]]) -> None:
    for name in ("config", "metadata", "sessions", "tmp"):
        (folder / name).mkdir()
    told = json.dumps({name: list(values) for name, values in attributes.items()})
    files = {
        "config/config.php": _CONFIG.replace("{origin}", origin).replace("{folder}", str(folder)).replace(
            "{salt}", secrets.token_hex(16)
        ),
        "config/authsources.php": _ACCOUNTS.format(login=LOGIN, password=PASSWORD, attributes=told),
        "metadata/saml20-idp-hosted.php": _HOSTED.format(entity_id=entity_of(origin)),
        "metadata/saml20-sp-remote.php": _REMOTE.format(
            entity_id=asker.entity_id, acs=asker.acs, slo=asker.slo, certificate=asker.certificate
        ),
        "idp.key": pair(_KEY).pem.decode(), "idp.pem": pem_certificate(pair(_KEY)).decode(),
    }  # fmt: skip
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
