"""LemonLDAP::NG as a peer of tests and benchmarks: the portal of Debian's package under Starman, four workers.

Its demonstration accounts sign in; it is an OpenID provider, a CAS server and a SAML identity provider at once, each
where its settings are given.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

from tests import servers

PERSON = {"user": "dwho", "password": "dwho"}
NAME, MAIL = "Doctor Who", "dwho@badwolf.org"
"""One of the accounts that the package brings for trying it out."""
ELSEWHERE = "127.0.0.46"
"""For tests: cookies cross ports, so a portal beside a broker has an address of its own."""
PATIENCE = 40.0
_PROGRAM = "use Lemonldap::NG::Portal::Main; Lemonldap::NG::Portal::Main->run({});\n"
_SESSION = "Lemonldap::NG::Common::Apache::Session::Generate::SHA256"
_INI = """[all]
logLevel = {level}
checkTime = 600
[configuration]
type=File
dirName = {folder}/conf
localStorage=Cache::FileCache
localStorageOptions={{'namespace' => 'conf', 'cache_root' => '{folder}/cache', 'cache_depth' => 3}}
[portal]
staticPrefix = /static
templateDir = /usr/share/lemonldap-ng/portal/templates
languages = en
"""


@dataclass(frozen=True, slots=True)
class Portal:
    """A portal that runs: its address and the process to be measured."""

    base: str
    pid: int


@dataclass(frozen=True, slots=True)
class OidcClient:
    """The one client it knows."""

    client_id: str
    secret: str
    redirect_uri: str


def is_installed() -> bool:
    """Tell whether the packages are there."""
    return Path("/usr/share/perl5/Lemonldap/NG/Portal/Main.pm").exists() and shutil.which("starman") is not None


@contextmanager
def llng(
    folder: Path,
    *more: Mapping[str, object],
    redis: str = "",
    core: int | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    log_level: str = "error",
) -> Iterator[Portal]:
    """Run it until the block ends. `more`: settings of what is asked of it. Raises `ServerMissing`, `ServerFailed`.

    `redis`: where sessions are kept, else in files; `core`: the one that it may use.
    """
    if not is_installed():
        raise servers.ServerMissing("LemonLDAP::NG is not installed (make interop and make bench install it)")
    port = port or servers.free_port()
    base = f"http://{host}:{port}"
    settings = _settings(folder, base) | (_in_redis(redis) if redis else {})
    _settle(folder, {name: value for each in (settings, *more) for name, value in each.items()}, level=log_level)
    command = [
        "starman", "--listen", f"{host}:{port}", "--workers", "4", "--max-requests", "1000000", "--preload-app",
        "--env", "deployment", str(folder / "portal.psgi"),
    ]  # fmt: skip
    if core is not None:
        command = ["taskset", "-c", str(core), *command]
    environ = {**os.environ, "LLNG_DEFAULTCONFFILE": str(folder / "lemonldap-ng.ini")}
    with (folder / "llng.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=environ)
    try:
        _wait(host, port, process, folder / "llng.log")
        yield Portal(base, process.pid)
    finally:
        process.terminate()
        process.wait(15)


def _wait(host: str, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    limit = time.monotonic() + PATIENCE
    while not servers.accepts(host, port):
        if process.poll() is not None or time.monotonic() > limit:
            raise servers.ServerFailed(f"LemonLDAP::NG does not start: {log.read_text()[-1000:]}")
        time.sleep(0.2)


def _settle(folder: Path, settings: Mapping[str, object], *, level: str) -> None:
    for name in ("conf", "sessions/lock", "cache", "notifications"):
        (folder / name).mkdir(parents=True)
    (folder / "conf" / "lmConf-1.json").write_text(json.dumps(settings), "utf-8")
    (folder / "lemonldap-ng.ini").write_text(_INI.format(folder=folder, level=level), "utf-8")
    (folder / "portal.psgi").write_text(_PROGRAM, "utf-8")


def _settings(folder: Path, base: str) -> dict[str, object]:
    host = urlsplit(base).hostname
    lasting = {"Directory": f"{folder}/sessions", "LockDirectory": f"{folder}/sessions/lock"}
    cached = {"cache_depth": 3, "cache_root": f"{folder}/cache", "default_expires_in": 600, "namespace": "sessions"}
    return {
        "cfgNum": 1, "cfgAuthor": "bench", "cfgDate": "1700000000", "cfgVersion": "2.16.1",
        "portal": f"{base}/", "domain": host, "cookieName": "lemonldap", "securedCookie": 0,
        "authentication": "Demo", "userDB": "Same", "passwordDB": "Demo", "registerDB": "Null",
        "demoExportedVars": {"cn": "cn", "mail": "mail", "uid": "uid"}, "exportedVars": {}, "groups": {},
        "macros": {"_whatToTrace": "lc($_user)"}, "whatToTrace": "_whatToTrace", "portalUserAttr": "_user",
        "locationRules": {host: {"default": "accept"}},
        "globalStorage": "Apache::Session::File", "globalStorageOptions": {**lasting, "generateModule": _SESSION},
        "persistentStorage": "Apache::Session::File", "persistentStorageOptions": lasting,
        "localSessionStorage": "Cache::FileCache", "localSessionStorageOptions": cached,
        "timeout": 72000, "requireToken": 0, "portalCheckLogins": 0, "loginHistoryEnabled": 0,
        "bruteForceProtection": 0,
    }  # fmt: skip


def _in_redis(url: str) -> dict[str, object]:
    place = urlsplit(url)
    options = {"server": f"{place.hostname}:{place.port}", "password": place.password, "generateModule": _SESSION}
    return {"globalStorage": "Apache::Session::Browseable::Redis", "globalStorageOptions": options}


CAS: Mapping[str, object] = {
    "issuerDBCASActivation": 1, "casAccessControlPolicy": "none",
    "casAttributes": {"cn": "cn", "mail": "mail", "uid": "uid"},
}  # fmt: skip
"""A CAS server for any service."""
DEMO_ATTRIBUTES: Mapping[str, str] = {"mail": "mail", "cn": "cn", "uid": "uid"}


def saml(sp_metadata: str, *, attributes: Mapping[str, str] = DEMO_ATTRIBUTES, **changes: object) -> dict[str, object]:
    """A SAML identity provider for one service: both signed with SHA-256, requests taken unsigned.

    `attributes`: names on the wire, and where each comes from; `changes`: other options of the service.
    """
    key, certificate = _key_and_certificate()
    options = {
        "SignSSOMessage": 1, "CheckSSOMessageSignature": 0, "SignatureMethod": "RSA_SHA256",
        "NameIDFormat": "persistent", "NotOnOrAfterTimeout": 72000, "SessionNotOnOrAfterTimeout": 72000,
    } | changes  # fmt: skip
    return {
        "issuerDBSAMLActivation": 1, "samlEntityID": "#PORTAL#/saml/metadata", "samlServicePrivateKeySig": key,
        "samlServicePublicKeySig": certificate, "samlServicePrivateKeyEnc": "",
        "samlServiceSignatureMethod": "RSA_SHA256",
        "samlSPMetaDataXML": {"sp": {"samlSPMetaDataXML": sp_metadata}},
        "samlSPMetaDataOptions": {"sp": {f"samlSPMetaDataOptions{name}": told for name, told in options.items()}},
        "samlSPMetaDataExportedAttributes": {"sp": {local: f"1;{name};;" for name, local in attributes.items()}},
    }  # fmt: skip


def _key_and_certificate() -> tuple[str, str]:
    """An RSA key of 3072 bits, as ours, and its own certificate."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench")]), datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    lasting = builder.serial_number(x509.random_serial_number()).not_valid_before(now)
    certificate = lasting.not_valid_after(now + timedelta(days=30)).sign(key, SHA256())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return private.decode(), certificate.public_bytes(Encoding.PEM).decode()


def openid(client: OidcClient) -> dict[str, object]:
    """An OpenID provider for one client."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    options = {
        "ClientID": client.client_id, "ClientSecret": client.secret, "DisplayName": client.client_id,
        "RedirectUris": client.redirect_uri, "IDTokenSignAlg": "RS256", "BypassConsent": 1, "RefreshToken": 1,
        "RequirePKCE": 1, "AllowClientCredentialsGrant": 1, "UserIDAttr": "uid", "IDTokenExpiration": 3600,
        "AccessTokenExpiration": 3600,
    }  # fmt: skip
    return {
        "issuerDBOpenIDConnectActivation": 1, "oidcServiceAllowAuthorizationCodeFlow": 1,
        "oidcServicePrivateKeySig": private, "oidcServicePublicKeySig": public, "oidcServiceKeyIdSig": "k1",
        "oidcServiceIgnoreScopeForClaims": 1,
        "oidcRPMetaDataOptions": {"perf": {f"oidcRPMetaDataOptions{name}": told for name, told in options.items()}},
        "oidcRPMetaDataExportedVars": {"perf": {"email": "mail", "name": "cn"}},
        "oidcRPMetaDataOptionsExtraClaims": {"perf": {}}, "oidcRPMetaDataMacros": {"perf": {}},
    }  # fmt: skip
