"""The `preau` command: reads which sub-command is meant, runs it, and puts what went wrong into a sentence."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from broker import __version__
from broker.cli.output import FAILED, complain
from broker.domain.errors import PreauError, SettingsError

MODULES = {
    "serve": "serve",
    "work": "serve",
    "demo": "demo",
    "check": "check",
    "settings": "example",
    "import": "feeds",
    "person": "person",
    "service": "service",
    "source": "standing",
    "school": "standing",
    "desk": "desk",
    "link": "link",
    "contain": "contain",
    "keys": "keys",
    "explain": "explain",
    "policy": "policy",
    "report": "report",
    "audit": "audit",
    "db": "database",
}
"""Every command, in the order of the help, and which module of `broker.cli` adds it."""
INTERRUPTED = 130
"""What shells report of a program that Ctrl-C stopped."""


def build_parser(command: str = "") -> argparse.ArgumentParser:
    """The sub-command meant, without loading what the others need; every one when it is none of ours."""
    parser = argparse.ArgumentParser(
        prog="preau",
        description="Identity broker for schools: one parent, one login, all the children.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"preau {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    names = (MODULES[command],) if command in MODULES else dict.fromkeys(MODULES.values())
    for name in names:
        import_module(f"broker.cli.{name}").add_to(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one sub-command. Returns 0 when done, 1 when refused or failed; argparse leaves with 2 on wrong usage."""
    words = sys.argv[1:] if argv is None else list(argv)
    args = build_parser(*words[:1]).parse_args(words)
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
