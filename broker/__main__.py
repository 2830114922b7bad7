"""The `preau` command: reads which sub-command is meant, runs it, and puts what went wrong into a sentence."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from broker import __version__
from broker.cli import (
    audit,
    check,
    database,
    demo,
    example,
    explain,
    feeds,
    keys,
    person,
    policy,
    report,
    serve,
    service,
    standing,
)
from broker.cli.output import FAILED, complain
from broker.domain.errors import PreauError, SettingsError

FAMILIES = (
    serve,
    demo,
    check,
    example,
    feeds,
    person,
    service,
    standing,
    keys,
    explain,
    policy,
    report,
    audit,
    database,
)
INTERRUPTED = 130
"""What shells report of a program that Ctrl-C stopped."""


def build_parser() -> argparse.ArgumentParser:
    """Every sub-command, in the order of the help."""
    parser = argparse.ArgumentParser(
        prog="preau",
        description="Identity broker for schools: one parent, one login, all the children.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"preau {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in FAMILIES:
        module.add_to(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one sub-command. Returns 0 when done, 1 when refused or failed; argparse leaves with 2 on wrong usage."""
    args = build_parser().parse_args(argv)
    try:
        status: int = args.run(args)
        sys.stdout.flush()
    except SettingsError as fault:
        complain(fault.problems)
    except PreauError as fault:
        complain([f"{fault.code}: {fault.cause or type(fault).__doc__}"])
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read us has left; nothing to say
    except KeyboardInterrupt:
        return INTERRUPTED
    else:
        return status
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
