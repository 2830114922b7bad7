"""Rows of a person as JSON texts beside other columns of a statement, and read back; for PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from sqlalchemy import CTE, ColumnElement, Date, Label, Select, String, Text, bindparam, case, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from broker.domain.people import Space
from broker.storage.may_see import may_see
from broker.storage.schema import Instant, subjects
from broker.storage.sql_details import login_rows, place_rows, record_rows
from broker.storage.sql_people import card_rows, self_rows

_NOW = bindparam("now", type_=Instant)
_NONE = "[]"


class Shape:
    """The rows of a select as one JSON text: `column` asks for it, `rows` reads it."""

    def __init__(self, asked: Select[Any]) -> None:
        columns = list(asked.selected_columns)
        self._row: Any = NamedTuple("JsonRow", [(str(column.key), Any) for column in columns])  # type: ignore[misc]
        self._readers = tuple((place, read) for place, column in enumerate(columns) if (read := _reader(column)))

    @staticmethod
    def column(asked: Select[Any], name: str) -> Label[str]:
        """The rows of `asked`, which has an order, as a text under `name`."""
        rows = asked.subquery(f"of_{name}")
        told = select(func.json_agg(func.json_build_array(*rows.c))).select_from(rows).scalar_subquery()
        return func.coalesce(cast(told, Text), _NONE).label(name)

    def rows(self, text: str) -> list[Any]:
        """The rows of such a text, by the names of the select's columns."""
        found = []
        for values in json.loads(text):
            for place, read in self._readers:
                if values[place] is not None:
                    values[place] = read(values[place])
            found.append(self._row(*values))
        return found


def _reader(column: ColumnElement[Any]) -> Callable[[str], Any] | None:
    """How JSON's text becomes the value that the column's type gives elsewhere."""
    if isinstance(column.type, Instant):
        return lambda text: datetime.fromisoformat(text).astimezone(UTC)
    return date.fromisoformat if isinstance(column.type, Date) else None


def seen_by(person: ColumnElement[str]) -> CTE:
    """The children this person may see now."""
    return may_see(lambda column: column == person, _NOW)


def _cards(seen: CTE) -> Select[Any]:
    rows = card_rows(seen, seen.c.child_id, seen.c.may_act)
    return rows.order_by(*rows.selected_columns)


def _itself(person: ColumnElement[str]) -> Select[Any]:
    rows = self_rows(person)
    return rows.order_by(rows.selected_columns.uai, rows.selected_columns.class_code)


def _own_subjects(person: ColumnElement[str]) -> Select[Any]:
    own = select(subjects.c.sector, subjects.c.space, subjects.c.value)
    return own.where(subjects.c.person_id == person, subjects.c.retired_at.is_(None)).order_by(subjects.c.value)


def _child_subjects(seen: CTE, subject: ColumnElement[str]) -> Select[Any]:
    """The children's subjects in the sector of the subject that a grant was made for."""
    of_grant = subjects.alias("of_grant")
    sector = select(of_grant.c.sector).where(of_grant.c.value == subject).scalar_subquery()
    return (
        select(subjects.c.person_id, subjects.c.value)
        .where(
            subjects.c.person_id.in_(select(seen.c.child_id)),
            subjects.c.sector == sector,
            subjects.c.space == Space.FAMILY.value,
            subjects.c.retired_at.is_(None),
        )
        .order_by(subjects.c.value)
    )


def portrait_columns(person: ColumnElement[str], seen: CTE) -> tuple[Label[str], ...]:
    """The three texts of a portrait."""
    return (
        Shape.column(_itself(person), "itself"),
        Shape.column(_cards(seen), "cards"),
        Shape.column(_own_subjects(person), "own_subjects"),
    )


def mark_column(person: ColumnElement[str]) -> ColumnElement[str]:
    """The three texts as one (`mark_of`)."""
    itself, cards, own = (label.element for label in portrait_columns(person, seen_by(person)))
    return itself + "\n" + cards + "\n" + own


def mark_of(row: Any) -> str:
    """All that a portrait was drawn from."""
    return f"{row.itself}\n{row.cards}\n{row.own_subjects}"


def detail_columns(
    person: ColumnElement[str], seen: CTE, *, subject: ColumnElement[str], claims: ColumnElement[Any]
) -> tuple[Label[str], ...]:
    """Texts of the details that the claims of a grant need (`DetailClaims`), and of the children's subjects."""
    return (
        Shape.column(_child_subjects(seen, subject), "child_subjects"),
        _where_asked(Shape.column(record_rows(person), "records"), claims),
        _where_asked(Shape.column(place_rows(seen), "places"), claims),
        _where_asked(Shape.column(login_rows(person), "logins"), claims),
    )


def _where_asked(column: Label[str], claims: ColumnElement[Any]) -> Label[str]:
    """The text where a claim of the grant is one of those that need it; nothing is read elsewhere."""
    needed = cast(bindparam(f"{column.name}_claims", type_=String), ARRAY(Text))
    asked = cast(claims, JSONB).has_any(needed)
    return case((asked, column.element), else_=_NONE).label(column.name)


def claim_binds(**claims: frozenset[str]) -> Mapping[str, str]:
    """What `detail_columns` are told: names of claims, as PostgreSQL writes a list."""
    return {f"{name}_claims": "{" + ",".join(sorted(named)) + "}" for name, named in claims.items()}


_ANY = bindparam("person", type_=String)
_SEEN = seen_by(_ANY)
SELF, CARDS, OWN_SUBJECTS = Shape(_itself(_ANY)), Shape(_cards(_SEEN)), Shape(_own_subjects(_ANY))
CHILD_SUBJECTS = Shape(_child_subjects(_SEEN, _ANY))
RECORDS, PLACES, LOGINS = Shape(record_rows(_ANY)), Shape(place_rows(_SEEN)), Shape(login_rows(_ANY))
