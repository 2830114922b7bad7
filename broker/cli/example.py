"""`preau settings example`: every setting there is, with its words and its default, as a file to start from."""

from __future__ import annotations

import argparse

from broker.cli.options import Commands, family
from broker.cli.output import DONE
from broker.settings.example import render_example


def add_to(commands: Commands) -> None:
    """Add the family to the command line."""
    verbs = family(commands, "settings", "the settings file")
    text = "print a preau.toml to start from"
    verbs.add_parser("example", help=text, description=text, allow_abbrev=False).set_defaults(run=print_example)


def print_example(_args: argparse.Namespace) -> int:
    """Print the example."""
    print(render_example(), end="")
    return DONE
