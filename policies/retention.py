"""What is kept how long, and why (`retention.toml`): numbers within bounds that no file sets aside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Annotated

from policies.numbers import Faulty, LinkingRules, Misshapen, Read, TableFault, read_table


def _sentence(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Misshapen("a sentence is wanted")
    return value


@dataclass(frozen=True, slots=True)
class Kept:
    """How long after its end a thing is kept, and the reason that a person or an auditor is told (in French)."""

    keep: timedelta
    why: Annotated[str, Read(_sentence)]


def _days(least: float, most: float) -> Callable[[object], Kept]:
    """A reader of `Kept` within bounds, in days."""

    def read(value: object) -> Kept:
        if not isinstance(value, dict):
            raise Misshapen("a table with keep and why is wanted")
        kept = read_table(Kept, value)
        if isinstance(kept, tuple):
            raise Faulty(kept)
        if not timedelta(days=least) <= kept.keep <= timedelta(days=most):
            raise Faulty([TableFault("keep", f"from {least:g} to {most:g} days is wanted")])
        return kept

    return read


@dataclass(frozen=True, slots=True)
class Retention:
    """`retention.toml`, by the names that the purge's rules use.

    Sessions and releases answer the question who saw what: never less than half a year, nor more than the year (three
    with a reason of one's own) that CNIL 2021-122 allows journals.
    """

    consumptions: Annotated[Kept, Read(_days(1 / 24, 30))]
    access_tokens: Annotated[Kept, Read(_days(1 / 1440, 7))]
    outbox: Annotated[Kept, Read(_days(1, 30))]
    guesses: Annotated[Kept, Read(_days(1 / 1440, 7))]
    sessions: Annotated[Kept, Read(_days(180, 1095))]
    releases: Annotated[Kept, Read(_days(180, 1095))]
    unconfirmed_imports: Annotated[Kept, Read(_days(1, 90))]
    import_faults: Annotated[Kept, Read(_days(7, 365))]
    past_facts: Annotated[Kept, Read(_days(180, 1826))]
    lifted_restrictions: Annotated[Kept, Read(_days(365, 1826))]
    retired_records: Annotated[Kept, Read(_days(90, 1826))]
    lifted_standings: Annotated[Kept, Read(_days(365, 1826))]
    registrations: Annotated[Kept, Read(_days(1, 365))]
    codes: Annotated[Kept, Read(_days(30, 365))]
    old_secrets: Annotated[Kept, Read(_days(1 / 24, 30))]
    contact_moves: Annotated[Kept, Read(_days(60, 1095))]
    notices: Annotated[Kept, Read(_days(180, 1095))]
    login_faults: Annotated[Kept, Read(_days(1, 365))]
    past_posts: Annotated[Kept, Read(_days(365, 1826))]
    agent_names: Annotated[Kept, Read(_days(30, 1095))]

    def spans(self, linking: LinkingRules) -> Mapping[str, timedelta]:
        """Every number by its name; how long a merge can be undone is one of the linking rules."""
        own: Mapping[str, Kept] = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: kept.keep for name, kept in own.items()} | {"merge_pre_images": linking.undo_by_academie}
