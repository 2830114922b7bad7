"""A schema that lost a fact, or a value of one, is refused where the loss stands, even if no rule spoke of it yet."""

from __future__ import annotations

import pytest

from policies.loader import SCHEMA, SHIPPED
from policies.schema_facts import read_schema

TEXT = (SHIPPED / SCHEMA).read_text(encoding="utf-8")


def line_of(part: str) -> int:
    return TEXT.count("\n", 0, TEXT.index(part)) + 1


def test_the_shipped_schema_loses_nothing() -> None:
    problems: list[str] = []
    assert read_schema(TEXT, problems) is not None
    assert problems == []


@pytest.mark.parametrize(
    ("part", "slip", "declared"),
    [
        ('"low"', '"lw"', "entity Assurance"),
        ('"declared"', '"declred"', "entity ServiceState"),
        ('"session"', '"sesion"', "entity Session"),
        ('"service"', '"servce"', "entity Service "),
        ("assured: Bool", "asured: Bool", "action access"),
        ("declared: Bool", "declared: String", "action release"),
        ("about_staff: Bool,", "", "action helpdesk"),
    ],
)
def test_what_a_schema_lost_is_told_where_it_was_declared(part: str, slip: str, declared: str) -> None:
    problems: list[str] = []
    assert read_schema(TEXT.replace(part, slip, 1), problems) is None
    assert [told for told in problems if told.startswith(f"{SCHEMA}:{line_of(declared)}: ")] == problems != []


def test_a_schema_that_cedar_cannot_read_is_refused_once() -> None:
    problems: list[str] = []
    assert read_schema(TEXT.replace("entity Role", "entiti Role"), problems) is None
    assert len(problems) == 1
    assert problems[0].startswith(f"{SCHEMA}:")
