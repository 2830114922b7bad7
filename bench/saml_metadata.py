"""A federation of 10,000 entities, signed whole: verified, kept and read, in a process of its own.

`python -m bench.saml_metadata [--entities N]` writes rows into `bench/results.json`. The aggregate is made here, about
as large an entity as federations publish (names in two languages, a logo's address, contacts, two certificates); its
signature is made over text that is canonical as it is written, so that what verifies it is not what made it.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from bench.results import Row, append

MD, DS = "urn:oasis:names:tc:SAML:2.0:metadata", "http://www.w3.org/2000/09/xmldsig#"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
SECONDS, MEBIBYTES = 10.0, 300.0
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
        yield _ENTITY.format(n=number, keys=keys, wanted=_WANTED, text="Une ressource pour les élèves. " * 12)


def _certificate(name: str) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    dated = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=365))
    return key, dated.sign(key, hashes.SHA256())


def measure(aggregate: Path, certificate: Path, count: int) -> dict[str, float]:
    """Take it in and read every service provider of it; to be run in a process that does nothing else."""
    from broker.jobs.metadata_keeper import refresh
    from broker.services.metadata_origins import Origin
    from broker.services.metadata_shelf import open_shelf
    from broker.wire.saml.metadata import parse_kept_provider

    origin, folder = Origin("federation-bench", certificate, file=aggregate), aggregate.parent
    began, spent = time.perf_counter(), time.process_time()
    refresh(origin, folder, lambda _: b"", now=datetime.now(UTC))
    taken = time.perf_counter() - began
    shelf = open_shelf(folder / "federation-bench.shelf")
    if shelf is None or len(shelf.places) != count:
        raise SystemExit("not every entity was kept")
    providers = [parse_kept_provider(shelf.entity(name) or b"", name) for name in shelf.places]
    whole = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cpu = time.process_time() - spent
    return {"take": taken, "whole": whole, "cpu": cpu, "peak": peak, "providers": len(providers)}


def main() -> None:
    """Make the aggregate, measure it in another process, and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entities", type=int, default=10_000)
    parser.add_argument("--measure", nargs=2, type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(*args.measure, args.entities)))
        return
    with tempfile.TemporaryDirectory() as folder:
        aggregate, certificate = write_aggregate(Path(folder), args.entities)
        size = aggregate.stat().st_size / 1024 / 1024
        command = [sys.executable, "-m", "bench.saml_metadata", "--entities", str(args.entities)]
        done = subprocess.run(
            [*command, "--measure", aggregate, certificate], capture_output=True, text=True, check=True
        )
    told = json.loads(done.stdout)
    print(
        f"{args.entities} entities, {size:.1f} MiB: verified and kept in {told['take']:.2f} s, all read in "
        f"{told['whole']:.2f} s ({told['cpu']:.2f} s of CPU), at most {told['peak']:.0f} MiB"
    )
    name = f"saml metadata: an aggregate of {args.entities} entities ({size:.0f} MiB)"
    append([
        Row(f"{name}, verified, kept and read, s", told["whole"], SECONDS, "lower", "s"),
        Row(f"{name}, peak memory, MiB", told["peak"], MEBIBYTES, "lower", "MiB"),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
