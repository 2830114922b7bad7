"""`preau report access`: children whom nobody who signs in may see, school by school, and the cheapest thing to do."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain, islice

from broker.cli.csv_output import write_csv
from broker.cli.options import Commands, command, settings_of
from broker.cli.output import DONE, FAILED, complain, plain_text, print_table
from broker.directory.quality_words import action_words
from broker.directory.reach import reach_of
from broker.domain.ports import Reach
from broker.domain.quality import NextAction, SchoolReach, UnreachedChild
from broker.stores import opened_stores, utc_now

_CSV = ("uai", "établissement", "fiche", "nom", "prénom", "classe", "action", "que faire")
_SEPARATOR = ";"


def add_verb(verbs: Commands) -> None:
    """Add the verb to the family `report`."""
    text = "children with no guardian who signs in, per school, and the cheapest next action"
    access = command(verbs, "access", report_access, text)
    access.add_argument("--school", metavar="UAI", help="this school alone (else every school that has pupils)")
    shape = access.add_mutually_exclusive_group()
    shape.add_argument("--csv", action="store_true", help="print CSV, a line a child")
    shape.add_argument("--json", action="store_true", help="print JSON")


def report_access(args: argparse.Namespace) -> int:
    """Print the children, cheap to dear; 1 for a school that nobody ever named. One school is held at a time."""
    with opened_stores(settings_of(args)) as (stores, _):
        schools = [args.school.upper()] if args.school else stores.reach.schools()
        found = _reached(stores.reach, schools, now=utc_now())
        try:
            first = list(islice(found, 1))
        except LookupError as fault:
            complain([str(fault.args[0])])
            return FAILED
        _tell(args, chain(first, found))
    return DONE


def _reached(reach: Reach, schools: Iterable[str], *, now: datetime) -> Iterator[SchoolReach]:
    for uai in schools:
        families = reach.families(uai, now=now)
        if families is None:
            raise LookupError(f"no feed ever named a school {uai}")
        yield reach_of(families)


def _tell(args: argparse.Namespace, found: Iterable[SchoolReach]) -> None:
    if args.csv:
        rows = (_cells(school, one) for school in found for one in school.unreached)
        write_csv(sys.stdout, _CSV, rows, separator=_SEPARATOR)
    elif args.json:
        _print_json(found)
    else:
        for school in found:
            _print(school)


def _cells(school: SchoolReach, one: UnreachedChild) -> Sequence[object]:
    name = one.child.name
    return (school.uai, school.school, one.child.record_id, name.family, name.given, one.child.class_label, one.action,
            action_words(one.action))  # fmt: skip


def _print(school: SchoolReach) -> None:
    count = f"{len(school.unreached)} sans compte d'un responsable, sur {school.children}"
    print(plain_text(f"{school.uai} {school.school} : {count}"))
    for action, times in _counts(school).items():
        print(f"  {times:5} {action_words(action)}")
    head = ("NOM", "PRÉNOM", "CLASSE", "QUE FAIRE")
    if school.unreached:
        print()
        print_table(head, ((*_cells(school, one)[3:6], action_words(one.action)) for one in school.unreached))
    print()


def _counts(school: SchoolReach) -> Mapping[NextAction, int]:
    """How many children each action is for, cheap to dear."""
    counts = Counter(one.action for one in school.unreached)
    return {action: counts[action] for action in NextAction if counts[action]}


def _print_json(found: Iterable[SchoolReach]) -> None:
    """One array, written school by school: an académie's children need not fit into memory."""
    mark = "["
    for school in found:
        print(mark)
        print(json.dumps(_told(school), ensure_ascii=False), end="")
        mark = ","
    print("[]" if mark == "[" else "\n]")


def _told(school: SchoolReach) -> Mapping[str, object]:
    return {
        "school": school.uai,
        "name": school.school,
        "children": school.children,
        "unreached": len(school.unreached),
        "actions": {action.value: count for action, count in _counts(school).items()},
        "list": [
            {
                "child": one.child.child_id,
                "record": one.child.record_id,
                "family_name": one.child.name.family,
                "given_name": one.child.name.given,
                "class": one.child.class_label,
                "action": one.action.value,
                "what_to_do": action_words(one.action),
            }
            for one in school.unreached
        ],
    }
