"""What feeds and sources have in common: keys that belong to one kind, directories, files."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from broker.services.addresses import is_loopback
from broker.settings.secret_files import secret_fault
from broker.settings.values import FeedSettings, SourceSettings


def check_keys(
    table: FeedSettings | SourceSettings, *, needed: Collection[str], possible: Collection[str]
) -> Iterator[str]:
    """Keys that this kind lacks, and keys that only another kind has."""
    for item in fields(table):
        said = getattr(table, item.name) != _default(item)
        if item.name in needed and not said:
            yield f"{item.name}: missing (kind = {table.kind})"
        if said and item.name not in {*needed, *possible}:
            yield f"{item.name}: misplaced (kind = {table.kind})"


def check_directory_address(url: str) -> Iterator[str]:
    """The address of a directory: ldaps, or ldap with StartTLS, without path."""
    parts = urlsplit(url)
    bare = parts.path in {"", "/"} and not parts.query and not parts.fragment and "@" not in parts.netloc
    if parts.scheme not in {"ldap", "ldaps"} or not parts.hostname or not bare:
        yield "url: an address as ldaps://annuaire.example.fr is wanted"


def check_https(where: str, parts: SplitResult) -> Iterator[str]:
    """An address that only https reaches, http on loopback alone."""
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        return
    yield f"{where}: https is wanted (http on loopback only)"


def check_published(where: str, url: str) -> Iterator[str]:
    """The address of a document that is fetched, where there is one."""
    parts = urlsplit(url)
    if url and (not parts.hostname or "@" in parts.netloc or parts.fragment):
        yield f"{where}: an address is wanted, without name or fragment"
    elif url:
        yield from check_https(where, parts)


def check_authority(file: Path | None) -> Iterator[str]:
    """The file of a certificate authority, where there is one."""
    if file is not None and not file.is_file():
        yield f"ca_file: {file} is not a file"


def check_secret(name: str, file: Path | None, *, hint: str = "") -> Iterator[str]:
    """The file of a secret, where there is one."""
    if file is None:
        return
    if not file.is_file():
        yield f"{name}: {file} is not a file"
    elif fault := secret_fault(file):
        yield f"{name}: {file} {fault}{hint}"


def _default(item: Field[Any]) -> object:
    return item.default if item.default_factory is MISSING else item.default_factory()
