"""`preau person factors`: a person's second factors and passkeys, and ending one that was lost.

Whoever lost their telephone cannot end it by themselves: the next login asks for it. Ending one is audited, and told.
"""

from __future__ import annotations

import argparse
import getpass

from broker.cli.options import Commands, command, settings_of, with_json
from broker.cli.output import DONE, FAILED, complain, print_json, print_table
from broker.cli.whom import person_meant
from broker.domain.access_notices import AccessNotice, NoticeKind
from broker.domain.audit import Action, AuditEvent
from broker.domain.credential_acts import ChangeFactor
from broker.domain.credentials import Credential, CredentialKind
from broker.settings import Settings
from broker.stores import Stores, opened_stores, utc_now

_FACTORS = frozenset({CredentialKind.TOTP, CredentialKind.PASSKEY})


def add_to_person(verbs: Commands) -> None:
    """Add the verb to the family of persons."""
    text = "second factors and passkeys of a person; --end takes away one that was lost"
    factors = with_json(command(verbs, "factors", show_factors, text))
    factors.add_argument("who", metavar="PERSON")
    factors.add_argument("--end", metavar="FACTOR", default="", help="the factor that was lost, by its id (crd_…)")


def show_factors(args: argparse.Namespace) -> int:
    """List the factors, after ending one where that is asked; 1 when the person or the factor is not there."""
    settings = settings_of(args)
    with opened_stores(settings) as (stores, _):
        try:
            person_id = person_meant(args.who, settings, stores)
            if args.end:
                _end(settings, stores, person_id, args.end)
        except LookupError as fault:
            complain([str(fault)])
            return FAILED
        found = _factors(stores, person_id)
    if args.json:
        print_json([{"id": each.credential_id, "kind": each.kind, "since": each.since} for each in found])
    else:
        rows = [(each.credential_id, each.kind, each.label, each.since, each.last_used or "") for each in found]
        print_table(("FACTOR", "KIND", "NAME", "SINCE", "LAST USED"), rows)
    return DONE


def _factors(stores: Stores, person_id: str) -> list[Credential]:
    accounts = stores.links.accounts_of(person_id)
    return [each for account in accounts for each in stores.credentials.of_account(account.account_id, _FACTORS)]


def _end(settings: Settings, stores: Stores, person_id: str, factor_id: str) -> None:
    """End one factor of this person. Raises `LookupError`."""
    factor = next((each for each in _factors(stores, person_id) if each.credential_id == factor_id), None)
    if factor is None:
        raise LookupError(f"no live factor {factor_id} of this person")
    now, actor = utc_now(), f"cli:{getpass.getuser()}"
    detail = {"factor": factor_id, "kind": factor.kind.value}
    event = AuditEvent(settings.tenants[0].id, now, Action.FACTOR_REMOVED, actor, subject=person_id, detail=detail)
    told = AccessNotice(person_id, NoticeKind.FACTOR_REMOVED, now)
    stores.credentials.change_factor(ChangeFactor(factor.account_id, now, event, told, ended=factor_id))
