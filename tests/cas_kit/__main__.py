"""The kit against a server, as a table. Usage: python -m tests.cas_kit [tests.cas_kit.lemonldap:open_lemonldap]."""

from __future__ import annotations

import sys
from importlib import import_module

from tests.cas_kit.found import found_at, table_of

_OURS = "tests.cas_kit.preau:open_preau"


def main() -> None:
    """Go through every section and print what was found."""
    module, _, function = (sys.argv[1] if len(sys.argv) > 1 else _OURS).partition(":")
    with getattr(import_module(module), function)() as server:
        sys.stdout.write(table_of(found_at(server)) + "\n")


if __name__ == "__main__":
    main()
