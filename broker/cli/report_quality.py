"""`preau report quality`: what a school is to mend in ONDE, SIECLE or its directory, since when, and what it mended."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from broker.cli.csv_output import private_file, write_csv
from broker.cli.options import Commands, command, settings_of, with_json
from broker.cli.output import DONE, FAILED, complain, print_json, print_table
from broker.directory.quality_words import mending_of, shown_name
from broker.domain.quality import Deliveries, Origin, TrackedFinding
from broker.quality import bring_up_to_date, origins_of
from broker.stores import opened_stores, utc_now

_CSV = ("état", "constat", "fiche", "nom", "prénom", "classe", "champ à corriger", "que faire", "qui", "depuis",
        "corrigé le")  # fmt: skip
_SEPARATOR = ";"
"""What office software in French opens as columns; ONDE writes the same."""


def add_verb(verbs: Commands) -> None:
    """Add the verb to the family `report`."""
    text = "what a school is to mend in ONDE, SIECLE or its directory, since when, and what it mended"
    quality = command(verbs, "quality", report_quality, text)
    quality.add_argument("--school", metavar="UAI", required=True)
    quality.add_argument("--all", action="store_true", help="also what was mended before the last delivery")
    shape = quality.add_mutually_exclusive_group()
    shape.add_argument("--csv", metavar="FILE", type=Path, help="write CSV for office software, readable by you alone")
    with_json(shape)  # type: ignore[arg-type]


def report_quality(args: argparse.Namespace) -> int:
    """Bring the school's findings up to date and print them; 1 for a school that nobody ever named."""
    settings = settings_of(args)
    uai = args.school.upper()
    origins = origins_of(settings, uai)
    with opened_stores(settings) as (stores, _):
        if not stores.quality.knows(uai):
            complain([f"no feed ever named a school {uai}"])
            return FAILED
        if not bring_up_to_date(stores.quality, uai, feeds=origins, now=utc_now()):
            complain(["a delivery is being applied: these are the findings as they stood before it"])
        deliveries = stores.quality.deliveries(list(origins))
        found = _shown(stores.quality.findings(uai), origins, deliveries, everything=args.all)
    if args.json:
        print_json({"school": uai, "deliveries": deliveries.last, "findings": [_told(one, origins) for one in found]})
    elif args.csv is not None:
        _write(args.csv, found, origins)
    else:
        _print(found, origins)
    return DONE


def _shown(
    found: Sequence[TrackedFinding], origins: Mapping[str, Origin], deliveries: Deliveries, *, everything: bool
) -> list[TrackedFinding]:
    """Open ones, those that the last delivery of their feed closed, and with `everything` those closed before."""
    latest = {delivery.import_id for delivery in deliveries.last.values()}
    return [
        one
        for one in found
        if one.finding.feed in origins and (everything or one.closed_at is None or one.closed_in in latest)
    ]


def _told(one: TrackedFinding, origins: Mapping[str, Origin]) -> Mapping[str, object]:
    mending = mending_of(one, origins[one.finding.feed])
    return {
        "state": "closed" if one.closed_at else "open",
        "finding": one.finding.kind,
        "record": one.finding.record_id,
        "name": shown_name(one.name),
        "class": one.class_label,
        "field": mending.field,
        "what_to_do": mending.sentence,
        "who": mending.who,
        "since": one.first_seen,
        "last_seen": one.last_seen,
        "closed_at": one.closed_at,
        "closed_in": one.closed_in,
    }


def _print(found: Sequence[TrackedFinding], origins: Mapping[str, Origin]) -> None:
    still = [one for one in found if one.closed_at is None]
    print(f"À corriger : {len(still)}. Corrigé : {len(found) - len(still)}.")
    for kind, count in sorted(Counter(one.finding.kind for one in still).items()):
        first = next(one for one in still if one.finding.kind is kind)
        print(f"  {kind} : {count} - {mending_of(first, origins[first.finding.feed]).who}")
    if found:
        print()
        head = ("ÉTAT", "NOM", "CLASSE", "CHAMP À CORRIGER", "QUE FAIRE", "DEPUIS", "CORRIGÉ LE")
        print_table(head, (_line(one, origins) for one in found))


def _line(one: TrackedFinding, origins: Mapping[str, Origin]) -> Sequence[object]:
    mending = mending_of(one, origins[one.finding.feed])
    return (_state(one), shown_name(one.name), one.class_label, mending.field, mending.sentence,
            one.first_seen.date(), one.closed_at.date() if one.closed_at else "")  # fmt: skip


def _write(path: Path, found: Sequence[TrackedFinding], origins: Mapping[str, Origin]) -> None:
    with private_file(path) as stream:
        write_csv(stream, _CSV, (_cells(one, origins) for one in found), separator=_SEPARATOR)


def _cells(one: TrackedFinding, origins: Mapping[str, Origin]) -> Sequence[object]:
    mending = mending_of(one, origins[one.finding.feed])
    return (_state(one), one.finding.kind, one.finding.record_id, one.name.family, one.name.given, one.class_label,
            mending.field, mending.sentence, mending.who, one.first_seen.date(),
            one.closed_at.date() if one.closed_at else "")  # fmt: skip


def _state(one: TrackedFinding) -> str:
    return "corrigé" if one.closed_at else "à corriger"
