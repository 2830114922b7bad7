"""A federation of 10,000 entities, signed whole: fetched, verified, kept and read, in a process of its own.

`python -m bench.saml_metadata [--entities N]` writes rows into `bench/results.json`. The aggregate is made here, about
as large an entity as federations publish (names in two languages, a logo's address, contacts, two certificates); its
signature is made over text that is canonical as it is written, so that what verifies it is not what made it. Of five
runs the median is taken, and the largest memory.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from bench.results import Row, append

MD, DS = "urn:oasis:names:tc:SAML:2.0:metadata", "http://www.w3.org/2000/09/xmldsig#"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
SECONDS, MEBIBYTES = 10.0, 300.0
RUNS = 5
_ENTITY = (
    '<md:EntityDescriptor entityID="https://s{n}.example/saml"><md:Extensions><mdrpi:RegistrationInfo '
    'xmlns:mdrpi="urn:oasis:names:tc:SAML:metadata:rpi" registrationAuthority="https://federation.example/">'
    '<mdrpi:RegistrationPolicy xml:lang="fr">https://federation.example/politique</mdrpi:RegistrationPolicy>'
    "</mdrpi:RegistrationInfo></md:Extensions>"
    '<md:SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:Extensions>'
    '<mdui:UIInfo xmlns:mdui="urn:oasis:names:tc:SAML:metadata:ui"><mdui:DisplayName xml:lang="fr">Service {n}'
    '</mdui:DisplayName><mdui:DisplayName xml:lang="en">Service {n}</mdui:DisplayName><mdui:Description xml:lang="fr">'
    '{text}</mdui:Description><mdui:Logo height="64" width="64">https://s{n}.example/logo.png</mdui:Logo>'
    "</mdui:UIInfo></md:Extensions>{keys}"
    '<md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" '
    'Location="https://s{n}.example/slo"></md:SingleLogoutService>'
    '<md:AssertionConsumerService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" '
    'Location="https://s{n}.example/acs" index="0"></md:AssertionConsumerService>'
    '<md:AttributeConsumingService index="0"><md:ServiceName xml:lang="fr">Service {n}</md:ServiceName>{wanted}'
    "</md:AttributeConsumingService></md:SPSSODescriptor>"
    '<md:Organization><md:OrganizationName xml:lang="fr">Organisme {n}</md:OrganizationName>'
    '<md:OrganizationDisplayName xml:lang="fr">Organisme {n}</md:OrganizationDisplayName>'
    '<md:OrganizationURL xml:lang="fr">https://s{n}.example/</md:OrganizationURL></md:Organization>'
    '<md:ContactPerson contactType="technical"><md:GivenName>Support</md:GivenName>'
    "<md:EmailAddress>mailto:support@s{n}.example</md:EmailAddress></md:ContactPerson></md:EntityDescriptor>\n"
)
_WANTED = "".join(
    f'<md:RequestedAttribute Name="urn:oid:2.5.4.{number}" '
    'NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri"></md:RequestedAttribute>'
    for number in range(8)
)
_KEY = (
    '<md:KeyDescriptor use="{use}"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data>'
    "<ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
)


def write_aggregate(folder: Path, count: int) -> tuple[Path, Path]:
    """An aggregate of so many service providers, and the certificate that it is believed by."""
    key, certificate = _certificate("federation")
    until = (datetime.now(UTC) + timedelta(days=14)).strftime("%Y-%m-%dT%H:%M:%SZ")
    start = f'<md:EntitiesDescriptor xmlns:md="{MD}" ID="_all" Name="https://federation.example/" validUntil="{until}">'
    body = "".join(_entities(count)) + "</md:EntitiesDescriptor>"
    digest = base64.b64encode(hashlib.sha256((start + body).encode()).digest()).decode()
    info = (
        f'<ds:SignedInfo xmlns:ds="{DS}">'
        f'<ds:CanonicalizationMethod Algorithm="{EXCLUSIVE}"></ds:CanonicalizationMethod>'
        '<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"></ds:SignatureMethod>'
        '<ds:Reference URI="#_all"><ds:Transforms>'
        '<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></ds:Transform>'
        f'<ds:Transform Algorithm="{EXCLUSIVE}"></ds:Transform></ds:Transforms>'
        '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod>'
        f"<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
    )
    value = base64.b64encode(key.sign(info.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()
    signature = f'<ds:Signature xmlns:ds="{DS}">{info}<ds:SignatureValue>{value}</ds:SignatureValue></ds:Signature>'
    aggregate, pem = folder / "aggregate.xml", folder / "federation.pem"
    aggregate.write_text(start + signature + body, "utf-8")
    pem.write_bytes(certificate.public_bytes(Encoding.PEM))
    return aggregate, pem


def _entities(count: int) -> Iterator[str]:
    certificates = [base64.b64encode(_certificate(f"s{n}")[1].public_bytes(Encoding.DER)).decode() for n in range(8)]
    for number in range(count):
        uses = zip(("signing", "encryption"), (number, number + 1), strict=True)
        keys = "".join(_KEY.format(use=use, certificate=certificates[which % 8]) for use, which in uses)
        yield _ENTITY.format(n=number, keys=keys, wanted=_WANTED, text="Une ressource pour les élèves. " * 48)


def _certificate(name: str) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    dated = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=365))
    return key, dated.sign(key, hashes.SHA256())


def measure(url: str, certificate: Path, count: int) -> dict[str, float]:
    """Take it in and read every service provider of it; to be run in a process that does nothing else."""
    from broker.jobs.metadata_keeper import refresh
    from broker.services.metadata_origins import Origin
    from broker.services.metadata_shelf import open_shelf
    from broker.ways_out import METADATA_LIMITS, fetch_metadata
    from broker.wire.saml.metadata import parse_kept_provider
    from connectors.guarded import open_guarded

    origin, folder = Origin("federation-bench", certificate, url), certificate.parent
    kept = folder / "federation-bench.shelf"
    kept.unlink(missing_ok=True)
    fetch = partial(fetch_metadata, open_guarded(["127.0.0.0/8"], limits=METADATA_LIMITS))
    began, spent = time.perf_counter(), time.process_time()
    refresh(origin, folder, fetch, now=datetime.now(UTC))
    taken = time.perf_counter() - began
    shelf = open_shelf(kept)
    if shelf is None or len(shelf.places) != count:
        raise SystemExit("not every entity was kept")
    providers = [parse_kept_provider(shelf.entity(name) or b"", name) for name in shelf.places]
    whole = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cpu = time.process_time() - spent
    return {"take": taken, "whole": whole, "cpu": cpu, "peak": peak, "providers": len(providers)}


@contextmanager
def published(file: Path) -> Iterator[str]:
    """The file at an address of loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", str(file.stat().st_size))
            self.end_headers()
            with file.open("rb") as opened:
                shutil.copyfileobj(opened, self.wfile)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/aggregate.xml"
    finally:
        server.shutdown()
        server.server_close()


def run_apart(url: str, certificate: Path, count: int) -> dict[str, float]:
    """One measure in a process of its own."""
    command = [sys.executable, "-m", "bench.saml_metadata", "--entities", str(count), "--measure", url, certificate]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told: dict[str, float] = json.loads(done.stdout)
    return told


def rows_of(told: Sequence[dict[str, float]], count: int, size: float) -> list[Row]:
    """The median run and the largest memory."""
    run = sorted(told, key=lambda each: each["whole"])[len(told) // 2]
    peak = max(each["peak"] for each in told)
    print(
        f"{count} entities, {size:.1f} MiB: fetched, verified and kept in {run['take']:.2f} s, all read in "
        f"{run['whole']:.2f} s ({run['cpu']:.2f} s of CPU), at most {peak:.0f} MiB"
    )
    return [
        Row(f"saml_metadata_seconds_{count}", run["whole"], SECONDS, "lower", "s"),
        Row(f"saml_metadata_memory_{count}", peak, MEBIBYTES, "lower", "MiB"),
    ]


def main() -> None:
    """Make the aggregate, measure it in other processes, and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entities", type=int, default=10_000)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        url, certificate = args.measure
        print(json.dumps(measure(url, Path(certificate), args.entities)))
        return
    with tempfile.TemporaryDirectory() as folder:
        aggregate, pem = write_aggregate(Path(folder), args.entities)
        size = aggregate.stat().st_size / 1024 / 1024
        with published(aggregate) as url:
            told = [run_apart(url, pem, args.entities) for _ in range(RUNS)]
    append(rows_of(told, args.entities, size))


if __name__ == "__main__":
    main()
