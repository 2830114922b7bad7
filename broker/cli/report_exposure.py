"""`preau report exposure`: after a wrong link, whose data was seen by whom, told to which services, and when."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from broker.cli.csv_output import write_csv
from broker.cli.options import Commands, command, settings_of, with_json
from broker.cli.output import DONE, FAILED, complain, print_json, print_pairs, print_table
from broker.domain.exposure import UNKNOWN, Exposure, Sight, Told
from broker.stores import Stores, opened_stores, utc_now

_CSV = ("what", "child", "given_name", "family_name", "places", "of_person", "account", "source", "service", "claims",
        "day", "from", "until")  # fmt: skip


def add_verb(verbs: Commands) -> None:
    """Add the verb to the family `report`."""
    text = "whose data a wrong link showed, to which sign-ins and services, and when"
    exposure = with_json(command(verbs, "exposure", report_exposure, text))
    which = exposure.add_mutually_exclusive_group(required=True)
    which.add_argument("--account", metavar="ID", help="a login that was linked to the wrong person (acc_…)")
    which.add_argument("--merge", metavar="N", type=int, help="a line of the merge journal")
    which.add_argument("--person", metavar="ID", help="everything that signing in as this person showed (prs_…)")
    exposure.add_argument("--owner", metavar="PERSON", default="", help="whose the wrong login really is, if known")
    exposure.add_argument("--since", metavar="DATE", type=_instant, help="leave out what came before (UTC)")
    exposure.add_argument("--csv", action="store_true", help="print CSV, a line a sight or a release")


def report_exposure(args: argparse.Namespace) -> int:
    """Print what was shown; 1 when there is no such account, merge or person."""
    with opened_stores(settings_of(args)) as (stores, _):
        try:
            exposure = _exposure(args, stores, now=utc_now())
        except LookupError as fault:
            complain([str(fault.args[0])])
            return FAILED
    if args.json:
        print_json({**_summary(exposure), "adults": exposure.adults, "sign_ins": exposure.visits,
                    "sights": exposure.sights(), "openings": exposure.openings, "told": exposure.told})  # fmt: skip
    elif args.csv:
        _print_csv(exposure)
    else:
        _print(exposure)
    return DONE


def _exposure(args: argparse.Namespace, stores: Stores, *, now: datetime) -> Exposure:
    if args.account:
        return stores.exposure.of_account(args.account, now=now, since=args.since, own=args.owner)
    if args.merge is not None:
        return stores.exposure.of_merge(args.merge, now=now, since=args.since, own=args.owner)
    return stores.exposure.of_person(args.person, now=now, since=args.since)


def _instant(text: str) -> datetime:
    """A date or an instant; without an offset it is UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("a date or an instant is wanted, as 2026-09-14") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _summary(exposure: Exposure) -> dict[str, object]:
    sights = exposure.sights()
    return {
        "from": exposure.span.begin,
        "until": exposure.span.end,
        "persons": list(exposure.sides),
        "children_within_reach": sorted({sight.child.child_id for sight in sights}),
        "services_told": sorted({told.service_id for told in exposure.told}),
    }


def _print(exposure: Exposure) -> None:
    summary = _summary(exposure)
    sights = exposure.sights()
    print_pairs(
        {
            **{name: value for name, value in summary.items() if name in {"from", "until"}},
            "persons": ", ".join(exposure.sides),
            "sign-ins": len(exposure.visits),
            "children within reach": len({sight.child.child_id for sight in sights}),
            "services told": ", ".join(sorted({told.service_id for told in exposure.told})) or "none",
        }
    )
    _print_part(
        ("CHILD", "GIVEN NAME", "FAMILY NAME", "SCHOOL", "OF PERSON", "SIGN-IN BY", "SOURCE", "FROM", "UNTIL"),
        (_sight(sight) for sight in sights),
    )
    _print_part(
        ("DAY", "SERVICE", "CLAIMS", "FIRST AT", "AS PERSON"),
        ((told.day, told.service_id, " ".join(told.claims), told.first_at, told.person_id) for told in exposure.told),
    )
    _print_part(
        ("SIGN-IN", "ACCOUNT", "OF PERSON", "DEVICE", "FROM", "UNTIL"),
        ((v.sid, v.account_id, v.side or "unknown", v.device, v.span.begin, v.span.end) for v in exposure.visits),
    )
    _print_part(
        ("SIGN-IN", "CLIENT", "AT", "CLAIMS"),
        ((o.sid, o.client_id, o.at, " ".join(o.claims)) for o in exposure.openings),
    )
    _print_part(
        ("ADULT", "RECORD", "GIVEN NAME", "FAMILY NAME"),
        ((adult.side, adult.record_id, adult.given, adult.family) for adult in exposure.adults),
    )


def _print_part(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    listed = list(rows)
    if listed:
        print()
        print_table(head, listed)


def _sight(sight: Sight) -> Sequence[object]:
    child, visit = sight.child, sight.visit
    who = visit.account_id if visit.side == UNKNOWN else f"{visit.account_id} ({visit.side})"
    places = ", ".join(child.places)
    return (child.child_id, child.given, child.family, places, child.side, who, visit.source_id,
            sight.span.begin, sight.span.end)  # fmt: skip


def _print_csv(exposure: Exposure) -> None:
    rows = [*map(_sight_cells, exposure.sights()), *map(_told_cells, exposure.told)]
    write_csv(sys.stdout, _CSV, rows)


def _sight_cells(sight: Sight) -> Sequence[object]:
    child, visit = sight.child, sight.visit
    return ("sight", child.child_id, child.given, child.family, ", ".join(child.places), child.side,
            visit.account_id, visit.source_id, "", "", "", sight.span.begin, sight.span.end)  # fmt: skip


def _told_cells(told: Told) -> Sequence[object]:
    return ("told", "", "", "", "", told.person_id, "", "", told.service_id, " ".join(told.claims), told.day,
            told.first_at, "")  # fmt: skip
