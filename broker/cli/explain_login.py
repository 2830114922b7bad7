"""`preau explain login`: what happened under the number of a page of error, the cause, and who can help."""

from __future__ import annotations

import argparse

from broker.cli.options import settings_of
from broker.cli.output import DONE, FAILED, complain, print_json, print_pairs, print_table
from broker.declared import read_register
from broker.domain.errors import every_fault
from broker.helpdesk.login_causes import WHO
from broker.helpdesk.login_story import LoginStories, LoginStory
from broker.live import Fixed
from broker.stores import opened_stores, utc_now


def explain_login(args: argparse.Namespace) -> int:
    """Print the story of a login; 1 where nothing is kept under this number."""
    settings = settings_of(args)
    with opened_stores(settings) as (stores, book):
        stories = LoginStories(
            stores.login_faults,
            stores.people,
            stores.guardianships,
            Fixed(read_register(settings)),
            Fixed(book),
            every_fault(),
        )
        story = stories.tell(args.trace, now=utc_now())
    if story is None:
        complain([f"nothing is kept under {args.trace}: a page of error keeps its story for 30 days"])
        return FAILED
    if args.json:
        print_json(story)
    else:
        _print(story)
    return DONE


def _print(story: LoginStory) -> None:
    pairs = {
        "number": story.trace,
        "when": story.at,
        "page": story.code,
        "cause": story.cause.sentence,
        "who can help": WHO[story.cause.who],
        "first try": story.cause.advice,
        "opens": story.opens or "",
        "service": story.service_id,
        "source": story.source_id,
        "person": story.person_id,
    }
    print_pairs({name: value for name, value in pairs.items() if value})
    print()
    print_table(("WHEN", "STEP", "AT"), [(step.at, step.what, step.place) for step in story.steps])
    if story.rules:
        print()
        print_table(("RULE", "REASON"), [(rule.id, rule.reason) for rule in story.rules])
