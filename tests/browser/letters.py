"""Letters and windows for people of the running town, as the desk gives them out: written into its own database."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from datetime import date

from playwright.sync_api import Page

from broker.accounts.hashing import HashCost, Hashing
from broker.accounts.letters import Addressee, Batch, issue_letters
from broker.accounts.screens import bound_to
from broker.cli.demo import LETTER
from broker.cli.whom import person_meant
from broker.domain.credential_acts import IssueCodes
from broker.domain.credentials import Code, CodeKind
from broker.domain.handles import Id, digest, new_id
from broker.settings import load_settings
from broker.stores import Stores, opened_stores, utc_now
from broker.wire.http import BROWSER_COOKIE
from policies import PolicyBook
from tests.browser.town import RunningTown

ZAHRA = "99-2d:500121"
"""The mother without e-mail, who reads Arabic."""


@dataclass(frozen=True, slots=True)
class Given:
    """What somebody holds: a letter's code (or a window's id), and the birth date of one child."""

    code: str
    born: date


def give_letter(town: RunningTown, record: str = ZAHRA) -> Given:
    """A letter for the person of a record; the one before is ended by it."""
    _wait_for_the_towns_own(town)
    settings = load_settings(town.folder / "preau.toml", {})
    with opened_stores(settings) as (stores, book):
        return letter_for(person_meant(record, settings, stores), stores, book, tenant="academie-fictive")


def letter_for(person: str, stores: Stores, book: PolicyBook, *, tenant: str) -> Given:
    """A letter for a person, as from today."""
    now, table = utc_now(), book.installation.codes
    with closing(Hashing(HashCost(workers=1))) as hashing:
        to, batch = Addressee(person, "", tenant), Batch("bat_test", "cli:test", "", now)
        (issued,) = issue_letters([to], codes=stores.codes, hashing=hashing, table=table, batch=batch)
    return Given(issued.code.written, min(stores.family_facts.birth_dates(person, now=now)))


def open_window(town: RunningTown, page: Page, record: str = ZAHRA) -> Given:
    """A window of ten minutes for the person of a record, at the screen that this page shows the number on."""
    number = page.locator(".number").inner_text().replace("\u00a0", "")
    cookie = next(each for each in page.context.cookies() if each["name"] == BROWSER_COOKIE)
    settings = load_settings(town.folder / "preau.toml", {})
    with opened_stores(settings) as (stores, book):
        person, now = person_meant(record, settings, stores), utc_now()
        until = now + book.installation.codes.window_life
        bound = bound_to(number, digest(str(cookie["value"])))
        code = Code(new_id(Id.CODE), CodeKind.WINDOW, person, "", "", now, until, 0, 3, bound=bound)
        stores.codes.issue(IssueCodes((code,), "acc_agent", "", (), ()))
        return Given(code.code_id, min(stores.family_facts.birth_dates(person, now=now)))


def _wait_for_the_towns_own(town: RunningTown) -> None:
    """The town gives this mother a letter as it starts, which would end ours."""
    limit = time.monotonic() + 30
    while not (town.folder / LETTER).is_file():
        assert time.monotonic() < limit, "the town wrote no letter"
        time.sleep(0.2)
