"""`preau service new`: a descriptor that can be used as it is, and the client's side of it ready to paste.

Nothing is asked at the terminal and nothing is written over. The secret is drawn here and shown once: the descriptor
keeps its SHA-256.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

from broker.cli.options import Commands, command, settings_of, with_json
from broker.cli.output import DONE, FAILED, complain, print_json, print_pairs
from broker.declared import read_register
from broker.domain.errors import SettingsError
from broker.domain.handles import digest
from broker.domain.people import Profil
from broker.domain.services import ClaimName, ClientKind, Protocol
from broker.protocol.oidc.discovery import build_metadata
from broker.protocol.oidc.provider import SCOPE_CLAIMS
from broker.protocol.oidc.routes import DEFAULT_ALG
from broker.services.addresses import origin_of
from broker.services.browser_integrations import SOFTWARE, Place, addresses_of, settings_for
from broker.services.descriptor import read_descriptor
from broker.services.integrations import PRODUCTS, Product, Registration, configurations
from broker.services.new_descriptor import NewService, render_descriptor
from broker.services.reading import IDENTIFIER, Fault
from broker.services.register import sound_services
from broker.settings import Settings

SECRET_BYTES = 48
_USUAL_CLAIMS = (ClaimName.GIVEN_NAME, ClaimName.FAMILY_NAME, ClaimName.PROFIL)
_URI = re.compile(r"[A-Za-z0-9:/?#&=._~%+,;@!\[\]-]+")
"""What stands in a configuration file as it is (RFC 3986 §2, without quotes and what shells and templates read)."""


@dataclass(frozen=True, slots=True)
class Made:
    """A new service, its secret (empty for a browser client) and its descriptor's text."""

    service: NewService
    secret: str
    text: str
    metadata: bytes = b""


def add_new(verbs: Commands) -> None:
    """Add `new` to the family of services."""
    text = "write the descriptor of a new service and print the configuration of its client; writes over nothing"
    parser = with_json(command(verbs, "new", new_service, text))
    parser.add_argument("service_id", metavar="SERVICE", help="its name here for ever; also its client_id")
    for option, said in (
        ("--name", "what families call it, in French"),
        ("--purpose", "why it needs data, in French"),
        ("--operator", "who runs it"),
        ("--contact", "how to reach them: an address people can use"),
        ("--url", "where people open it"),
    ):
        parser.add_argument(option, required=True, metavar="TEXT", help=said)
    parser.add_argument("--rights-url", metavar="URL", help="where a person exercises their rights (else --url)")
    parser.add_argument("--redirect-uri", action="append", metavar="URL", help="where answers go (else URL/retour)")
    parser.add_argument("--post-logout-uri", default="", metavar="URL", help="where a logout begun there may end")
    parser.add_argument("--backchannel-logout-uri", default="", metavar="URL", help="called when a visit ends")
    parser.add_argument(
        "--protocol", type=Protocol, choices=list(Protocol), default=Protocol.OIDC, help="how it speaks"
    )
    parser.add_argument("--cas-service", action="append", metavar="URL", help="cas: where tickets may go (else URL)")
    parser.add_argument("--metadata", type=Path, metavar="FILE", help="saml: its own metadata; a copy is kept")
    parser.add_argument("--entity-id", default="", metavar="NAME", help="saml: its entityID, if a federation has it")
    parser.add_argument("--kind", choices=("web", "browser"), default="web", help="browser: a page with no server")
    parser.add_argument("--profils", type=_profils, default=(Profil.TUTEUR,), metavar="LIST", help="as TUT,ELV")
    parser.add_argument("--claims", type=_claims, default=_USUAL_CLAIMS, metavar="LIST", help="as given_name,children")
    parser.add_argument("--staff", action="store_true", help="people are known there as staff")
    parser.add_argument("--tenant", metavar="ID", help="who answers for it (else the only tenant)")
    parser.add_argument("--for", dest="product", choices=_names_of_products(), help="print only this")


def new_service(args: argparse.Namespace) -> int:
    """Write the descriptor, then print what the client's side needs."""
    settings = settings_of(args)
    faults = [*_faults(args, settings)]
    made = None if faults else _made(args, settings)
    faults += _faults_of_text(made) if made else []
    if made is None or faults:
        complain(faults)
        return FAILED
    path = settings.services_dir / f"{args.service_id}.toml"
    if faults := _faults_of_writing(path, made, settings):
        complain([*faults, "nothing was written"])
        return FAILED
    if made.service.protocol is not Protocol.OIDC:
        _tell_plain(made, path, settings.issuer, product=args.product, as_json=args.json)
        return DONE
    _tell(made, path, endpoints_of(settings.issuer), product=args.product, as_json=args.json)
    return DONE


def _faults_of_writing(path: Path, made: Made, settings: Settings) -> list[str]:
    """Write the files, and read all as `preau check` and a running broker will; what cannot be used goes again."""
    files = {path: made.text.encode()}
    if made.metadata:
        files = {path.with_name(made.service.metadata_file): made.metadata, **files}
    written: list[Path] = []
    try:
        for file, octets in files.items():
            _write_new(file, octets)
            written.append(file)
        read_register(settings)
    except (FileExistsError, SettingsError) as fault:
        for file in written:
            file.unlink()
        return list(fault.problems) if isinstance(fault, SettingsError) else [f"{file} is there already"]
    return []


def _names_of_products() -> list[str]:
    return [product.name for product in PRODUCTS] + [each.name for many in SOFTWARE.values() for each in many]


def endpoints_of(issuer: str) -> Mapping[str, str]:
    """The addresses of the metadata, by their names there."""
    metadata = json.loads(build_metadata(issuer, algs=(DEFAULT_ALG,)))
    return {name: value for name, value in metadata.items() if isinstance(value, str)}


def _profils(text: str) -> tuple[Profil, ...]:
    return tuple(Profil(word) for word in text.split(","))


def _claims(text: str) -> tuple[ClaimName, ...]:
    return tuple(ClaimName(word) for word in text.split(","))


def _faults(args: argparse.Namespace, settings: Settings) -> Iterator[str]:
    """What must be right before anything is made. The rest is told by the reading of the descriptor itself."""
    tenants = [tenant.id for tenant in settings.tenants]
    if args.tenant not in tenants and (args.tenant or len(tenants) != 1):
        yield f"--tenant must be one of: {', '.join(tenants)}"
    if not IDENTIFIER.fullmatch(args.service_id):
        yield "SERVICE must be 2 to 64 letters, digits, dots, dashes or underscores"
    if args.protocol is Protocol.SAML and bool(args.metadata) == bool(args.entity_id):
        yield "--protocol saml wants --metadata FILE, or --entity-id NAME where a federation has its metadata"
    if args.metadata and not args.metadata.is_file():
        yield f"--metadata: {args.metadata} is not a file"
    given = (args.url, args.rights_url, *(args.redirect_uri or ()), args.post_logout_uri, args.backchannel_logout_uri,
             *(args.cas_service or ()))  # fmt: skip
    yield from (
        f"'{uri}' is not an address that can stand in a file" for uri in given if uri and not _URI.fullmatch(uri)
    )
    for service in sound_services(settings.services_dir)[0]:
        names = {service.service_id, *(party.client_id for party in service.parties)}
        if args.service_id in names:
            yield f"{args.service_id} is the name of a service or client already: `preau service show` tells it"


def _made(args: argparse.Namespace, settings: Settings) -> Made:
    kind, by_oidc = ClientKind(args.kind), args.protocol is Protocol.OIDC
    secret = secrets.token_urlsafe(SECRET_BYTES) if by_oidc and kind is ClientKind.WEB else ""
    redirect_uris = tuple(args.redirect_uri or [urljoin(f"{args.url.rstrip('/')}/", "retour")])
    by_cas, metadata = args.protocol is Protocol.CAS, args.metadata.read_bytes() if args.metadata else b""
    service = NewService(
        service_id=args.service_id,
        tenant=args.tenant or settings.tenants[0].id,
        name=args.name,
        purpose=args.purpose,
        operator=args.operator,
        contact=args.contact,
        url=args.url,
        rights_url=args.rights_url or args.url,
        profils=args.profils,
        claims=args.claims,
        scopes=_scopes_for(args.claims),
        kind=kind,
        redirect_uris=redirect_uris,
        post_logout_uri=args.post_logout_uri,
        backchannel_logout_uri=args.backchannel_logout_uri,
        secret_sha256=digest(secret) if secret else "",
        origin=origin_of(redirect_uris[0]) if kind is ClientKind.BROWSER else "",
        staff=args.staff,
        protocol=args.protocol,
        cas_services=tuple(args.cas_service or [f"{args.url.rstrip('/')}/"]) if by_cas else (),
        metadata_file=f"{args.service_id}-metadata.xml" if metadata else "",
        entity_id=args.entity_id,
    )
    return Made(service, secret, render_descriptor(service), metadata)


def _scopes_for(claims: tuple[ClaimName, ...]) -> tuple[str, ...]:
    """The fewest scopes that open these claims."""
    return ("openid", *(scope for scope, opened in SCOPE_CLAIMS.items() if set(opened) & set(claims)))


def _faults_of_text(made: Made) -> list[str]:
    faults: list[Fault] = []
    with tempfile.TemporaryDirectory(prefix="preau-") as folder:
        path = Path(folder) / f"{made.service.service_id}.toml"
        path.write_text(made.text, "utf-8")
        if made.metadata:
            path.with_name(made.service.metadata_file).write_bytes(made.metadata)
        read_descriptor(path, faults)
    return [fault.reason for fault in faults]


def _write_new(path: Path, octets: bytes) -> None:
    """Whole or not at all, and never over a file: a running broker reads this folder. Raises `FileExistsError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_bytes(octets)
        os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _tell(made: Made, path: Path, endpoints: Mapping[str, str], *, product: str | None, as_json: bool) -> None:
    new = made.service
    told = Registration(
        endpoints, new.service_id, made.secret, new.redirect_uris[0], new.post_logout_uri, new.scopes, DEFAULT_ALG,
        new.kind,
    )  # fmt: skip
    shown = [(each, text) for each, text in configurations(told) if product in {None, each.name}]
    facts = {"client_id": new.service_id, "client_secret": made.secret or "none", **endpoints}
    if as_json:
        print_json({"descriptor": str(path), **facts, "configurations": {each.name: text for each, text in shown}})
        return
    print(f"written: {path} (in force within 5 s where `preau serve` runs)")
    if made.secret:
        print("the secret is shown this once and kept nowhere: store it now")
    print()
    print_pairs(facts)
    for each, text in shown:
        print(f"\n──── {each.title} " + "─" * (100 - len(each.title)) + f"\n{text}", end="")
    print(f"\n{_others(new.kind, product)}next: preau service doctor {new.service_id}")


def _tell_plain(made: Made, path: Path, issuer: str, *, product: str | None, as_json: bool) -> None:
    """What the client's side of CAS and SAML needs: there is no secret, addresses and keys say who it is."""
    new, facts = made.service, addresses_of(made.service.protocol, issuer)
    place = Place(issuer, new.cas_services[0] if new.cas_services else f"{new.url.rstrip('/')}/")
    shown = [(each, text) for each, text in settings_for(new.protocol, place) if product in {None, each.name}]
    if as_json:
        print_json({"descriptor": str(path), **facts, "configurations": {each.name: text for each, text in shown}})
        return
    print(f"written: {path} (in force within 5 s where `preau serve` runs)\n")
    print_pairs(facts)
    for each, text in shown:
        print(f"\n──── {each.title} " + "─" * (100 - len(each.title)) + f"\n{text}", end="")
    print(f"\nnext: preau service doctor {new.service_id}")


def _others(kind: ClientKind, product: str | None) -> str:
    """What is not shown, and how to have it: a page in a browser keeps no secret, and a server must have one."""
    other: list[Product] = [each for each in PRODUCTS if each.kind is not kind]
    if product is not None and all(each.name != product for each in other):
        return ""
    wanted = "browser" if kind is ClientKind.WEB else "web"
    return f"for {', '.join(each.title for each in other)}: register with --kind {wanted}\n"
