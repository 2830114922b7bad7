"""`preau person find|show|suspend|resume|restrict|unrestrict|affirm`: one person, as directory and links have them."""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from broker.cli import doubt
from broker.cli.factors import add_to_person
from broker.cli.options import Commands, command, family, settings_of, tenant_of, with_json
from broker.cli.output import DONE, FAILED, complain, print_json, print_pairs, print_table
from broker.cli.standing import add_verbs
from broker.cli.told import facts_of, print_told
from broker.cli.whom import person_meant, records_meant
from broker.domain.audit import Action, AuditEvent
from broker.domain.identity import AttachmentView, LinkedAccount
from broker.domain.people import AttachmentState, PersonView, RecordView
from broker.domain.standings import StandingKind
from broker.settings import Settings
from broker.stores import Stores, opened_stores, utc_now


def add_to(commands: Commands) -> None:
    """Add the family to the command line."""
    verbs = family(commands, "person", "people, by the key of a record (99-2d:500101) or by id (prs_…)")
    find = with_json(command(verbs, "find", find_person, "find the person behind a record"))
    find.add_argument("who", metavar="FEED:KEY")
    show = with_json(command(verbs, "show", show_person, "show roles, children and logins of a person"))
    show.add_argument("who", metavar="PERSON")
    add_verbs(verbs, StandingKind.PERSON)
    doubt.add_verbs(verbs)
    add_to_person(verbs)
    restrict = with_json(command(verbs, "restrict", restrict_person, "ADULT no longer sees CHILD (court restriction)"))
    unrestrict = with_json(command(verbs, "unrestrict", unrestrict_person, "end the restrictions of ADULT for CHILD"))
    affirm = with_json(command(verbs, "affirm", affirm_person, "a feed is right that ADULT sees CHILD, another is not"))
    for verb in (restrict, unrestrict, affirm):
        verb.add_argument("adult", metavar="ADULT")
        verb.add_argument("child", metavar="CHILD")


@dataclass(frozen=True, slots=True)
class _Desk:
    """What these commands work with."""

    settings: Settings
    stores: Stores
    now: datetime

    def person_id(self, who: str) -> str:
        """Living person behind an id or a record key. Raises `LookupError`."""
        return person_meant(who, self.settings, self.stores)


def find_person(args: argparse.Namespace) -> int:
    """Print the live records under a key, with their person; 1 when there is none."""
    settings = settings_of(args)
    with opened_stores(settings) as (stores, _):
        try:
            records = records_meant(args.who, settings, stores)
        except LookupError as fault:
            return _not_found(fault)
    told = [_record(record) for record in records]
    if args.json:
        print_json(told)
    else:
        print_table(("PERSON", "RECORD", "KIND", "FAMILY NAME", "GIVEN NAME"), (tuple(line.values()) for line in told))
    return DONE if records else FAILED


def show_person(args: argparse.Namespace) -> int:
    """Print what is known of one person; 1 when there is nobody."""
    settings = settings_of(args)
    with opened_stores(settings) as (stores, _):
        desk = _Desk(settings, stores, utc_now())
        try:
            person_id = desk.person_id(args.who)
        except LookupError as fault:
            return _not_found(fault)
        person = stores.people.person(person_id, now=desk.now)
        if person is None:
            return _not_found(LookupError(f"no live person {args.who}"))
        children = stores.people.children_of(person_id, now=desk.now)
        accounts = stores.links.accounts_of(person_id)
        attached, proposed = _split(stores.attachments.of_person(person_id))
        facts = facts_of(stores.holdings.records_of(person_id))
        rights = stores.guardianships.told_of(person_id)
    told = _person(person)
    if args.json:
        print_json(
            {
                **told,
                "records": attached,
                "proposals": proposed,
                "facts": facts,
                "rights": rights,
                "children": children,
                "logins": [_account(each) for each in accounts],
            }
        )
        return DONE
    print_pairs({name: value if isinstance(value, str) else ", ".join(value) for name, value in told.items()})
    _print_attachments(attached, proposed)
    print_told(facts, rights)
    if children:
        head = ("CHILD", "FAMILY NAME", "GIVEN NAME", "SCHOOL", "CLASS")
        print_table(head, ((c.child_id, c.family, c.given, f"{c.school} ({c.uai})", c.class_label) for c in children))
    if accounts:
        logins = [_account(each) for each in accounts]
        print_table([name.upper() for name in logins[0]], (tuple(line.values()) for line in logins))
    return DONE


def _split(found: Sequence[AttachmentView]) -> tuple[list[AttachmentView], list[AttachmentView]]:
    """What is the person's, and what is only proposed (it opens nothing)."""
    proposed = [each for each in found if each.state is AttachmentState.PROPOSED]
    return [each for each in found if each not in proposed], proposed


def _print_attachments(attached: Sequence[AttachmentView], proposed: Sequence[AttachmentView]) -> None:
    head = ("RECORD", "KIND", "STATE", "EVIDENCE", "SINCE")
    print_table(head, ((each.record_id, each.kind, each.state, each.evidence, each.at) for each in attached))
    if proposed:
        rows = ((each.record_id, each.person_id, each.score, each.evidence) for each in proposed)
        print_table(("PROPOSED RECORD", "TO PERSON", "SCORE", "EVIDENCE"), rows)


def restrict_person(args: argparse.Namespace) -> int:
    """Enter a restriction, effective at once and whatever any feed says."""
    return _change(args, Action.RESTRICTION_SET)


def unrestrict_person(args: argparse.Namespace) -> int:
    """End the restrictions of a pair; 1 when there was none."""
    return _change(args, Action.RESTRICTION_LIFTED)


def affirm_person(args: argparse.Namespace) -> int:
    """Let a right count although another feed took it back; 1 when no feed gives it."""
    return _change(args, Action.GUARDIANSHIP_AFFIRMED)


def _change(args: argparse.Namespace, action: Action) -> int:
    settings = settings_of(args)
    with opened_stores(settings) as (stores, _):
        desk = _Desk(settings, stores, utc_now())
        try:
            adult, child = desk.person_id(args.adult), desk.person_id(args.child)
            audit = _event(action, adult=adult, child=child, tenant=tenant_of(settings, args.child), now=desk.now)
            count = _carry_out(stores, audit, adult=adult, child=child)
        except LookupError as fault:
            return _not_found(fault)
    if args.json:
        print_json({"adult": adult, "child": child, "action": action, "count": count})
    else:
        print_pairs({"adult": adult, "child": child, action.value.replace("_", " "): count})
    return DONE if count else FAILED


def restrict(stores: Stores, *, adult: str, child: str, tenant: str, now: datetime) -> None:
    """Enter a court restriction between two persons. Raises `LookupError` when one has no record."""
    audit = _event(Action.RESTRICTION_SET, adult=adult, child=child, tenant=tenant, now=now)
    stores.guardianships.restrict(adult_id=adult, child_id=child, since=now, audit=audit)


def _carry_out(stores: Stores, audit: AuditEvent, *, adult: str, child: str) -> int:
    """Do what the event says; returns how many rows it changed, 1 for a restriction."""
    if audit.action is Action.RESTRICTION_SET:
        stores.guardianships.restrict(adult_id=adult, child_id=child, since=audit.at, audit=audit)
        return 1
    if audit.action is Action.RESTRICTION_LIFTED:
        return stores.guardianships.lift(adult_id=adult, child_id=child, until=audit.at, audit=audit)
    return stores.guardianships.affirm(adult_id=adult, child_id=child, at=audit.at, audit=audit)


def _event(action: Action, *, adult: str, child: str, tenant: str, now: datetime) -> AuditEvent:
    return AuditEvent(
        tenant=tenant, at=now, action=action, actor=f"cli:{getpass.getuser()}", subject=adult, detail={"child": child}
    )


def _not_found(fault: LookupError) -> int:
    complain([str(fault)])
    return FAILED


def _record(record: RecordView) -> Mapping[str, str]:
    return {
        "person_id": record.person_id,
        "record": record.record_id,
        "kind": record.kind,
        "family_name": record.name.family,
        "given_name": record.name.given,
    }


def _person(person: PersonView) -> Mapping[str, str | list[str]]:
    return {
        "person_id": person.person_id,
        "name": f"{person.name.given} {person.name.family}",
        "roles": sorted(person.kinds),
        "posts": [f"{post.function} {post.school} ({post.uai})" for post in person.posts],
        "pupil_at": [f"{card.class_label} {card.school} ({card.uai})" for card in person.pupil_at],
    }


def _account(account: LinkedAccount) -> Mapping[str, object]:
    return {
        "account": account.account_id,
        "source": account.source_id,
        "state": account.state,
        "evidence": account.evidence.kind,
        "linked_at": account.linked_at,
        "last_used": account.last_used,
        "undo_until": account.undo_until,
    }
