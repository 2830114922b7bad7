"""Arguments that several families share."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from broker.settings import Settings, load_settings

Run = Callable[[argparse.Namespace], int]
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - it has no public name


def command(commands: Commands, name: str, run: Run, text: str) -> argparse.ArgumentParser:
    """Add a sub-command that reads settings. `text` is its line in the help."""
    parser = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings (else PREAU_CONFIG, else ./preau.toml)")
    parser.set_defaults(run=run)
    return parser


def family(commands: Commands, name: str, text: str) -> Commands:
    """Add a sub-command that has sub-commands of its own."""
    parser = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
    return parser.add_subparsers(title="commands", metavar="COMMAND", required=True)


def with_json(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add `--json`, for sub-commands that print data."""
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def settings_of(args: argparse.Namespace) -> Settings:
    """The settings this command works with. Raises `SettingsError` with every problem."""
    return load_settings(args.config, os.environ)


def tenant_of(settings: Settings, record: str) -> str:
    """The tenant that answers for a record's feed, else the first one: it keeps the audit event."""
    feed = settings.feed(record.partition(":")[0])
    return feed.tenant if feed else settings.tenants[0].id
