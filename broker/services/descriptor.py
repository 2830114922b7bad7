"""Descriptors: one TOML file a service, read strictly.

A key nobody knows, an address that could be captured, a claim that does not exist, a purpose or a legal basis left
out: each is a fault with its line, and every fault of every file is reported at once. A secret never stands in a
descriptor: it names a file that holds it, or its SHA-256.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broker.domain.assurance import Assurance
from broker.domain.people import Profil, Space
from broker.domain.school import Level
from broker.domain.services import (
    Accessibility,
    ClaimName,
    GrantType,
    OpeningDates,
    Operator,
    Protocol,
    Service,
    ServiceInstance,
    TokenAuthMethod,
)
from broker.domain.toml_text import Step, TomlText, TomlUnreadable, parse_toml
from broker.services.addresses import address_fault
from broker.services.cas_client import read_cas
from broker.services.metadata_origins import NOWHERE, Elsewhere, Origin
from broker.services.parties import files_of, read_party
from broker.services.reading import UAI, Fault, Reader
from broker.services.release_reader import read_release
from broker.services.resources import read_resource
from broker.services.service_provider import Place, metadata_files_of, origin_of_metadata, read_service_provider

SERVICE_KEYS = (
    "service_id", "tenant", "names", "purpose", "data", "legal_basis", "retention", "rights_url", "operator",
    "accessibility", "space", "profils", "levels", "schools", "classes", "claims", "requires", "mandates", "outage",
    "protocols", "instances", "parties", "openings", "release", "resources", "cas", "saml",
)  # fmt: skip
_IDENTIFYING = frozenset({"service_id", "tenant", "client_id", "source", "feed", "uri"})
NOT_DECLARED = "non déclaré"
"""What stands for an accessibility that nobody declared: it must be said, pages repeat it."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A descriptor that can be used, and what it was read from: its own file first, then what it names.

    `origin`: from where its metadata are to be fetched, where it publishes them itself.
    """

    service: Service
    files: tuple[Path, ...]
    text: TomlText
    origin: Origin | None = None

    @property
    def file(self) -> str:
        """Name of its own file."""
        return self.files[0].name

    @property
    def entity_id(self) -> str:
        """The name of its SAML service provider, also while its metadata have not come; empty: none."""
        stated = self.text.table.get("saml", {}).get("entity_id", "")
        return self.service.saml.entity_id if self.service.saml else str(stated)

    def line_of(self, name: str) -> int:
        """Line on which an identifier stands: of the service, of its tenant, of a client, of where a value is from."""
        return self.text.line(_path_of(name, self.text.table) or ("service_id",))


def _path_of(name: str, table: Any) -> tuple[Step, ...]:
    """Keys and places that lead to an identifier; none when it stands nowhere."""
    within = table.items() if isinstance(table, Mapping) else enumerate(table) if isinstance(table, list) else ()
    for step, value in within:
        if value == name and step in _IDENTIFYING:
            return (step,)
        if deeper := _path_of(name, value):
            return (step, *deeper)
    return ()


def read_descriptor(path: Path, faults: list[Fault], elsewhere: Elsewhere = NOWHERE) -> Descriptor | None:
    """Read one descriptor; adds to `faults` and returns None when it has any."""
    before = len(faults)
    try:
        text = parse_toml(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as fault:
        faults.append(Fault(path.name, 0, f"cannot be read ({type(fault).__name__})"))
        return None
    except TomlUnreadable as fault:
        faults.append(Fault(path.name, fault.line, f"is no TOML: {fault.args[0]}"))
        return None
    reader = Reader(text, path.name, faults, table=dict(text.table))
    place = Place(path.parent, _stated(text, "service_id"), _stated(text, "tenant"), elsewhere)
    service = _service(reader, place)
    named = [file for row in reader.rows("parties") for file in files_of(row, folder=path.parent)]
    if len(faults) != before:
        return None
    saml = reader.inner("saml")
    named += metadata_files_of(saml, place)
    return Descriptor(service, (path, *named), text, origin_of_metadata(saml, place))


def _stated(text: TomlText, key: str) -> str:
    value = text.table.get(key)
    return value if isinstance(value, str) else ""


def _service(reader: Reader, place: Place) -> Service:
    reader.only(SERVICE_KEYS)
    claims = reader.members("claims", ClaimName)
    space = reader.member("space", Space, default=Space.FAMILY)
    service = Service(
        service_id=reader.identifier("service_id"),
        tenant=reader.identifier("tenant"),
        names=reader.words_by_language("names"),
        purpose=reader.word("purpose"),
        profils=frozenset(reader.members("profils", Profil, least=1)),
        levels=frozenset(reader.members("levels", Level)),
        schools=frozenset(_schools(reader)),
        claims=claims,
        space=space,
        parties=tuple(read_party(row, folder=place.folder) for row in reader.rows("parties")),
        instances=_instances(reader),
        operator=_operator(reader),
        data=reader.word("data"),
        legal_basis=reader.word("legal_basis"),
        retention=reader.word("retention"),
        rights_url=_address(reader, "rights_url"),
        accessibility=_accessibility(reader),
        protocols=reader.members("protocols", Protocol) or (Protocol.OIDC,),
        classes=frozenset(_classes(reader)),
        requires=reader.member("requires", Assurance, default=Assurance.LOW),
        mandates=reader.flag("mandates"),
        outage=reader.flag("outage"),
        openings=tuple(_opening(row) for row in reader.rows("openings")),
        release=read_release(reader.inner("release"), claims=claims, space=space),
        resources=tuple(read_resource(row, space=space) for row in reader.rows("resources")),
        saml=read_service_provider(reader.inner("saml"), place),
        cas=read_cas(reader.inner("cas")),
    )
    _check_together(reader, service)
    _check_protocols(reader, service)
    return service


def _check_together(reader: Reader, service: Service) -> None:
    """What no key alone can tell."""
    for place, party in enumerate(service.parties):
        tells = service.space is Space.FAMILY and ClaimName.CHILDREN in service.claims
        if GrantType.TOKEN_EXCHANGE in party.grant_types and not tells:
            why = "token exchange is for a family service whose 'claims' name 'children'"
            reader.rows("parties")[place].fault(f"'grant_types': {why}", key="grant_types")
        if party.device_offline and service.space is not Space.STAFF:
            why = "is for a service of staff: no family has a screen that renews its tokens"
            reader.rows("parties")[place].fault(f"'device_offline' {why}", key="device_offline")
    for place, resource in enumerate(service.resources):
        own = service.party(resource.client_id)
        if own is None or own.auth_method is TokenAuthMethod.NONE:
            why = "must be a client of this service that keeps a secret or signs: it asks whether tokens are good"
            reader.rows("resources")[place].fault(f"'client_id' {why}", key="client_id")
    if service.requires is Assurance.NONE:
        reader.fault("'requires' is at least 'low': nothing opens without a proven login", key="requires")
    for named in sorted(service.classes):
        if service.schools and named.partition(":")[0] not in service.schools:
            reader.fault(f"'classes': the school of '{named}' is not among 'schools'", key="classes")


def _check_protocols(reader: Reader, service: Service) -> None:
    """What a descriptor declares for a protocol is nothing unless it names the protocol."""
    if service.parties and Protocol.OIDC not in service.protocols:
        reader.fault("'parties' are OpenID Connect clients, and 'protocols' has no 'oidc'", key="protocols")
    if service.cas and Protocol.CAS not in service.protocols:
        reader.fault("'[cas]' is there, and 'protocols' has no 'cas'", key="protocols")
    if service.saml and Protocol.SAML not in service.protocols:
        reader.fault("'[saml]' is there, and 'protocols' has no 'saml'", key="protocols")


def _address(reader: Reader, key: str) -> str:
    url = reader.word(key)
    if url and (why := address_fault(url)):
        reader.fault(f"'{url}' {why}", key=key)
    return url


def _operator(reader: Reader) -> Operator | None:
    inner = reader.inner("operator")
    if inner is None:
        if not reader.has("operator"):
            reader.fault("'[operator]' is missing: who runs the service")
        return None
    inner.only(("name", "contact", "processor"))
    return Operator(name=inner.word("name"), contact=inner.word("contact"), processor=inner.flag("processor"))


def _accessibility(reader: Reader) -> Accessibility | None:
    """A rate and its statement, or in so many words that there is none."""
    if reader.table.get("accessibility") == NOT_DECLARED:
        return Accessibility(None, "")
    if not reader.has("accessibility"):
        reader.fault(f"'[accessibility]' is missing: rate and statement, or accessibility = \"{NOT_DECLARED}\"")
        return None
    inner = reader.inner("accessibility")
    if inner is None:
        return None
    inner.only(("rate", "statement"))
    rate = inner.table.get("rate")
    if isinstance(rate, bool) or not isinstance(rate, int) or rate not in range(101):
        inner.fault("'rate' must be a whole number of percent, from 0 to 100", key="rate")
        return None
    return Accessibility(rate, _address(inner, "statement"))


def _schools(reader: Reader) -> tuple[str, ...]:
    schools = reader.words("schools")
    for uai in schools:
        if not UAI.fullmatch(uai):
            reader.fault(f"'schools': '{uai}' is not a UAI (7 digits and a letter)", key="schools")
    return schools


def _classes(reader: Reader) -> tuple[str, ...]:
    classes = reader.words("classes")
    for named in classes:
        uai, colon, code = named.partition(":")
        if not UAI.fullmatch(uai) or not colon or not code.strip():
            reader.fault(f"'classes': '{named}' is not written UAI:code, as 0990001A:6B", key="classes")
    return classes


def _instances(reader: Reader) -> tuple[ServiceInstance, ...]:
    instances = tuple(_instance(row) for row in reader.rows("instances", least=1))
    if len({instance.uai for instance in instances}) != len(instances):
        reader.fault("'instances' gives one school two addresses", key="instances")
    return instances


def _instance(reader: Reader) -> ServiceInstance:
    reader.only(("uai", "url"))
    return ServiceInstance(uai=reader.uai("uai", default=""), url=_address(reader, "url"))


def _opening(reader: Reader) -> OpeningDates:
    reader.only(("uai", "level", "class", "opens", "closes", "text"))
    uai, class_code = reader.uai("uai", default=""), reader.word("class", default="")
    opens, closes = reader.day("opens"), reader.day("closes")
    if class_code and not uai:
        reader.fault("'class' needs the 'uai' of its school", key="class")
    if not reader.has("opens") and not reader.has("closes"):
        reader.fault("one of 'opens' and 'closes' is needed")
    if opens and closes and closes < opens:
        reader.fault("'closes' is before 'opens'", key="closes")
    return OpeningDates(uai, _level(reader), class_code, opens, closes, reader.words_by_language("text"))


def _level(reader: Reader) -> Level | None:
    return reader.member("level", Level, default=Level.ECOLE) if reader.has("level") else None
