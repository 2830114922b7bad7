"""`preau service rapprochement`: the file by which a Pronote knows a school's people at their first login."""

from __future__ import annotations

import argparse
import getpass
import os
from collections import Counter
from datetime import datetime
from pathlib import Path

from broker.cli.options import Commands, command, settings_of, with_json
from broker.cli.output import DONE, FAILED, complain, print_json, print_pairs
from broker.declared import read_register
from broker.domain.audit import Action, AuditEvent
from broker.domain.portraits import Portrait
from broker.domain.released import release_of
from broker.domain.roll import Roll, RollKind
from broker.domain.services import Service
from broker.services.register import Register
from broker.services.release_details import read_details
from broker.services.rolls import RollReader, build_roll, is_lasting
from broker.stores import Stores, opened_stores, utc_now
from broker.wire.rapprochement import write_rapprochement
from policies import PolicyBook

_PARTNER = "Preau"
_NOBODY = "0" * 32
"""Stands for the identifiers of a dry run: none is drawn."""


def add_rapprochement(verbs: Commands) -> None:
    """Add the verb to the family `service`."""
    text = "write the people of a school with the identifiers that CAS will give, for Pronote (RapprochementSSO)"
    verb = with_json(command(verbs, "rapprochement", rapprochement, text))
    verb.add_argument("service_id", metavar="SERVICE")
    verb.add_argument("--school", metavar="UAI", required=True, help="the school whose people are written")
    where = verb.add_mutually_exclusive_group(required=True)
    where.add_argument("--to", type=Path, metavar="FILE", help="file to write; it must not be there yet")
    where.add_argument("--dry-run", action="store_true", help="count them only: nothing is drawn, noted or written")


def rapprochement(args: argparse.Namespace) -> int:
    """Write the file, noted in the ledger first; 1 when it cannot be written or nobody may stand in it."""
    settings, now = settings_of(args), utc_now()
    declared = read_register(settings)
    with opened_stores(settings) as (stores, book):
        register = Register(declared.all(), in_force=stores.standings.in_force())
        try:
            service = _service(register, args.service_id)
            roll = _roll(stores, book, service, args.school.upper(), draw=not args.dry_run, now=now)
            if args.to is not None:
                _hand_over(stores, service, roll, args.to, now=now)
        except LookupError as fault:
            complain([str(fault.args[0])])
            return FAILED
        except OSError as fault:
            complain([f"{args.to}: {fault.strerror}"])
            return FAILED
    _tell(args, roll)
    return DONE if roll.entries else FAILED


def _service(register: Register, service_id: str) -> Service:
    service = register.by_id(service_id)
    if service is None or service.cas is None:
        raise LookupError(f"no service {service_id} that speaks CAS")
    if not is_lasting(service):
        raise LookupError(f"{service_id} knows people by a name that may change hands: principal 'id' is wanted")
    return service


def _roll(stores: Stores, book: PolicyBook, service: Service, uai: str, *, draw: bool, now: datetime) -> Roll:
    def subject(portrait: Portrait) -> str:
        known = portrait.subjects.get((service.sector, service.space))
        if known or not draw or portrait.person is None:
            return known or _NOBODY
        return stores.grants.subject(portrait.person.person_id, sector=service.sector, space=service.space, now=now)

    read = RollReader(
        portrait=lambda person_id: stores.portraits.read(person_id, now=now),
        details=lambda person: read_details(stores.details, person, [claim.value for claim in service.claims], now=now),
        subject=subject,
    )
    return build_roll(book.of(service.tenant), service, uai, stores.rolls.people_at(uai), read, now=now)


def _hand_over(stores: Stores, service: Service, roll: Roll, file: Path, *, now: datetime) -> None:
    """The ledger and the trail first: what is written must be found again. Raises `OSError`, `LookupError`."""
    if not roll.entries:
        raise LookupError(f"nobody of {roll.uai} may be told to {service.service_id}")
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        for entry in roll.entries:
            stores.ledger.note(release_of(entry.person_id, service.service_id, claims=entry.claims, at=now))
        stores.audit.append([_event(service, roll, now=now)])
        opened.write(write_rapprochement(roll, partner=_PARTNER, now=now))


def _event(service: Service, roll: Roll, *, now: datetime) -> AuditEvent:
    return AuditEvent(
        tenant=service.tenant,
        at=now,
        action=Action.ROLL_EXPORTED,
        actor=f"cli:{getpass.getuser()}",
        detail={"service": service.service_id, "school": roll.uai, "people": str(len(roll.entries))},
    )


def _tell(args: argparse.Namespace, roll: Roll) -> None:
    kinds = Counter(entry.kind for entry in roll.entries)
    counts = {kind.value: kinds[kind] for kind in RollKind}
    if args.json:
        print_json({"school": roll.uai, **counts, "left_out": roll.left_out, "written": str(args.to or "")})
        return
    print_pairs({"school": f"{roll.uai} {roll.school}", **counts})
    for why, count in sorted(roll.left_out.items()):
        print(f"left out: {count}, {why}")
    if args.to:
        print(f"written: {args.to}. Hand it over by a way that you trust, then delete it")
