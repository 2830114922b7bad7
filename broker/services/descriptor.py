"""Descriptors: one TOML file a service, read strictly.

A key nobody knows, an address that could be captured, a claim that does not exist: each is a fault, and every fault
of every file is reported at once. A secret never stands in a descriptor: it names a file that holds it, or its SHA-256.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from broker.domain.handles import digest
from broker.domain.people import Profil, Space
from broker.domain.school import Level
from broker.domain.services import ClaimName, RelyingParty, Service, ServiceInstance, TokenAuthMethod
from broker.services.addresses import address_fault

SERVICE_KEYS = frozenset(
    {
        "service_id", "tenant", "names", "purpose", "space", "profils", "levels", "schools", "claims", "instances",
        "parties",
    }
)  # fmt: skip
PARTY_KEYS = frozenset(
    {
        "client_id", "client_secret_file", "client_secret_sha256", "auth_method", "redirect_uris", "scopes",
        "signing_alg",
    }
)  # fmt: skip
INSTANCE_KEYS = frozenset({"uai", "url"})
SCOPES = ("openid", "profile", "school", "children")
SIGNING_ALGS = ("ES256", "RS256")
LANGUAGES = re.compile(r"[a-z]{2}(-[A-Z][a-z]{3})?")
SHORTEST_SECRET = 43
"""A 256-bit random secret in base64url: what makes SHA-256 at rest enough (a chosen word would be guessed)."""

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,63}")
_SUBJECT_SHAPED = re.compile(r"[0-9a-f]{32}")
_UAI = re.compile(r"\d{7}[A-Z]")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in a descriptor that cannot be used."""

    file: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}"


class Reader:
    """Takes values out of one TOML table and notes every fault instead of stopping at the first."""

    def __init__(self, table: Mapping[str, Any], *, file: str, where: str, faults: list[Fault]) -> None:
        self._table = table
        self._file = file
        self._where = where
        self._faults = faults

    def fault(self, reason: str) -> None:
        """Note a fault of this table."""
        self._faults.append(Fault(self._file, f"{self._where}{reason}"))

    def only(self, keys: frozenset[str]) -> None:
        """Refuse keys that nobody reads: a misspelt restriction must not pass for one that is there."""
        for key in sorted(self._table.keys() - keys):
            self.fault(f"unknown key '{key}'")

    def text(self, key: str, *, default: str | None = None) -> str:
        """A non-empty string."""
        value = self._table.get(key, default)
        if isinstance(value, str) and (value or default == ""):
            return value
        self.fault(f"'{key}' must be a text" if key in self._table else f"'{key}' is missing")
        return ""

    def identifier(self, key: str) -> str:
        """An identifier: letters, digits, dot, dash, underscore."""
        value = self.text(key)
        if value and not _IDENTIFIER.fullmatch(value):
            self.fault(f"'{key}' must be 2 to 64 letters, digits, dots, dashes or underscores")
        return value

    def texts(self, key: str, *, least: int = 0) -> tuple[str, ...]:
        """A list of strings, each once."""
        value = self._table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            self.fault(f"'{key}' must be a list of texts")
            return ()
        if len(set(value)) != len(value):
            self.fault(f"'{key}' names something twice")
        if len(value) < least:
            self.fault(f"'{key}' must name at least {least}")
        return tuple(value)

    def members(self, key: str, known: Callable[[str], StrEnum], *, least: int = 0) -> tuple[Any, ...]:
        """A list of members of an enum."""
        found = [self._member(key, known, word) for word in self.texts(key, least=least)]
        return tuple(member for member in found if member is not None)

    def member(self, key: str, known: Callable[[str], StrEnum], *, default: StrEnum) -> Any:
        """One member of an enum."""
        return self._member(key, known, self.text(key, default=default.value)) or default

    def tables(self, key: str, *, least: int = 0) -> list[Mapping[str, Any]]:
        """A list of tables."""
        value = self._table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.fault(f"'{key}' must be a list of tables ([[{key}]])")
            return []
        if len(value) < least:
            self.fault(f"at least {least} [[{key}]] is needed")
        return value

    def _member(self, key: str, known: Callable[[str], StrEnum], word: str) -> StrEnum | None:
        try:
            return known(word)
        except ValueError:
            self.fault(f"'{key}' knows no '{word}'")
            return None


def read_descriptor(path: Path, faults: list[Fault]) -> Service | None:
    """Read one descriptor; adds to `faults` and returns None when it has any."""
    before = len(faults)
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        faults.append(Fault(path.name, f"cannot be read ({type(fault).__name__})"))
        return None
    service = _service(table, path=path, faults=faults)
    return service if len(faults) == before else None


def _service(table: Mapping[str, Any], *, path: Path, faults: list[Fault]) -> Service:
    reader = Reader(table, file=path.name, where="", faults=faults)
    reader.only(SERVICE_KEYS)
    parties = [
        _party(Reader(row, file=path.name, where=f"parties[{n}]: ", faults=faults), folder=path.parent)
        for n, row in enumerate(reader.tables("parties"))
    ]
    instances = [
        _instance(Reader(row, file=path.name, where=f"instances[{n}]: ", faults=faults))
        for n, row in enumerate(reader.tables("instances", least=1))
    ]
    if len({instance.uai for instance in instances}) != len(instances):
        reader.fault("'instances' gives one school two addresses")
    return Service(
        service_id=reader.identifier("service_id"),
        tenant=reader.identifier("tenant"),
        names=_names(reader, table),
        purpose=reader.text("purpose"),
        profils=frozenset(reader.members("profils", Profil, least=1)),
        levels=frozenset(reader.members("levels", Level)),
        schools=frozenset(_schools(reader)),
        claims=reader.members("claims", ClaimName),
        space=reader.member("space", Space, default=Space.FAMILY),
        parties=tuple(parties),
        instances=tuple(instances),
    )


def _names(reader: Reader, table: Mapping[str, Any]) -> dict[str, str]:
    names = table.get("names", {})
    if not isinstance(names, dict) or not all(isinstance(name, str) and name for name in names.values()):
        reader.fault("'names' must be a table of texts by language")
        return {}
    if "fr" not in names:
        reader.fault("'names' needs at least a French name (fr)")
    for language in sorted(names):
        if not LANGUAGES.fullmatch(language):
            reader.fault(f"'names' knows no language '{language}'")
    return dict(names)


def _schools(reader: Reader) -> tuple[str, ...]:
    schools = reader.texts("schools")
    for uai in schools:
        if not _UAI.fullmatch(uai):
            reader.fault(f"'schools': '{uai}' is not a UAI (7 digits and a letter)")
    return schools


def _instance(reader: Reader) -> ServiceInstance:
    reader.only(INSTANCE_KEYS)
    uai = reader.text("uai", default="")
    url = reader.text("url")
    if uai and not _UAI.fullmatch(uai):
        reader.fault(f"'{uai}' is not a UAI (7 digits and a letter)")
    if url and (why := address_fault(url)):
        reader.fault(f"'{url}' {why}")
    return ServiceInstance(uai=uai, url=url)


def _party(reader: Reader, *, folder: Path) -> RelyingParty:
    reader.only(PARTY_KEYS)
    client_id = reader.identifier("client_id")
    if _SUBJECT_SHAPED.fullmatch(client_id):
        reader.fault("'client_id' has the shape of a person's subject (RFC 9700 §4.15)")
    redirect_uris = reader.texts("redirect_uris", least=1)
    for uri in redirect_uris:
        if why := address_fault(uri):
            reader.fault(f"'{uri}' {why}")
    scopes = reader.texts("scopes", least=1)
    for scope in scopes:
        if scope not in SCOPES:
            reader.fault(f"'scopes' knows no '{scope}'")
    if "openid" not in scopes:
        reader.fault("'scopes' needs 'openid'")
    alg = reader.text("signing_alg", default="ES256")
    if alg not in SIGNING_ALGS:
        reader.fault(f"'signing_alg' knows no '{alg}'")
    return RelyingParty(
        client_id=client_id,
        secret_digest=_secret_digest(reader, folder=folder),
        redirect_uris=redirect_uris,
        auth_method=reader.member("auth_method", TokenAuthMethod, default=TokenAuthMethod.BASIC),
        scopes=scopes,
        signing_alg=alg,
    )


def _secret_digest(reader: Reader, *, folder: Path) -> str:
    file = reader.text("client_secret_file", default="")
    stated = reader.text("client_secret_sha256", default="")
    if bool(file) == bool(stated):
        reader.fault("one of 'client_secret_file' and 'client_secret_sha256' is needed")
        return ""
    if stated:
        if not _SHA256.fullmatch(stated) or stated == digest(""):
            reader.fault("'client_secret_sha256' must be the SHA-256 of the secret, in lower-case hex")
        return stated
    return _digest_of_file(reader, folder / file)


def _digest_of_file(reader: Reader, path: Path) -> str:
    try:
        secret = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as fault:
        reader.fault(f"'client_secret_file' cannot be read ({type(fault).__name__})")
        return ""
    if len(secret) < SHORTEST_SECRET or not secret.isprintable():
        reader.fault(f"'client_secret_file' must hold a random secret of at least {SHORTEST_SECRET} characters")
        return ""
    return digest(secret)
