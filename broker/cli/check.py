"""`preau check`: settings, policies and services read as `serve` would read them, every fault told at once."""

from __future__ import annotations

import argparse
import os
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import policies
from broker.cli.options import Commands, command, with_json
from broker.cli.output import DONE, FAILED, complain, print_json
from broker.declared import read_register
from broker.domain.errors import SettingsError
from broker.imports import feed_faults
from broker.metadata import federation_faults, metadata_alarms
from broker.services.metadata_alarms import Alarm
from broker.services.register import load_services
from broker.settings import Settings, load_settings
from broker.sources import source_faults
from broker.storage.sealing import read_master_secret
from broker.stores import utc_now
from broker.telling import message_faults
from policies.book import NOT_TENANTS

T = TypeVar("T")


def add_to(commands: Commands) -> None:
    """Add the command to the command line."""
    with_json(command(commands, "check", check, "check settings, policies and services; tells every fault at once"))


def check(args: argparse.Namespace) -> int:
    """Print every fault there is; 1 when there is one."""
    problems = tuple(problems_of(args.config))
    alarms = () if problems else _alarms(args.config)
    faults = (*problems, *(str(alarm) for alarm in alarms if alarm.is_fault))
    warnings = tuple(str(alarm) for alarm in alarms if not alarm.is_fault)
    if args.json:
        print_json({"problems": faults, "warnings": warnings})
        return FAILED if faults else DONE
    complain((*faults, *warnings))
    if not faults:
        print("settings, policies and services can be used")
    return FAILED if faults else DONE


def _alarms(config: Path | None) -> tuple[Alarm, ...]:
    """What there is to tell of SAML metadata: those that ended turn people away, the others will."""
    settings = load_settings(config, os.environ)
    return metadata_alarms(settings, read_register(settings), now=utc_now())


def problems_of(config: Path | None) -> Iterator[str]:
    """Every fault of settings, policies and services. Policies and services are looked at even beside bad settings."""
    settings, problems = _tried(lambda: load_settings(config, os.environ, also=_deeper_faults))
    yield from problems
    policies_dir, services_dir = _folders(settings, config)
    yield from _tried(lambda: _book(policies_dir, settings))[1]
    if services_dir is None or not services_dir.is_dir():
        return
    yield from _tried(lambda: load_services(services_dir) if settings is None else read_register(settings))[1]


def _book(folder: Path | None, settings: Settings | None) -> policies.PolicyBook:
    """The policies of the installation and of every tenant there is, or that has a folder while settings are faulty."""
    if folder is None or not folder.is_dir():
        return policies.load_book()
    named = (
        [tenant.id for tenant in settings.tenants]
        if settings
        else [p.name for p in folder.iterdir() if p.is_dir() and p.name not in NOT_TENANTS]
    )
    return policies.load_book(None, folder, sorted(named))


def _deeper_faults(settings: Settings) -> Iterable[str]:
    return (
        *_master_faults(settings),
        *feed_faults(settings),
        *source_faults(settings),
        *federation_faults(settings),
        *message_faults(settings),
    )


def _master_faults(settings: Settings) -> Iterable[str]:
    """What `serve` would say of the master secret; a check makes none. That it is missing the settings tell already."""
    if not settings.secrets.master_file.is_file():
        return ()
    return (
        f"secrets.master_file: {fault}" for fault in _tried(lambda: read_master_secret(settings.secrets.master_file))[1]
    )


def _tried(read: Callable[[], T]) -> tuple[T | None, tuple[str, ...]]:
    try:
        return read(), ()
    except SettingsError as fault:
        return None, fault.problems


def _folders(settings: Settings | None, config: Path | None) -> tuple[Path | None, Path | None]:
    """Folders of policies and services; when the settings cannot be used, as far as their file tells."""
    if settings is not None:
        return settings.policies_dir, settings.services_dir
    file = config or Path(os.environ.get("PREAU_CONFIG", "preau.toml"))
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None, None
    own, services = table.get("policies_dir"), table.get("services_dir", "services")
    root = file.resolve().parent
    return (root / own if isinstance(own, str) and own else None), (
        root / services if isinstance(services, str) else None
    )
