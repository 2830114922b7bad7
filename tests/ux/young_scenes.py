"""The pages of the youngest, with the code of a class of the town; and the page of a parent who helps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Browser, Page
from sqlalchemy import select

from broker.domain.people import RecordKind
from broker.domain.school import Level
from broker.settings import load_settings
from broker.storage import schema
from broker.stores import opened_stores, utc_now
from tests.browser.letters import open_window
from tests.browser.people import EDUCONNECT, Visitor
from tests.browser.town import RunningTown
from tests.ux.lens import Target

MOTHER = "aline.quemeneur"


def young(browser: Browser, town: RunningTown) -> Iterator[Target]:
    """A class by its code, a first name, the pictures; choosing them in a window; a parent who opens one."""
    page = browser.new_page()
    Visitor(page, town).sign_in(EDUCONNECT, MOTHER)
    yield Target(f"{town.origin}/enfants", "any", "children", _state(page))
    page.close()
    code, record = _some_class(town)
    yield Target(f"{town.origin}/classe", "any", "young-class")
    page = browser.new_page()
    page.goto(f"{town.origin}/classe/{code}")
    yield Target(page.url, "any", "young-names", _state(page))
    page.locator(".first-names a").first.click()
    yield Target(page.url, "any", "young-pictures", _state(page))
    page.close()
    yield _choosing(browser, town, record)


def _choosing(browser: Browser, town: RunningTown, record: str) -> Target:
    page = browser.new_page()
    page.goto(f"{town.origin}/code/ouvert")
    given = open_window(town, page, record)
    fields = {"jour": given.born.day, "mois": given.born.month, "annee": given.born.year}
    for field, value in fields.items():
        page.fill(f"#{field}", str(value))
    page.locator("main form button[type=submit]").first.click()
    page.wait_for_load_state("load")
    target = Target(page.url, "any", "young-choose", _state(page))
    page.close()
    return target


def _some_class(town: RunningTown) -> tuple[str, str]:
    """The code of a class of an école, and the record of a pupil in it."""
    with opened_stores(load_settings(town.folder / "preau.toml", {})) as (stores, _):
        wanted = (
            select(schema.enrolments.c.uai, schema.enrolments.c.class_label, schema.records)
            .join(schema.records, schema.records.c.id == schema.enrolments.c.record_id)
            .join(schema.schools, schema.schools.c.uai == schema.enrolments.c.uai)
            .where(
                schema.schools.c.level == Level.ECOLE.value,
                schema.records.c.kind == RecordKind.PUPIL.value,
                schema.records.c.birth_date.is_not(None),
                schema.enrolments.c.starts_on.is_(None),
            )
            .order_by(schema.records.c.id)
        )
        with stores.engine.connect() as conn:
            row = conn.execute(wanted).first()
        assert row is not None
        code = stores.young_classes.code_of(row.uai, row.class_label, now=utc_now())
        return code, row.id


def _state(page: Page) -> Any:
    return page.context.storage_state()
