"""What the broker has to be told to serve this town: its `preau.toml`, its service descriptors, the secrets they name.

Written as an administrator would write them. A secret that exists is kept, so that a second start changes nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from broker.demo.addresses import (
    ACADEMIE_HOST,
    BOURSES_HOST,
    CANTINE_HOST,
    EDUCONNECT_SAML_HOST,
    VIE_SCOLAIRE_HOSTS,
    Addresses,
)
from broker.demo.people import Site
from broker.demo.schools import SCHOOLS

TENANT = "academie-fictive"
ACADEMIE = "99"
FEED_1D, FEED_2D = "99-1d", "99-2d"
BROKER_AT_EDUCONNECT = "preau"
"""`client_id` of the broker at the EduConnect-shaped source."""

BROKER_AT_ACADEMIE = "preau"
DESK = "academie"
"""Where agents sign in."""

OWN = "maison"
"""Accounts that the broker itself keeps, for whoever has none elsewhere."""
_OWN_LABEL = {
    "fr": "J'ai un code ou un accès créé ici",
    "en": "I have a code or an access made here",
    "ar": "لدي رمز أو دخول أُنشئ هنا",
}

SANDBOX = "sandbox.json"
"""File of the people that the broker shows to those who connect a service."""

LEGAL_BASIS = "Mission d'intérêt public (RGPD, article 6.1.e)."
RETENTION = "L'année scolaire en cours."

Value = str | bool | int | list[str] | dict[str, str]
_REGISTRATION: dict[str, Value] = {"enabled": True, "tenant": TENANT, "profils": ["TUT"], "open": True, "days": 1}


@dataclass(frozen=True, slots=True)
class Client:
    """A service as a client of the broker: one name and secret, an address for each of its instances."""

    client_id: str
    label: str
    hosts: Mapping[str, str]
    """Host by UAI; the empty key stands for every school."""
    profils: tuple[str, ...]
    levels: tuple[str, ...]
    claims: tuple[str, ...]
    scopes: tuple[str, ...]
    purpose: str
    data: str
    operator: str
    names: Mapping[str, str]
    listens: bool = True
    """Whether it can be told of a logout; one that cannot shows in the town what that is like."""


VIE_SCOLAIRE = Client(
    "vie-scolaire", "Vie scolaire", VIE_SCOLAIRE_HOSTS, ("TUT", "ELV"), (),
    ("name", "given_name", "family_name", "profil", "uai", "children"), ("openid", "profile", "school", "children"),
    "Suivre la scolarité : emploi du temps, notes, absences.",
    "Nom et prénom, profil, établissement ; pour un parent, les classes de ses enfants.", "Editeur de démonstration",
    {"fr": "Vie scolaire", "en": "School life", "ar": "الحياة المدرسية"},
)  # fmt: skip
CANTINE = Client(
    "cantine", "La Cantine", {"": CANTINE_HOST}, ("TUT",), ("ecole", "college"), ("given_name", "children"),
    ("openid", "profile", "children"), "Réserver et payer les repas.",
    "Le prénom de l'adulte ; pour chaque enfant, son école et sa classe.", "Ville de démonstration",
    {"fr": "La Cantine", "en": "School meals", "ar": "المطعم المدرسي"},
)  # fmt: skip
BOURSES = Client(
    "bourses", "Téléservice Bourses", {"": BOURSES_HOST}, ("TUT",), ("college", "lycee"),
    ("given_name", "family_name", "profil"), ("openid", "profile", "school"),
    "Demander une bourse de collège ou de lycée.",
    "Nom, prénom et profil du responsable.", "Académie de démonstration",
    {"fr": "Téléservice Bourses", "en": "Grants", "ar": "المنح الدراسية"}, listens=False,
)  # fmt: skip
CLIENTS = (VIE_SCOLAIRE, CANTINE, BOURSES)

_LABELS: Mapping[Site, dict[str, str]] = {
    Site.EDUCONNECT: {"fr": "EduConnect (démonstration)", "en": "EduConnect (demo)", "ar": "EduConnect (عرض)"},
    Site.PETITS_PRES: {
        "fr": "ENT Les Petits Prés (écoles)", "en": "ENT Les Petits Prés (primary schools)",
        "ar": "ENT Les Petits Prés (المدارس الابتدائية)",
    },
    Site.GRAND_LARGE: {
        "fr": "ENT Grand Large (collèges et lycée)", "en": "ENT Grand Large (secondary schools)",
        "ar": "ENT Grand Large (الإعدادية والثانوية)",
    },
}  # fmt: skip


class SecretFolder:
    """Random secrets in files that only their owner reads, made once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def ensure(self, name: str) -> None:
        """Draw a client secret of 384 bits, as text, when there is none."""
        self._keep(name, f"{secrets.token_urlsafe(48)}\n".encode())

    def ensure_master(self) -> None:
        """Draw the broker's master secret when there is none: 32 bytes, as its settings want."""
        self._keep("master", secrets.token_bytes(32))

    def read(self, name: str) -> str:
        """Return a client secret, made when it is not there yet."""
        self.ensure(name)
        return (self._folder / name).read_text(encoding="ascii").strip()

    def _keep(self, name: str, secret: bytes) -> None:
        path = self._folder / name
        if not path.exists():
            path.touch(mode=0o600)
            path.write_bytes(secret)


@dataclass(frozen=True, slots=True)
class Extra:
    """What the plain town has not: clients that register themselves, EduConnect in SAML, agents at a desk."""

    registration: bool = False
    saml: bool = False
    desk: bool = False


def write_settings(path: Path, addresses: Addresses, *, ca_file: Path | None, extra: Extra | None = None) -> None:
    """Write `preau.toml`; paths in it are relative to its own folder."""
    extra = extra or Extra()
    listen = urlsplit(addresses.issuer)
    top: dict[str, Value] = {
        "issuer": addresses.issuer, "listen": f"{listen.hostname}:{listen.port or 443}", "data_dir": "var",
        "services_dir": "services", "sandbox_file": SANDBOX, "reachable_networks": ["127.0.0.0/8"],
        **({} if ca_file is None else {"services_ca_file": str(ca_file)}),
    }  # fmt: skip
    tables: list[tuple[str, dict[str, Value]]] = [
        ("[secrets]", {"master_file": "secrets/master"}),
        ("[[tenants]]", {"id": TENANT, "name": "Académie fictive"}),
        ("[[feeds]]", {"id": FEED_2D, "tenant": TENANT, "academie": ACADEMIE, "degree": "2D"}),
        ("[[feeds]]", {"id": FEED_1D, "tenant": TENANT, "academie": ACADEMIE, "degree": "1D"}),
        *((("[registration]", _REGISTRATION),) if extra.registration else ()),
        *(("[[sources]]", _source(site, addresses, ca_file=ca_file)) for site in Site),
        *((("[[sources]]", _saml_source(addresses)),) if extra.saml else ()),
        *((("[[sources]]", _desk_source(addresses, ca_file=ca_file)),) if extra.desk else ()),
        ("[[sources]]", {"id": OWN, "kind": "own", "tenant": TENANT, "label": dict(_OWN_LABEL)}),
    ]  # fmt: skip
    lines = ["# Written by the demo town at each start.", *_assignments(top)]
    for title, table in tables:
        lines += ["", title, *_assignments(table)]
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")


def _source(site: Site, addresses: Addresses, *, ca_file: Path | None) -> dict[str, Value]:
    table: dict[str, Value] = {
        "id": site.value, "kind": "oidc" if site is Site.EDUCONNECT else "cas", "tenant": TENANT,
        "label": _LABELS[site], "releases_references": True,
    }  # fmt: skip
    if site is Site.EDUCONNECT:
        table |= {
            "issuer": addresses.site(site), "client_id": BROKER_AT_EDUCONNECT,
            "client_secret_file": "secrets/educonnect", "profile": "educonnect", "feeds": [FEED_1D, FEED_2D],
            "scopes": ["openid", "profile", "ect.scope.cnx", "ect.scope.preau"], "assurance": "standard",
        }  # fmt: skip
    else:
        feed = FEED_1D if site is Site.PETITS_PRES else FEED_2D
        table |= {"url": f"{addresses.site(site)}/cas", "feeds": [feed], "academies": {"AC-TEST": ACADEMIE}}
    return table | ({} if ca_file is None else {"ca_file": str(ca_file)})


def _desk_source(addresses: Addresses, *, ca_file: Path | None) -> dict[str, Value]:
    """The provider of the académie's agents."""
    table: dict[str, Value] = {
        "id": DESK, "kind": "oidc", "tenant": TENANT, "desk": True, "profile": "agents", "assurance": "standard",
        "label": {"fr": "Académie (personnels)", "en": "Académie (staff)", "ar": "الأكاديمية (الموظفون)"},
        "issuer": addresses.origin(ACADEMIE_HOST), "client_id": BROKER_AT_ACADEMIE,
        "client_secret_file": "secrets/academie",
    }  # fmt: skip
    return table | ({} if ca_file is None else {"ca_file": str(ca_file)})


def _saml_source(addresses: Addresses) -> dict[str, Value]:
    """EduConnect by its other protocol, with the contract of an ENT (files: `broker.demo.saml_files`)."""
    return {
        "id": "educonnect-saml", "kind": "saml", "tenant": TENANT,
        "label": {"fr": "EduConnect en SAML", "en": "EduConnect by SAML", "ar": "EduConnect عبر SAML"},
        "issuer": f"{addresses.origin(EDUCONNECT_SAML_HOST)}/idp", "metadata_file": "educonnect-saml.xml",
        "key_file": "secrets/saml-broker.key", "certificate_file": "secrets/saml-broker.pem",
        "profile": "educonnect", "releases_references": True, "feeds": [FEED_1D, FEED_2D], "assurance": "standard",
    }  # fmt: skip


def write_service(path: Path, client: Client, addresses: Addresses) -> None:
    """Write a service descriptor."""
    home = f"{addresses.origin(next(iter(client.hosts.values())))}/"
    top: dict[str, Value] = {
        "service_id": client.client_id, "tenant": TENANT, "names": dict(client.names), "purpose": client.purpose,
        "data": client.data, "legal_basis": LEGAL_BASIS, "retention": RETENTION, "accessibility": "non déclaré",
        "rights_url": f"{home}vos-donnees", "operator": {"name": client.operator, "contact": f"{home}contact"},
        "space": "family", "profils": list(client.profils), "levels": list(client.levels),
        "schools": [school.uai for school in SCHOOLS], "claims": list(client.claims),
    }  # fmt: skip
    party: dict[str, Value] = {
        "client_id": client.client_id, "client_secret_file": f"../secrets/{client.client_id}",
        "auth_method": "client_secret_basic", "scopes": list(client.scopes),
        "redirect_uris": [f"{addresses.origin(host)}/retour" for host in client.hosts.values()],
    }  # fmt: skip
    if client.listens:
        party["backchannel_logout_uri"] = f"{home}deconnexion"
    lines = [*_assignments(top), "", "[[parties]]", *_assignments(party)]
    for uai, host in client.hosts.items():
        instance: dict[str, Value] = {"uai": uai} if uai else {}
        lines += ["", "[[instances]]", *_assignments(instance | {"url": f"{addresses.origin(host)}/"})]
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")


def _assignments(table: Mapping[str, Value]) -> Iterable[str]:
    return [f"{key} = {_toml(value)}" for key, value in table.items()]


def _toml(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(_toml(part) for part in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f'"{key}" = {_toml(part)}' for key, part in value.items()) + " }"
    if isinstance(value, int):
        return str(value)
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
