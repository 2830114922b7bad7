"""`preau contain`: after a theft of logins, signs out, sends to prove anew, or closes everybody concerned.

Without `--confirm` it says how far it would reach and changes nothing.
"""

from __future__ import annotations

import argparse
import getpass
from datetime import UTC, datetime
from pathlib import Path

from broker.cli.contain_letters import check_letters, print_letters
from broker.cli.options import Commands, command, settings_of, with_json
from broker.cli.output import DONE, FAILED, Progress, complain, print_json, print_pairs
from broker.cli.whom import person_meant
from broker.domain.containment import Concerned, Extent, Measure
from broker.helpdesk.containment import Order, carry_out
from broker.settings import Settings
from broker.stores import Stores, opened_for_closing, utc_now

_NOTHING = Extent(0, 0, 0, 0)


def add_to(commands: Commands) -> None:
    """Add the command."""
    text = "sign out, send to prove anew, or close everybody of a school, a source or a time"
    parser = with_json(command(commands, "contain", contain, text))
    parser.add_argument("--school", metavar="UAI", default="", help="its pupils, their guardians, its staff")
    parser.add_argument("--source", metavar="SOURCE", default="", help="whoever has a login there")
    parser.add_argument("--since", type=_instant, metavar="INSTANT", help="who came in from then on (with its offset)")
    parser.add_argument("--until", type=_instant, metavar="INSTANT", help="and before then")
    parser.add_argument(
        "--except", dest="spared", action="append", default=[], metavar="PERSON", help="but not this one"
    )
    parser.add_argument(
        "--except-school", action="append", default=[], metavar="UAI", help="nor anybody of this school"
    )
    measures = "end sessions; also send to prove anew by a letter; or close until the desk reopens"
    parser.add_argument("--measure", choices=[each.value for each in Measure], default="sessions", help=measures)
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why; kept in the trail, never on a page")
    parser.add_argument("--tenant", metavar="ID", help="who decides (else the only one)")
    parser.add_argument("--letters", type=Path, metavar="FILE", help="with --school: a letter for each family, as PDF")
    parser.add_argument("--confirm", action="store_true", help="do it; without this nothing is changed")


def contain(args: argparse.Namespace) -> int:
    """Say how far it would reach, or carry it out; 1 for an order that cannot be read."""
    settings = settings_of(args)
    with opened_for_closing(settings) as stores:
        try:
            order = _order(args, settings, stores)
            if args.letters:
                check_letters(settings, order)
        except LookupError as fault:
            complain([str(fault)])
            return FAILED
        if not args.confirm:
            _tell(
                args, stores.containments.extent(order.which, now=utc_now()), "would be concerned; nothing was changed"
            )
            return DONE
        _tell(args, _carry_out(stores, order), "contained")
        return _print(args, settings, stores, order) if args.letters else DONE


def _print(args: argparse.Namespace, settings: Settings, stores: Stores, order: Order) -> int:
    try:
        count = print_letters(settings, stores, order, args.letters)
    except LookupError as fault:
        complain([str(fault)])
        return FAILED
    complain([f"{count} letters written to {args.letters}: hand them over, then delete it"])
    return DONE


def _carry_out(stores: Stores, order: Order) -> Extent:
    total = stores.containments.extent(order.which, now=utc_now()).persons
    bar, done = Progress(), _NOTHING
    for done in carry_out(stores.containments, order, clock=utc_now):
        bar.show("contain", done.persons, total)
    bar.close()
    return done


def _order(args: argparse.Namespace, settings: Settings, stores: Stores) -> Order:
    """Read the order whole. Raises `LookupError` for what is not there, and for everybody."""
    which = Concerned(
        school=args.school,
        source=args.source,
        since=args.since,
        until=args.until,
        except_persons=tuple(person_meant(who, settings, stores) for who in args.spared),
        except_schools=tuple(args.except_school),
    )
    if which.is_everybody:
        raise LookupError("say who: --school, --source or --since")
    if which.source and which.source not in {source.id for source in settings.sources}:
        raise LookupError(f"no source {which.source}")
    if not args.reason.strip():
        raise LookupError("--reason must say why")
    known = [tenant.id for tenant in settings.tenants]
    tenant = args.tenant or (known[0] if len(known) == 1 else "")
    if tenant not in known:
        raise LookupError(f"--tenant must be one of: {', '.join(known)}")
    actor = f"cli:{getpass.getuser()}"
    return Order(which, Measure(args.measure), tenant, args.reason.strip(), actor)


def _tell(args: argparse.Namespace, extent: Extent, what: str) -> None:
    told = {"persons": extent.persons, "sessions": extent.sessions, "logins": extent.logins, "secrets": extent.secrets}
    if args.json:
        print_json({**told, "done": bool(args.confirm)})
        return
    print_pairs({**told, "": what})


def _instant(text: str) -> datetime:
    """An instant with its offset. Raises `ValueError`: an hour without its zone would be somebody else's."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment.astimezone(UTC)
