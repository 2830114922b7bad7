"""`preau import aaf|onde|siecle|csv|ldap`: a delivery of a directory feed into the database."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from broker.cli.options import Commands, command, family, settings_of, with_json
from broker.cli.output import DONE, FAILED, Progress, complain, print_json, print_pairs, print_table
from broker.directory import ImportReport, Intent, refuse_to_wait
from broker.domain.errors import ImportBusy, ImportHeld
from broker.domain.imports import ImportDifference
from broker.imports import Handover, import_delivery, write_review
from broker.quality import follow_up
from broker.settings import FeedKind, Settings
from broker.stores import opened_stores, utc_now

_KINDS: Mapping[FeedKind, str] = {
    FeedKind.AAF: "import AAF exports: .xml, .tgz, .zip, or folders of them",
    FeedKind.ONDE: "import the CSV extractions of one école: pupils, guardians",
    FeedKind.SIECLE: "import the XML exports of one collège or lycée: BEE_ELEVES, BEE_RESPONSABLES",
    FeedKind.CSV: "import a vendor's list of logins of one school, its columns as preau.toml declares them",
    FeedKind.LDAP: "import the directory of an ENT, as preau.toml describes it",
}


def add_to(commands: Commands) -> None:
    """Add the family to the command line."""
    kinds = family(commands, "import", "take in a delivery of a directory feed")
    for kind, text in _KINDS.items():
        parser = with_json(command(kinds, kind.value, import_kind, text))
        parser.set_defaults(kind=kind, paths=(), school="", made_on=None, review=None, decided=None)
        _OWN_ARGUMENTS[kind](parser)
        parser.add_argument("--feed", required=True, metavar="ID", help="the feed of preau.toml that this belongs to")
        parser.add_argument("--wait", action="store_true", help="while another import is at work, wait for its end")
        intent = parser.add_mutually_exclusive_group()
        intent.add_argument("--dry-run", action="store_true", help="only show what would change")
        intent.add_argument("--confirm", action="store_true", help="apply even when the import would wait to be asked")
        if kind is FeedKind.ONDE:
            _with_review(parser, intent)


def _with_paths(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")


def _with_school(parser: argparse.ArgumentParser) -> None:
    """Files that name their school themselves: what the operator says is compared."""
    _with_paths(parser)
    parser.add_argument("--school", default="", metavar="UAI", help="refuse the files of any other school")


def _with_school_and_day(parser: argparse.ArgumentParser) -> None:
    """Files that name neither their school nor their day."""
    _with_paths(parser)
    parser.add_argument("--school", required=True, metavar="UAI", help="the school that these files speak of")
    parser.add_argument(
        "--made-on", required=True, type=date.fromisoformat, metavar="YYYY-MM-DD", help="day the files were made"
    )


def _with_review(parser: argparse.ArgumentParser, intent: argparse._MutuallyExclusiveGroup) -> None:
    """Children are found by their names alone: whom several bear is asked of a human."""
    intent.add_argument(
        "--review", type=Path, metavar="FILE", help="import nothing: write the children in doubt to this new CSV table"
    )
    parser.add_argument(
        "--decided", type=Path, metavar="FILE", help="such a table, with your answers in its last column"
    )


def _without_paths(_parser: argparse.ArgumentParser) -> None:
    """A directory is asked, not handed over."""


_OWN_ARGUMENTS: Mapping[FeedKind, Callable[[argparse.ArgumentParser], None]] = {
    FeedKind.AAF: _with_paths,
    FeedKind.ONDE: _with_school_and_day,
    FeedKind.SIECLE: _with_school,
    FeedKind.CSV: _with_school_and_day,
    FeedKind.LDAP: _without_paths,
}


def import_kind(args: argparse.Namespace) -> int:
    """Import, and print what was done; 1 when the import waits for a confirmation."""
    settings = settings_of(args)
    if fault := _feed_fault(settings, args.feed, args.kind):
        complain([fault])
        return FAILED
    handover = Handover(tuple(args.paths), args.school, args.made_on, args.decided)
    if args.review:
        return _review(settings, args, handover)
    bar = Progress()
    try:
        with opened_stores(settings) as (stores, rules):
            report = import_delivery(
                settings, stores, rules, feed_id=args.feed,
                handover=handover, intent=intent_of(args),
                progress=lambda step: bar.show(step.step, step.done, step.total),
                patience=Patience() if args.wait else refuse_to_wait,
            )  # fmt: skip
            if report.state != "rehearsed":  # nothing to do: whoever applied it may have been killed before this
                follow_up(settings, stores.quality, report.feed, now=utc_now())
    except ImportHeld as held:
        bar.close()
        return _tell_held(held, as_json=args.json)
    finally:
        bar.close()
    _tell(report, as_json=args.json)
    return DONE


def _review(settings: Settings, args: argparse.Namespace, handover: Handover) -> int:
    try:
        count = write_review(settings, feed_id=args.feed, handover=handover, to=args.review)
    except OSError as fault:
        complain([f"{args.review}: cannot be written ({type(fault).__name__}): name a file that does not exist yet"])
        return FAILED
    if args.json:
        print_json({"state": "review", "questions": count, "file": str(args.review)})
    else:
        print_pairs({"state": "review: nothing was imported", "questions": count, "written to": args.review})
    return DONE


def _feed_fault(settings: Settings, feed_id: str, kind: FeedKind) -> str:
    found = next((feed for feed in settings.feeds if feed.id == feed_id), None)
    if found is None:
        return f"no feed {feed_id}; there are: {', '.join(feed.id for feed in settings.feeds) or 'none'}"
    if found.kind is not kind:
        return f"feed {feed_id} is of kind {found.kind}: use preau import {found.kind}"
    return ""


@dataclass(slots=True)
class Patience:
    """Waits a little each time another import is at work, and says once for which."""

    pause: Callable[[float], object] = time.sleep
    told: str = ""

    def __call__(self, busy: ImportBusy) -> None:
        """Wait, then return to be asked again."""
        if busy.cause != self.told:
            self.told = busy.cause
            complain([f"waiting: {busy.cause}"])
        self.pause(5.0)


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
        "joined records that would contradict what joined them": difference.joined_corrected,
        "people told that their number or address changed": difference.contacts_changed,
    }


def _tell_held(held: ImportHeld, *, as_json: bool) -> int:
    if as_json:
        print_json({"state": "held", "reason": held.cause, "difference": held.difference})
    elif held.difference is not None:
        _tell_difference(held.difference)
    complain([f"{held.code}: held, nothing was applied: {held.cause}. Look, then run it again with --confirm."])
    return FAILED
