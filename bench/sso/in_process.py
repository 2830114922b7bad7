"""SAML in process: issuing and accepting a Response, both signed, beside pysaml2, python3-saml and node-saml.

    (cd bench/sso/node && npm ci --ignore-scripts)
    python -m bench.sso.in_process [--rounds 5] [--seconds 1.5] [--dry]

The same RSA-2048 key, six attributes, one process, processor time of the process and of whatever it starts. Ours checks
the schema, both signatures, every condition, and claims the assertion in PostgreSQL (whose own time is not counted, as
everywhere here); the others keep no record of replays.
pysaml2 runs as it is installed: with the program xmlsec1 for every signature.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from bench.import_aaf import postgresql_database
from bench.results import Row, append
from broker.domain.handles import digest
from broker.domain.ports import Return
from broker.storage.engine import open_engine
from broker.storage.migrate import upgrade
from broker.storage.sql_consumptions import SqlConsumptions
from broker.wire.saml.asking import asking_key
from broker.wire.saml.assertion import Login, NameId, Reader, SamlAttribute, Sealing, build_response
from broker.wire.saml.identity_provider import parse_identity_provider
from broker.wire.saml.names import PERSISTENT
from broker.wire.saml.signing import XmlSigningKey, open_signing_key
from connectors.saml.source import Known, SamlConnector, SamlSource

IDP, SP = "http://127.0.0.1:9998/idp", "http://127.0.0.1:9999/sp"
SSO, ACS = f"{IDP}/sso", "http://127.0.0.1:9999/acs"
ASKED = "_" + "a" * 32
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"  # noqa: S105 (the name of a class)
BASIC = "urn:oasis:names:tc:SAML:2.0:attrname-format:basic"
ATTRIBUTES = {
    "uid": "dmartin", "cn": "Dominique Martin", "sn": "Martin", "givenName": "Dominique",
    "mail": "dominique.martin@example.org", "ENTPersonProfils": "National_2",
}  # fmt: skip
BARS = {
    ("issue", "pysaml2"): 1 / 30, ("accept", "pysaml2"): 1 / 60,
    ("accept", "node-saml"): 1 / 8, ("accept", "python3-saml"): 1 / 2,
}  # fmt: skip
"""Our processor time as a share of theirs: at most this."""
PREPARED = 400
NODE = Path(__file__).with_name("node")


@dataclass(frozen=True, slots=True)
class Pair:
    """The issuer's key and its certificate, PEM."""

    key: str
    certificate: str

    @property
    def bare(self) -> str:
        """The certificate without its frame."""
        return "".join(line for line in self.certificate.splitlines() if "CERT" not in line)


def new_pair() -> Pair:
    """An RSA key of 2048 bits with its own certificate."""
    key, now = rsa.generate_private_key(public_exponent=65537, key_size=2048), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    lasting = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
    certificate = lasting.not_valid_after(now + timedelta(days=30)).sign(key, SHA256())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return Pair(private.decode(), certificate.public_bytes(Encoding.PEM).decode())


def idp_metadata(pair: Pair) -> str:
    """What the services know of the issuer."""
    return (
        f'<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{IDP}"><IDPSSODescriptor'
        ' WantAuthnRequestsSigned="false" protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">'
        '<KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>'
        f"{pair.bare}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>"
        f'<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="{SSO}"/>'
        "</IDPSSODescriptor></EntityDescriptor>"
    )


def sp_metadata() -> str:
    """What the issuer knows of the service."""
    return (
        f'<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{SP}"><SPSSODescriptor'
        ' protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><AssertionConsumerService'
        f' Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="{ACS}" index="0" isDefault="true"/>'
        "</SPSSODescriptor></EntityDescriptor>"
    )


# ---- ours ---------------------------------------------------------------------------------------------------------


def issue_ours(key: XmlSigningKey) -> bytes:
    """A Response with one assertion, both signed."""
    now = datetime.now(UTC)
    told = tuple(SamlAttribute(name, BASIC, (value,)) for name, value in ATTRIBUTES.items())
    name_id = NameId("f" * 32, PERSISTENT, IDP, SP)
    login = Login(name_id, PASSWORD, now, "_session", now + timedelta(hours=8), told)
    return build_response(login, Reader(SP, ACS, ASKED), Sealing(IDP, key, now, now + timedelta(minutes=5)))


def accepting_ours(database: str, pair: Pair) -> Callable[[str], None]:
    """Everything that a login by SAML verifies, and the claim of its assertion."""
    own = new_pair()
    source = SamlSource(
        "mesure", SP, ACS, Known(parse_identity_provider(idp_metadata(pair).encode(), IDP)),
        asking_key(own.key.encode(), own.certificate.encode()),
    )  # fmt: skip
    connector = SamlConnector(source)
    engine = open_engine(database)
    upgrade(engine)
    claims = SqlConsumptions(engine)
    private = {"state": "r", "request": ASKED}

    def accept(carried: str) -> None:
        now = datetime.now(UTC)
        found = connector.finish(Return({"SAMLResponse": carried, "RelayState": "r"}, ACS), private=private, now=now)
        claimed = claims.claim_assertion(digest(found.answer), now=now, until=now + timedelta(minutes=13))
        if not claimed or not found.key.subject:
            raise SystemExit("a replay")

    return accept


# ---- the others ---------------------------------------------------------------------------------------------------


def _pysaml2(folder: Path, pair: Pair) -> Mapping[str, Any]:
    (folder / "idp.key").write_text(pair.key)
    (folder / "idp.crt").write_text(pair.certificate)
    program = shutil.which("xmlsec1")
    if program is None:
        raise SystemExit("xmlsec1 is not installed: .ci/system-packages bench")
    return {
        "allow_unknown_attributes": True, "xmlsec_binary": program, "key_file": f"{folder}/idp.key",
        "cert_file": f"{folder}/idp.crt",
        "signing_algorithm": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        "digest_algorithm": "http://www.w3.org/2001/04/xmlenc#sha256",
    }  # fmt: skip


def issuing_pysaml2(folder: Path, pair: Pair) -> Callable[[], object]:
    """Its server, as installed."""
    from saml2.config import IdPConfig
    from saml2.saml import NAMEID_FORMAT_PERSISTENT, NameID
    from saml2.server import Server

    endpoints = {"single_sign_on_service": [(SSO, "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect")]}
    idp = {"endpoints": endpoints, "sign_response": True, "sign_assertion": True}
    config = IdPConfig().load(
        {**_pysaml2(folder, pair), "entityid": IDP, "service": {"idp": idp}, "metadata": {"inline": [sp_metadata()]}}
    )
    server = Server(config=config)
    told = {name: [value] for name, value in ATTRIBUTES.items()}
    name_id = NameID(format=NAMEID_FORMAT_PERSISTENT, text="f" * 32)

    def issue() -> object:
        return server.create_authn_response(
            told, ASKED, ACS, SP, name_id=name_id, authn={"class_ref": PASSWORD, "authn_auth": IDP},
            sign_response=True, sign_assertion=True,
        )  # fmt: skip

    return issue


def accepting_pysaml2(folder: Path, pair: Pair) -> Callable[[str], None]:
    """Its client, as installed."""
    from saml2 import BINDING_HTTP_POST
    from saml2.client import Saml2Client
    from saml2.config import SPConfig

    service = {
        "endpoints": {"assertion_consumer_service": [(ACS, BINDING_HTTP_POST)]}, "want_response_signed": True,
        "want_assertions_signed": True, "allow_unsolicited": False,
    }  # fmt: skip
    metadata = {"inline": [idp_metadata(pair)]}
    client = Saml2Client(
        SPConfig().load({**_pysaml2(folder, pair), "entityid": SP, "service": {"sp": service}, "metadata": metadata})
    )

    def accept(carried: str) -> None:
        answer = client.parse_authn_request_response(carried, BINDING_HTTP_POST, outstanding={ASKED: "/"})
        if answer is None or not answer.ava:
            raise SystemExit("pysaml2 refused")

    return accept


def accepting_python3_saml(pair: Pair) -> Callable[[str], None]:
    """Its Response, strict."""
    from onelogin.saml2.response import OneLogin_Saml2_Response
    from onelogin.saml2.settings import OneLogin_Saml2_Settings

    settings = OneLogin_Saml2_Settings(
        {
            "strict": True,
            "sp": {"entityId": SP, "assertionConsumerService": {"url": ACS}, "NameIDFormat": PERSISTENT},
            "idp": {"entityId": IDP, "singleSignOnService": {"url": SSO}, "x509cert": pair.bare},
            "security": {"wantMessagesSigned": True, "wantAssertionsSigned": True, "rejectDeprecatedAlgorithm": True},
        }
    )
    request = {"https": "off", "http_host": "127.0.0.1:9999", "script_name": "/acs", "get_data": {}, "post_data": {}}

    def accept(carried: str) -> None:
        answer = OneLogin_Saml2_Response(settings, carried)
        if not answer.is_valid(request, request_id=ASKED, raise_exceptions=True):
            raise SystemExit("python3-saml refused")

    return accept


def node_saml(pair: Pair, carried: str, *, rounds: int, seconds: float) -> list[float]:
    """Milliseconds of processor time of node-saml in each round."""
    if not (NODE / "node_modules").is_dir():
        raise SystemExit("node-saml is not installed: npm ci --ignore-scripts in bench/sso/node")
    told = {
        "certificate": pair.certificate, "response": carried, "sp": SP, "acs": ACS, "sso": SSO, "rounds": rounds,
        "seconds": seconds,
    }  # fmt: skip
    done = subprocess.run(
        ["node", "accept.mjs"], cwd=NODE, input=json.dumps(told), text=True, stdout=subprocess.PIPE, check=True
    )
    found: list[float] = json.loads(done.stdout)
    return found


# ---- measuring ----------------------------------------------------------------------------------------------------


def spent() -> float:
    """Processor seconds of this process and of those it started."""
    now = os.times()
    return now.user + now.system + now.children_user + now.children_system


def a_round(act: Callable[[], object], seconds: float, *, most: int = 10**9) -> float:
    """Milliseconds of processor time of one act."""
    count, end, before = 0, time.monotonic() + seconds, spent()
    while count < 5 or (time.monotonic() < end and count < most):
        act()
        count += 1
    return (spent() - before) / count * 1e3


def main() -> None:
    """Measure in turn, print, append."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--dry", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="preau-bench-") as name, postgresql_database(Path(name)) as database:
        found = measured(Path(name), database, rounds=options.rounds, seconds=options.seconds)
    rows = []
    for (act, peer), bar in BARS.items():
        ours, theirs = median(found[act, "préau"]), median(found[act, peer])
        sys.stdout.write(
            f"{act:<7} préau {ours:7.3f} ms   {peer:<13} {theirs:8.3f} ms   {ours / theirs:6.4f}, at most {bar:.4f}\n"
        )
        rows.append(Row(f"saml_{act}_beside_{peer}", ours, bar, "lower", "ms", peer, theirs))
    if not options.dry:
        append(rows)


def measured(folder: Path, database: str, *, rounds: int, seconds: float) -> dict[tuple[str, str], list[float]]:
    """Everybody in turn, and again."""
    pair = new_pair()
    key = open_signing_key(pair.key.encode(), kid="mesure", name=IDP, born=datetime.now(UTC))
    carried = base64.b64encode(issue_ours(key)).decode()
    accept, again = accepting_ours(database, pair), cycle([carried])
    pysaml2, python3_saml = accepting_pysaml2(folder, pair), accepting_python3_saml(pair)
    acts: dict[tuple[str, str], Callable[[], object]] = {
        ("issue", "préau"): lambda: issue_ours(key),
        ("issue", "pysaml2"): issuing_pysaml2(folder, pair),
        ("accept", "pysaml2"): lambda: pysaml2(next(again)),
        ("accept", "python3-saml"): lambda: python3_saml(next(again)),
    }
    found: dict[tuple[str, str], list[float]] = {}
    for _ in range(rounds):
        for name, act in acts.items():
            found.setdefault(name, []).append(a_round(act, seconds))
        fresh = _fresh(key)
        found.setdefault(("accept", "préau"), []).append(
            a_round(lambda fresh=fresh: accept(next(fresh)), seconds, most=PREPARED)  # type: ignore[misc]
        )
    found["accept", "node-saml"] = node_saml(pair, carried, rounds=rounds, seconds=seconds)
    return found


def _fresh(key: XmlSigningKey) -> Iterator[str]:
    """Answers that nobody has accepted yet."""
    return iter([base64.b64encode(issue_ours(key)).decode() for _ in range(PREPARED)])


if __name__ == "__main__":
    main()
