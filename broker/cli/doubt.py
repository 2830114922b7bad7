"""`preau person frozen|thaw|split`: records that a feed's correction left in doubt, and what a human decides."""

from __future__ import annotations

import argparse
import getpass

from broker.cli.options import Commands, command, settings_of, tenant_of, with_json
from broker.cli.output import DONE, FAILED, complain, print_json, print_pairs, print_table
from broker.domain.acts import JudgeRecord
from broker.domain.audit import Action, AuditEvent
from broker.stores import opened_stores, utc_now


def add_verbs(verbs: Commands) -> None:
    """Add the verbs to the family `person`."""
    with_json(command(verbs, "frozen", list_frozen, "list the records whose evidence was corrected: they open nothing"))
    thaw = with_json(command(verbs, "thaw", thaw_record, "a frozen record is its person's after all: it opens again"))
    split = with_json(command(verbs, "split", split_record, "a joined record is somebody else's: a person of its own"))
    for verb in (thaw, split):
        verb.add_argument("record", metavar="FEED:KEY")
        verb.add_argument("--reason", required=True, metavar="TEXT", help="why, for those who look later; no names")


def list_frozen(args: argparse.Namespace) -> int:
    """Print what waits for the feed to be corrected, or for a decision."""
    with opened_stores(settings_of(args)) as (stores, _):
        found = stores.attachments.frozen()
    if args.json:
        print_json(found)
        return DONE
    head = ("RECORD", "OF PERSON", "KIND", "EVIDENCE", "SINCE")
    print_table(head, ((one.record_id, one.person_id, one.kind, one.evidence, one.at) for one in found))
    return DONE


def thaw_record(args: argparse.Namespace) -> int:
    """Attach a frozen record again; 1 when it is not frozen."""
    return _judge(args, Action.RECORD_THAWED)


def split_record(args: argparse.Namespace) -> int:
    """Give a joined record a person of its own; 1 when no evidence joined it, or a login proves the contrary."""
    return _judge(args, Action.RECORD_SPLIT)


def _judge(args: argparse.Namespace, action: Action) -> int:
    settings = settings_of(args)
    with opened_stores(settings) as (stores, _):
        now = utc_now()
        audit = AuditEvent(
            tenant=tenant_of(settings, args.record),
            at=now,
            action=action,
            actor=f"cli:{getpass.getuser()}",
            detail={"record": args.record},
        )
        act = JudgeRecord(args.record, args.reason, now, audit)
        try:
            person = stores.attachments.thaw(act) if action is Action.RECORD_THAWED else stores.attachments.split(act)
        except LookupError as fault:
            complain([str(fault)])
            return FAILED
    told = {"record": args.record, "action": action.value, "person": person}
    if args.json:
        print_json(told)
    else:
        print_pairs({**told, "action": action.value.replace("_", " ")})
    return DONE
