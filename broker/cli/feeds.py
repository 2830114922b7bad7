"""`preau import aaf PATH…`: a delivery of a directory feed into the database."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from broker.cli.options import Commands, command, family, settings_of, with_json
from broker.cli.output import DONE, FAILED, Progress, complain, print_json, print_pairs, print_table
from broker.directory import ImportReport, Intent
from broker.domain.errors import ImportHeld
from broker.domain.imports import ImportDifference
from broker.stores import import_delivery, opened_stores


def add_to(commands: Commands) -> None:
    """Add the family to the command line."""
    kinds = family(commands, "import", "take in a delivery of a directory feed")
    aaf = with_json(command(kinds, "aaf", import_aaf, "import AAF exports: .xml, .tgz, .zip, or folders of them"))
    aaf.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    aaf.add_argument("--feed", required=True, metavar="ID", help="the feed of preau.toml that these files belong to")
    intent = aaf.add_mutually_exclusive_group()
    intent.add_argument("--dry-run", action="store_true", help="only show what would change")
    intent.add_argument("--confirm", action="store_true", help="apply even when the mass-change guard would wait")


def import_aaf(args: argparse.Namespace) -> int:
    """Import, and print what was done; 1 when the mass-change guard waits for a confirmation."""
    settings = settings_of(args)
    if settings.feed(args.feed) is None:
        complain([f"no feed {args.feed}; there are: {', '.join(feed.id for feed in settings.feeds) or 'none'}"])
        return FAILED
    bar = Progress()
    try:
        with opened_stores(settings) as (stores, rules):
            report = import_delivery(
                settings, stores, rules, feed_id=args.feed, paths=args.paths, intent=intent_of(args),
                progress=lambda step: bar.show(step.step, step.done, step.total),
            )  # fmt: skip
    except ImportHeld as held:
        bar.close()
        return _tell_held(held, as_json=args.json)
    finally:
        bar.close()
    _tell(report, as_json=args.json)
    return DONE


def intent_of(args: argparse.Namespace) -> Intent:
    """What the operator asked for."""
    if args.dry_run:
        return Intent.REHEARSE
    return Intent.CONFIRM if args.confirm else Intent.APPLY


def _tell(report: ImportReport, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(report))
        return
    print_pairs({"feed": report.feed, "state": report.state.replace("_", " "), "made on": report.made_on or ""})
    if report.difference is not None:
        _tell_difference(report.difference)
    if report.counts:
        print_pairs(dict(sorted(report.counts.items())))
    for fault in report.faults:
        kind = "warning" if fault.warning else "fault"
        complain([f"{kind}: {fault.file}:{fault.line}: {fault.reason}"])


def _tell_difference(difference: ImportDifference) -> None:
    head = ("RECORDS", "ADDED", "CHANGED", "UNCHANGED", "REMOVED", "LIVE BEFORE")
    rows = [
        (name, kind.added, kind.changed, kind.unchanged, kind.removed, kind.live_before)
        for name, kind in sorted(difference.kinds.items())
    ]
    print_table(head, rows)
    print_pairs(_guardianships(difference))


def _guardianships(difference: ImportDifference) -> Mapping[str, object]:
    return {
        "guardianships before": difference.guardianships_before,
        "guardianships of new pupils": difference.guardianships_added,
        "guardianships of new records of known pupils": difference.guardianships_joined,
        "guardianships new beside known pupils": difference.guardianships_widened,
        "guardianships altered": difference.guardianships_altered,
        "guardianships ended": difference.guardianships_ended,
    }


def _tell_held(held: ImportHeld, *, as_json: bool) -> int:
    if as_json:
        print_json({"state": "held", "reason": held.cause, "difference": held.difference})
    elif held.difference is not None:
        _tell_difference(held.difference)
    complain([f"{held.code}: held, nothing was applied: {held.cause}. Look, then run it again with --confirm."])
    return FAILED
