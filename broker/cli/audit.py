"""`preau audit verify`: recompute each tenant's chain and name whatever does not fit."""

from __future__ import annotations

import argparse

from broker.cli.options import Commands, command, family, settings_of, with_json
from broker.cli.output import DONE, FAILED, print_json, print_table
from broker.domain.audit import FaultKind
from broker.stores import opened_stores


def add_to(commands: Commands) -> None:
    """Add the family to the command line."""
    verbs = family(commands, "audit", "the audit trail")
    verify = with_json(command(verbs, "verify", verify_audit, "recompute the chains; name what was changed"))
    verify.add_argument("--tenant", action="append", metavar="TENANT", help="only this tenant (may be repeated)")


def verify_audit(args: argparse.Namespace) -> int:
    """Verify every chain; 1 when something was changed. Rows that wait for the sealer are told and are no failure."""
    with opened_stores(settings_of(args)) as (stores, _):
        tenants = tuple(args.tenant or stores.audit.tenants())
        faults = [fault for tenant in tenants for fault in stores.audit.verify(tenant)]
    broken = [fault for fault in faults if fault.kind is not FaultKind.UNSEALED]
    if args.json:
        print_json({"tenants": tenants, "sound": not broken, "faults": faults})
    elif faults:
        print_table(("TENANT", "POSITION", "FAULT"), ((fault.tenant, fault.position, fault.kind) for fault in faults))
    else:
        print(f"{len(tenants)} chains verified, nothing was changed")
    return FAILED if broken else DONE
