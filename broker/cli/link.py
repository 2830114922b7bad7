"""`preau link suspend|resume|reopen`: logins that are linked to persons, by account."""

from __future__ import annotations

import argparse
import getpass

from broker.cli.options import Commands, command, family, settings_of, with_json
from broker.cli.output import DONE, FAILED, complain, print_json, print_pairs
from broker.cli.standing import add_verbs
from broker.domain.acts import ReopenLink
from broker.domain.audit import Action, AuditEvent
from broker.domain.standings import StandingKind
from broker.stores import opened_stores, utc_now


def add_to(commands: Commands) -> None:
    """Add the family."""
    verbs = family(commands, "link", "logins linked to persons, by account (acc_…)")
    add_verbs(verbs, StandingKind.LINK)
    text = "a login that nobody used for long is still its person's: it opens again"
    reopen = with_json(command(verbs, "reopen", reopen_link, text))
    reopen.add_argument("account", metavar="ACCOUNT")


def reopen_link(args: argparse.Namespace) -> int:
    """Say that somebody asked the person; 1 for an account that is not linked to anybody."""
    settings, now = settings_of(args), utc_now()
    event = AuditEvent(
        tenant=settings.tenants[0].id,
        at=now,
        action=Action.LINK_REOPENED,
        actor=f"cli:{getpass.getuser()}",
        detail={"account": args.account},
    )
    with opened_stores(settings) as (stores, _):
        if not stores.links.reopen(ReopenLink(args.account, now, event)):
            complain([f"no account {args.account} that is linked to a person"])
            return FAILED
    told = {"account": args.account, "used": now}
    if args.json:
        print_json(told)
    else:
        print_pairs({name: str(value) for name, value in told.items()})
    return DONE
