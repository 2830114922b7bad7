"""`preau keys list|rotate`: the signing keys, their public half only, and the step from one to the next."""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Iterator
from contextlib import contextmanager

from broker.cli.options import Commands, command, family, settings_of, with_json
from broker.cli.output import DONE, FAILED, complain, plain_text, print_json, print_table
from broker.domain.keys import KeyPurpose
from broker.live import Fixed
from broker.protocol.oidc.key_care import KeyCare, KeyGroup
from broker.signing_keys import open_key_care
from broker.storage.sealing import load_master_secret
from broker.stores import opened_stores, utc_now
from broker.wire.jose import SIGNING_ALGS

_FIELDS = ("kid", "purpose", "alg", "state", "since", "created_at")


def add_to(commands: Commands) -> None:
    """Add the family to the command line."""
    verbs = family(commands, "keys", "signing keys")
    listing = with_json(command(verbs, "list", list_keys, "list the signing keys; they are made at the first start"))
    listing.add_argument("--all", action="store_true", help="retired ones too")
    text = "let the announced key sign and announce another; what the former one signed stays good"
    rotation = with_json(command(verbs, "rotate", rotate_keys, text))
    rotation.add_argument("--purpose", choices=tuple(KeyPurpose), help="only the keys of this purpose")
    rotation.add_argument("--alg", choices=SIGNING_ALGS, help="only the keys of this algorithm")
    when = rotation.add_mutually_exclusive_group()
    when.add_argument("--due", action="store_true", help="only what is due by keys.toml, as `preau work` does")
    when.add_argument(
        "--emergency",
        action="store_true",
        help="somebody else may hold the keys: retire all of them at once and sign with new ones, unannounced",
    )


def list_keys(args: argparse.Namespace) -> int:
    """Print every key that is published, or every key there was."""
    with opened_stores(settings_of(args)) as (stores, _):
        keys = stores.keys.all() if args.all else stores.keys.published()
    rows = [[getattr(key, name) for name in _FIELDS] for key in keys]
    if args.json:
        print_json([dict(zip(_FIELDS, row, strict=True)) for row in rows])
    else:
        print_table([name.upper() for name in _FIELDS], rows)
    return DONE


def rotate_keys(args: argparse.Namespace) -> int:
    """Take the step for every group of keys meant, or for none of them when one may not."""
    with _care_of(args) as care:
        groups = [
            group for group in care.groups() if args.purpose in {None, group.purpose} and args.alg in {None, group.alg}
        ]
        if not groups:
            complain(["no such keys: they are made when `preau serve` starts for the first time"])
            return FAILED
        if args.due:
            print(f"{care.tend(utc_now())} steps were due and are done")
            return DONE
        refusals = [] if args.emergency else [*_too_new(care, groups)]
        if refusals:
            complain(refusals)
            return FAILED
        done = [_step(care, group, emergency=args.emergency) for group in groups]
        _tell(care, as_json=args.json)
    return DONE if all(done) else FAILED


@contextmanager
def _care_of(args: argparse.Namespace) -> Iterator[KeyCare]:
    settings = settings_of(args)
    master = load_master_secret(settings.secrets.master_file)
    with opened_stores(settings) as (stores, book):
        yield open_key_care(settings, stores.keys, master, Fixed(book), actor=f"cli:{getpass.getuser()}")


def _too_new(care: KeyCare, groups: list[KeyGroup]) -> Iterator[str]:
    """Why keys may not take over yet: a service that keeps our published keys would refuse what they sign."""
    for group in groups:
        ready = care.ready_from(group)
        whose = f"{group.purpose} {group.alg}"
        if ready is None:
            yield f"{whose}: no key is announced yet; `preau keys rotate --due` announces one"
        elif ready > utc_now():
            yield (
                f"{whose}: the next key may sign from {plain_text(ready)} (announced, in keys.toml): services "
                "keep copies of the published keys. If somebody else may hold the keys, use --emergency"
            )


def _step(care: KeyCare, group: KeyGroup, *, emergency: bool) -> bool:
    step = care.give_up if emergency else care.rotate
    if step(group, now=utc_now()):
        return True
    complain([f"{group.purpose} {group.alg}: another process was first; look at `preau keys list`"])
    return False


def _tell(care: KeyCare, *, as_json: bool) -> None:
    """What signs now, and what every serving process does by itself."""
    signing = [key for group in care.groups() if (key := group.active)]
    if as_json:
        print_json([{name: getattr(key, name) for name in _FIELDS} for key in signing])
        return
    for key in signing:
        print(f"{key.purpose} {key.alg}: {key.kid} signs since {plain_text(key.since)}")
    print("every serving process follows within 5 s; nothing is to be restarted")
