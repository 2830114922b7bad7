"""`preau keys list`: the signing keys, their public half only."""

from __future__ import annotations

import argparse

from broker.cli.options import Commands, command, family, settings_of, with_json
from broker.cli.output import DONE, print_json, print_table
from broker.protocol.oidc.signing import PURPOSE
from broker.stores import opened_stores


def add_to(commands: Commands) -> None:
    """Add the family to the command line."""
    verbs = family(commands, "keys", "signing keys")
    with_json(command(verbs, "list", list_keys, "list the signing keys; they are made at the first start"))


def list_keys(args: argparse.Namespace) -> int:
    """Print every key that is not retired."""
    with opened_stores(settings_of(args)) as (stores, _):
        keys = stores.keys.all(PURPOSE)
    fields = ("kid", "purpose", "alg", "state", "created_at")
    rows = [[getattr(key, name) for name in fields] for key in keys]
    if args.json:
        print_json([dict(zip(fields, row, strict=True)) for row in rows])
    else:
        print_table([name.upper() for name in fields], rows)
    return DONE
