"""`preau db upgrade`: bring the database to the schema of this version."""

from __future__ import annotations

import argparse

from broker.cli.options import Commands, command, family, settings_of
from broker.cli.output import DONE
from broker.stores import bring_up_to_date


def add_to(commands: Commands) -> None:
    """Add the family to the command line."""
    verbs = family(commands, "db", "the database")
    command(verbs, "upgrade", upgrade_database, "bring the database to the schema of this version")


def upgrade_database(args: argparse.Namespace) -> int:
    """Apply every migration that the database has not seen."""
    changed = bring_up_to_date(settings_of(args))
    print("the database was upgraded" if changed else "the database is up to date already")
    return DONE
