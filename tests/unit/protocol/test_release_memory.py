"""What userinfo remembers: told again only while everything that it came from is the very same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from broker.domain.details import PersonDetails
from broker.domain.portraits import Portrait, TokenPortrait
from broker.domain.released import Released
from broker.domain.sessions import AccessToken, Grant
from broker.protocol.oidc.release_memory import ReleaseMemory
from policies import load_book
from tests.builders import NOW
from tests.oidc_stand import service

BOOK = load_book()
POLICIES = BOOK.of("ville")
CANTINE = service()
FOUND = TokenPortrait(
    AccessToken(Grant("grt_1", "prs_1", "cantine", "sid_1", ("openid",)), "sub", ("name",), NOW),
    Portrait(None, mark="as read"),
    PersonDetails(),
    {"prs_2": "5" * 32},
)


def released(name: str) -> Released:
    return Released(name, (), frozenset())


def test_the_same_is_worked_out_once() -> None:
    memory = ReleaseMemory()
    first = memory.released(POLICIES, CANTINE, FOUND, lambda: released("first"))
    again = replace(FOUND, child_subjects=dict(FOUND.child_subjects))
    assert memory.released(POLICIES, CANTINE, again, lambda: released("again")) is first


@pytest.mark.parametrize(
    "change",
    [
        {"portrait": Portrait(None, mark="as read")},
        {"details": PersonDetails(records=())},
        {"child_subjects": {"prs_2": "6" * 32}},
        {"token": replace(FOUND.token, claims=("name", "uai"))},
        {"token": replace(FOUND.token, subject="another")},
        {"token": replace(FOUND.token, grant=replace(FOUND.token.grant, person_id="prs_9"))},
        {"token": replace(FOUND.token, grant=replace(FOUND.token.grant, client_id="lycee"))},
        {"token": replace(FOUND.token, grant=replace(FOUND.token.grant, school="0990002Y"))},
    ],
)
def test_anything_else_is_worked_out_anew(change: dict[str, Any]) -> None:
    memory = ReleaseMemory()
    memory.released(POLICIES, CANTINE, FOUND, lambda: released("first"))
    told = memory.released(POLICIES, CANTINE, replace(FOUND, **change), lambda: released("anew"))
    assert told.principal == "anew"


def test_other_policies_or_another_standing_of_the_service_are_anew() -> None:
    memory = ReleaseMemory()
    memory.released(POLICIES, CANTINE, FOUND, lambda: released("first"))
    assert memory.released(load_book().of("ville"), CANTINE, FOUND, lambda: released("anew")).principal == "anew"
    assert memory.released(POLICIES, service(), FOUND, lambda: released("anew")).principal == "anew"


def test_until_when_messages_wait_is_worked_out_every_time() -> None:
    """An evening may begin at 19:10, and a portrait holds until 19:15."""
    memory = ReleaseMemory()
    quiet = replace(FOUND, token=replace(FOUND.token, claims=("name", "quiet_until")))
    memory.released(POLICIES, CANTINE, quiet, lambda: released("first"))
    assert memory.released(POLICIES, CANTINE, quiet, lambda: released("anew")).principal == "anew"


def test_what_bears_no_mark_is_not_remembered_and_the_oldest_goes() -> None:
    memory = ReleaseMemory(most=1)
    bare = replace(FOUND, portrait=Portrait(None))
    memory.released(POLICIES, CANTINE, bare, lambda: released("first"))
    assert memory.released(POLICIES, CANTINE, bare, lambda: released("anew")).principal == "anew"
    other = replace(FOUND, token=replace(FOUND.token, claims=()))
    for each in (FOUND, other):
        memory.released(POLICIES, CANTINE, each, lambda: released("first"))
    assert memory.released(POLICIES, CANTINE, FOUND, lambda: released("anew")).principal == "anew"
