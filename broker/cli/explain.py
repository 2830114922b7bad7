"""`preau explain access|release|login`: a decision told whole, for a person and a service, or for facts alone.

For a person the facts come from the database and the descriptors, as a request would find them; `--facts` decides for
facts as written, by the policies of the installation. A login is explained by the number of its page of error.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from broker.cli.explain_case import Case, NoSuchCase, find_case
from broker.cli.explain_facts import ACCESS_USUAL, RELEASE_USUAL, Unreadable, read_facts
from broker.cli.explain_login import explain_login
from broker.cli.explain_text import access_told, decision_told, print_several, print_told
from broker.cli.options import Commands, command, family, settings_of, with_json
from broker.cli.output import DONE, FAILED, complain
from broker.domain.services import ClaimName
from broker.services.access import role_in, weigh
from broker.services.explain import explain_access as told_whole
from broker.services.release import release_facts
from broker.stores import opened_stores, read_book, utc_now
from policies import AccessFacts, Decision, Policies, PolicyBook, ReleaseFacts
from policies.counterfactual import counterfactuals

F = TypeVar("F", AccessFacts, ReleaseFacts)


def add_to(commands: Commands) -> None:
    """Add the family to the command line."""
    verbs = family(commands, "explain", "why the policies allow or refuse")
    access = with_json(command(verbs, "access", explain_access, "may this person open this service?"))
    _add_case(access)
    access.add_argument("--child", metavar="CHILD", help="by this child's enrolments alone")
    access.add_argument("--source", metavar="SOURCE", help="signed in there (else where the linked logins prove most)")
    release = with_json(command(verbs, "release", explain_release, "what may this service be told of this person?"))
    _add_case(release)
    login = with_json(command(verbs, "login", explain_login, "why did the login with this number not work?"))
    login.add_argument("trace", metavar="NUMBER", help="as the page of error shows it: 123-4567-890")
    release.add_argument("--claim", choices=[claim.value for claim in ClaimName], help="this claim alone (else each)")


def explain_access(args: argparse.Namespace) -> int:
    """Decide an access; print the decision, the rules, each fact with what said it, what would pass; 1 when refused."""
    if args.facts is not None:
        return _print_facts(args, _installation(args).access, _facts(args, ACCESS_USUAL))
    found = _case(args)
    if found is None:
        return FAILED
    case, book = found
    weighed = weigh(book, case.service, case.person, case.children, moment=case.moment)
    told = access_told(told_whole(case.service, weighed, source=case.source), closed=case.closed)
    print_told(told, as_json=args.json)
    return DONE if told.allowed else FAILED


def explain_release(args: argparse.Namespace) -> int:
    """Decide what a service may be told; print each decision with its rules; 1 when the one claim asked is refused."""
    if args.facts is not None:
        return _print_facts(args, _installation(args).release, _facts(args, RELEASE_USUAL))
    found = _case(args)
    if found is None:
        return FAILED
    case, book = found
    policies, role = book.of(case.service.tenant), role_in(case.service, case.person)
    claims = [ClaimName(args.claim)] if args.claim else list(ClaimName)
    asked = [release_facts(case.service, role, claim) for claim in claims]
    if args.claim:
        return _print_facts(args, policies.release, asked[0])
    lines = [
        (facts.claim.value, decision_told(policies.release(facts), facts, counterfactuals(policies.release, facts)))
        for facts in asked
    ]
    print_several(lines, as_json=args.json)
    return DONE


def _add_case(parser: argparse.ArgumentParser) -> None:
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument("--person", metavar="PERSON", help="the person, by id (prs_…) or by a record (FEED:KEY)")
    asked.add_argument("--facts", metavar="FACTS", help="facts instead, as role=guardian,term=ahead (others as usual)")
    parser.add_argument("--service", metavar="SERVICE", help="the service, by its id in the register")
    parser.add_argument("--at", type=_instant, metavar="INSTANT", help="as of then (2026-09-01T08:00+02:00), else now")
    parser.set_defaults(misused=parser.error)


def _instant(text: str) -> datetime:
    """An instant with its offset. Raises `ValueError`: an hour without its zone would be somebody else's."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment.astimezone(UTC)


def _case(args: argparse.Namespace) -> tuple[Case, PolicyBook] | None:
    if args.service is None:
        args.misused("--person needs --service")
    settings = settings_of(args)
    with opened_stores(settings) as (stores, book):
        try:
            return find_case(settings, stores, args, now=args.at or utc_now()), book
        except NoSuchCase as fault:
            complain([fault.args[0]])
            return None


def _facts(args: argparse.Namespace, usual: F) -> F:
    try:
        return read_facts(args.facts, usual)
    except Unreadable as fault:
        args.misused(fault.args[0])
        raise


def _installation(args: argparse.Namespace) -> Policies:
    return read_book(settings_of(args)).installation


def _print_facts(args: argparse.Namespace, decide: Callable[[F], Decision], facts: F) -> int:
    decision = decide(facts)
    print_told(decision_told(decision, facts, counterfactuals(decide, facts)), as_json=args.json)
    return DONE if decision.allowed else FAILED
