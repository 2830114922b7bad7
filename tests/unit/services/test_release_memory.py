"""What was told is told again only while everything that it came from is the very same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from broker.domain.details import PersonDetails
from broker.domain.portraits import Portrait
from broker.domain.released import Released
from broker.services.release_memory import Basis, ReleaseMemory
from policies import load_book
from tests.oidc_stand import service

BASIS = Basis(
    load_book().of("ville"),
    service(),
    "sub",
    Portrait(None, mark="as read"),
    PersonDetails(),
    {"prs_2": "5" * 32},
    ("cantine", "", "name"),
)


def told(memory: ReleaseMemory, name: str, basis: Basis = BASIS, *, person: str = "prs_1") -> str:
    return memory.released(person, basis, lambda: Released(name, (), frozenset())).principal


def test_the_same_is_worked_out_once() -> None:
    memory = ReleaseMemory()
    assert told(memory, "first") == "first"
    assert told(memory, "again", replace(BASIS, child_subjects=dict(BASIS.child_subjects))) == "first"


@pytest.mark.parametrize(
    "change",
    [
        {"policies": load_book().of("ville")},
        {"service": service()},
        {"subject": "another"},
        {"portrait": Portrait(None, mark="as read")},
        {"details": PersonDetails(records=())},
        {"child_subjects": {"prs_2": "6" * 32}},
        {"asked": ("cantine", "", "name", "uai")},
        {"asked": ("lycee", "", "name")},
        {"asked": ("cantine", "0990002Y", "name")},
    ],
)
def test_anything_else_is_worked_out_anew(change: dict[str, Any]) -> None:
    memory = ReleaseMemory()
    told(memory, "first")
    assert told(memory, "anew", replace(BASIS, **change)) == "anew"


def test_another_person_is_told_of_anew() -> None:
    memory = ReleaseMemory()
    told(memory, "first")
    assert told(memory, "anew", person="prs_9") == "anew"


def test_until_when_messages_wait_is_worked_out_every_time() -> None:
    """An evening may begin at 19:10, and a portrait holds until 19:15."""
    memory, quiet = ReleaseMemory(), replace(BASIS, asked=("cantine", "", "name", "quiet_until"))
    told(memory, "first", quiet)
    assert told(memory, "anew", quiet) == "anew"


def test_what_bears_no_mark_is_not_remembered_and_the_oldest_goes() -> None:
    memory = ReleaseMemory(most=1)
    bare = replace(BASIS, portrait=Portrait(None))
    told(memory, "first", bare)
    assert told(memory, "anew", bare) == "anew"
    for each in (BASIS, replace(BASIS, asked=("cantine", ""))):
        told(memory, "first", each)
    assert told(memory, "anew") == "anew"
