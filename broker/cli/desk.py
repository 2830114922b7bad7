"""`preau desk list|grant|revoke`: who works at the desk, beyond what their source says at each login."""

from __future__ import annotations

import argparse
import getpass
from datetime import UTC, date, datetime, time, timedelta

from broker.cli.options import Commands, command, family, settings_of, with_json
from broker.cli.output import DONE, FAILED, complain, print_json, print_pairs, print_table
from broker.domain.audit import Action, AuditEvent
from broker.domain.desk import DeskProfile, EndPost, GrantPost, SaidPost
from broker.domain.errors import NoSuchSubject
from broker.domain.handles import Id, new_id
from broker.settings import Settings
from broker.stores import Stores, opened_stores, utc_now

_OF_A_SCHOOL = frozenset({DeskProfile.ACCUEIL, DeskProfile.CHEF})


def add_to(commands: Commands) -> None:
    """Add the family."""
    verbs = family(commands, "desk", "agents: who may help families, where, until when")
    with_json(command(verbs, "list", list_posts, "list the posts that stand"))
    grant = with_json(command(verbs, "grant", grant_post, "give a post to whoever signs in by an account"))
    grant.add_argument("source", metavar="SOURCE", help="where the agent signs in, and did so once already")
    grant.add_argument("account", metavar="KEY", help="by what that source knows the agent")
    grant.add_argument("profile", choices=[each.value for each in DeskProfile])
    where = grant.add_mutually_exclusive_group(required=True)
    where.add_argument("--school", metavar="UAI", default="")
    where.add_argument("--academie", metavar="NN", default="", help="all schools of this académie")
    grant.add_argument("--until", metavar="DAY", type=date.fromisoformat, help="its last day; accueil: wanted")
    revoke = with_json(command(verbs, "revoke", revoke_post, "take a post back"))
    revoke.add_argument("post", metavar="POST", help="its id, as `preau desk list` prints it")


def list_posts(args: argparse.Namespace) -> int:
    """Print every post that stands."""
    with opened_stores(settings_of(args)) as (stores, _):
        found = stores.desk_posts.standing(now=utc_now())
    if args.json:
        print_json(found)
        return DONE
    rows = (
        (one.post_id, one.account_id, one.post.profile, one.post.uai or one.post.academie, one.origin, one.post.until)
        for one in found
    )
    print_table(("POST", "ACCOUNT", "PROFILE", "WHERE", "SAID BY", "UNTIL"), rows)
    return DONE


def grant_post(args: argparse.Namespace) -> int:
    """Give a post; 1 for an account that never signed in, or a post that fits no profile."""
    settings = settings_of(args)
    fault = _misfit(args)
    if fault:
        complain([fault])
        return FAILED
    with opened_stores(settings) as (stores, _):
        try:
            act = _grant(args, settings, stores)
            stores.desk_posts.grant(act)
        except (LookupError, NoSuchSubject) as fault:
            complain([str(fault)])
            return FAILED
    _tell(args, {"post": act.post_id, "account": act.account_id, "profile": act.post.profile.value})
    return DONE


def revoke_post(args: argparse.Namespace) -> int:
    """Take a post back; 1 when none of this id stands."""
    settings = settings_of(args)
    with opened_stores(settings) as (stores, _):
        now = utc_now()
        event = _event(settings.tenants[0].id, now, Action.POST_ENDED, {"post": args.post})
        if not stores.desk_posts.end(EndPost(args.post, now, event)):
            complain([f"no post {args.post} stands"])
            return FAILED
    _tell(args, {"post": args.post, "said": "ended"})
    return DONE


def _misfit(args: argparse.Namespace) -> str:
    profile = DeskProfile(args.profile)
    if profile in _OF_A_SCHOOL and not args.school:
        return f"{profile} is of one school: --school UAI"
    if profile is DeskProfile.ACADEMIE and not args.academie:
        return "academie is of all schools of one: --academie NN"
    if profile is DeskProfile.ACCUEIL and args.until is None:
        return "accueil ends: --until DAY, the 31st of August at the latest"
    return ""


def _grant(args: argparse.Namespace, settings: Settings, stores: Stores) -> GrantPost:
    """The act. Raises `LookupError`."""
    now, source = utc_now(), next((each for each in settings.sources if each.id == args.source), None)
    if source is None or not source.desk:
        raise LookupError(f"{args.source} is no source of agents (desk = true)")
    found = stores.desk_posts.accounts(args.source, args.account)
    if len(found) != 1:
        raise LookupError(
            f"{len(found)} accounts at {args.source} are known by this key: the agent signs in there once"
        )
    until = datetime.combine(args.until + timedelta(days=1), time(), UTC) if args.until else None
    post = SaidPost(DeskProfile(args.profile), args.school, args.academie, until)
    told = {"account": found[0], "profile": args.profile, "uai": args.school, "academie": args.academie}
    event = _event(source.tenant, now, Action.POST_GIVEN, told)
    return GrantPost(new_id(Id.DESK_POST), found[0], post, now, event)


def _event(tenant: str, now: datetime, action: Action, detail: dict[str, str]) -> AuditEvent:
    return AuditEvent(tenant=tenant, at=now, action=action, actor=f"cli:{getpass.getuser()}", detail=detail)


def _tell(args: argparse.Namespace, told: dict[str, object]) -> None:
    if args.json:
        print_json(told)
    else:
        print_pairs(told)
