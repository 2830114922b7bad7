"""The policies of an installation and of its tenants, read together: no decision mixes two versions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from broker.domain.errors import PolicyError
from policies.folders import NOT_TENANTS, tenant_places, unknown_folders
from policies.layers import RULES, TABLES, Layer
from policies.loader import OVERRIDE, SHIPPED, Policies, Reader
from policies.text import KeyLines

__all__ = ["NOT_TENANTS", "BookReader", "PolicyBook", "Reread", "load_book"]

INSTALLATION_ALONE: Mapping[str, frozenset[str]] = {
    "sessions.toml": frozenset(
        {
            "interaction",
            "code",
            "ticket",
            "pushed",
            "device_code",
            "access_token",
            "id_token",
            "logout_token",
            "logout_tries",
            "copy",
        }
        | {f"refresh_{whose}_{limit}" for whose in ("family", "staff") for limit in ("idle", "absolute")}
    ),
    "linking.toml": frozenset({"undo_by_person", "undo_by_academie"}),
}
"""Codes, tokens and copies are the installation's, and one purge erases what undoing needs: a tenant's number would
promise what nobody does."""
TABLES_ALONE = ("retention.toml", "keys.toml")
"""Persons belong to no tenant, one purge serves all and one set of keys signs: a tenant's table would say what nobody
does."""


@dataclass(frozen=True, slots=True)
class PolicyBook:
    """Everyone's policies. `version` changes with any of them; each decision carries that of its own tenant's text."""

    version: str
    installation: Policies
    tenants: Mapping[str, Policies]

    def of(self, tenant: str) -> Policies:
        """The policies that speak for a tenant: the installation's when it has none of its own."""
        return self.tenants.get(tenant, self.installation)


@dataclass(frozen=True, slots=True)
class Reread:
    """A book read while an earlier one is in force, and what was not taken into it."""

    book: PolicyBook
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Joined:
    """Layers, the policies that they make, and what is wrong with them where they make none."""

    layers: tuple[Layer, ...]
    policies: Policies | None
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    """What stands in the folders. `strays` are folders of no tenant: nobody's policies, so they hold back nobody's."""

    installation: _Joined
    tenants: Mapping[str, _Joined] = field(default_factory=dict)
    strays: tuple[str, ...] = ()

    def problems(self) -> tuple[str, ...]:
        """Every problem, once each: a layer that several tenants stand on is wrong once."""
        own = (problem for joined in self.tenants.values() for problem in joined.problems)
        return tuple(dict.fromkeys((*self.installation.problems, *self.strays, *own)))


class BookReader:
    """Reads one book again and again; what did not change is neither parsed nor joined anew."""

    def __init__(self, folder: Path | None, overrides: Path | None, tenants: Iterable[str]) -> None:
        self._reader = Reader(folder or SHIPPED)
        self._overrides = overrides
        self._named = frozenset(tenants)
        self._sound: dict[str, _Joined] = {}

    def read(self) -> PolicyBook:
        """The book, whole. Raises `PolicyError` with every problem of every layer, each as `file:line: reason`."""
        found = self._look()
        problems, installation = found.problems(), found.installation.policies
        if problems or installation is None:
            raise PolicyError(problems)
        return _book(installation, {name: each.policies for name, each in found.tenants.items()})

    def again(self, last: PolicyBook) -> Reread:
        """What may be taken while `last` is in force.

        A tenant's fault keeps that tenant's last good text in force and nobody else's; the installation's keeps all.
        """
        found = self._look()
        installation = found.installation.policies
        if installation is None:
            return Reread(last, found.problems())
        own = {name: each.policies for name, each in found.tenants.items()}
        kept = {name: self._kept(name, found.installation, last) for name, policies in own.items() if policies is None}
        book = _book(installation, own | kept)
        return Reread(last if book.version == last.version else book, found.problems())

    def _look(self) -> _Found:
        reader = self._reader.apart(self._reader.problems)
        upon = [reader.layer(self._overrides, label=OVERRIDE)] if self._overrides else []
        beneath = (reader.shipped, *upon)
        installation = self._join("", reader, beneath)
        places = tenant_places(self._overrides) if self._overrides else ()
        return _Found(
            installation,
            {place.name: self._tenant(place, installation) for place in places if place.name in self._named},
            tuple(f"{place}: no tenant has this name" for place in places if place.name not in self._named),
        )

    def _tenant(self, place: Path, installation: _Joined) -> _Joined:
        reader = self._reader.apart(installation.problems)
        layer = reader.layer(place, label=f"{OVERRIDE}{place.name}/")
        reader.problems += unknown_folders(place, (*RULES, *TABLES))
        reader.problems += _not_the_tenants(layer)
        return self._join(f"/{place.name}", reader, (*installation.layers, layer))

    def _kept(self, name: str, installation: _Joined, last: PolicyBook) -> Policies | None:
        """What stays of a faulty tenant: its last good text on the installation's new one, or all as it was."""
        known = self._sound.get(f"/{name}")
        if known is None or name not in last.tenants:
            return None
        joined = self._reader.apart(()).join((*installation.layers, known.layers[-1]))
        return joined or last.tenants[name]

    def _join(self, name: str, reader: Reader, layers: tuple[Layer, ...]) -> _Joined:
        known = self._sound.get(name)
        if known is not None and not reader.problems and _are_same(known.layers, layers):
            return known
        joined = _Joined(layers, reader.join(layers), tuple(reader.problems))
        if joined.policies is not None:
            self._sound[name] = joined
        return joined


def load_book(folder: Path | None = None, overrides: Path | None = None, tenants: Iterable[str] = ()) -> PolicyBook:
    """Read the shipped policies (or those of `folder`), the installation's upon them, each tenant's upon those.

    `overrides` holds the installation's files, and a folder for each tenant that has some. Raises `PolicyError` with
    every problem of every layer, each as `file:line: reason`.
    """
    return BookReader(folder, overrides, tenants).read()


def _not_the_tenants(layer: Layer) -> Iterator[str]:
    """What a tenant's layer sets and only the installation may."""
    for name in TABLES_ALONE:
        if name in layer.texts:
            yield f"{layer.label}{name}:1: only the installation sets this table"
    for name, alone in INSTALLATION_ALONE.items():
        lines = KeyLines(layer.texts.get(name, ""))
        for key in sorted(alone & layer.tables.get(name, {}).keys()):
            yield f"{layer.label}{name}:{lines.line(key)}: {key}: only the installation sets this number"


def _are_same(some: Sequence[Layer], others: Sequence[Layer]) -> bool:
    return len(some) == len(others) and all(one is other for one, other in zip(some, others, strict=True))


def _book(installation: Policies, tenants: Mapping[str, Policies | None]) -> PolicyBook:
    own = {name: policies for name, policies in tenants.items() if policies is not None}
    return PolicyBook(_version(installation, own), installation, own)


def _version(installation: Policies, tenants: Mapping[str, Policies]) -> str:
    told = "\n".join(f"{name} {tenants[name].version}" for name in sorted(tenants))
    return hashlib.sha256(f"{installation.version}\n{told}".encode()).hexdigest()[:16]
