"""`preau report sms`: text messages of a month, in the segments that are paid for, school by school."""

from __future__ import annotations

import argparse
from datetime import date, timedelta

from broker.cli.options import Commands, command, settings_of, with_json
from broker.cli.output import DONE, print_json, print_table
from broker.stores import opened_stores, utc_now


def add_verb(verbs: Commands) -> None:
    """Add the verb to the family `report`."""
    sms = with_json(command(verbs, "sms", report_sms, "segments of text messages sent in a month, per school"))
    sms.add_argument("--month", type=_month, metavar="YYYY-MM", help="the month (else this one)")


def report_sms(args: argparse.Namespace) -> int:
    """Print the segments of each school; without UAI: of people who have none."""
    first = args.month or utc_now().date().replace(day=1)
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    with opened_stores(settings_of(args)) as (stores, _):
        found = stores.sms_counts.of_days(first, last)
    if args.json:
        print_json({"month": f"{first:%Y-%m}", "segments": found})
    else:
        print_table(("uai", "segments"), [(uai or "-", count) for uai, count in found.items()])
    return DONE


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise argparse.ArgumentTypeError("a month is wanted, as 2026-09") from None
