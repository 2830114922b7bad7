"""May this one come in? What an administrator closed, asked in the very transaction that would open a session."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, String, and_, bindparam, or_, select

from broker.domain.errors import LinkSuspended, PersonSuspended, SignInError, SourceSuspended
from broker.domain.standings import StandingKind, StandingState
from broker.storage.lineage import downwards
from broker.storage.schema import standings


@dataclass(frozen=True, slots=True)
class Entrant:
    """Who would come in, by which account, through which source. `person_id` is the living person."""

    person_id: str
    account_id: str
    source_id: str


_CLOSED = (
    select(standings.c.kind)
    .where(
        standings.c.state == StandingState.SUSPENDED.value,
        standings.c.until.is_(None),
        or_(
            and_(
                standings.c.kind == StandingKind.PERSON.value,
                standings.c.subject.in_(downwards()),
            ),
            and_(
                standings.c.kind == StandingKind.LINK.value,
                standings.c.subject == bindparam("account", type_=String),
            ),
            and_(
                standings.c.kind == StandingKind.SOURCE.value,
                standings.c.subject == bindparam("source", type_=String),
            ),
        ),
    )
    .distinct()
)

_ERRORS: tuple[tuple[StandingKind, type[SignInError]], ...] = (
    (StandingKind.PERSON, PersonSuspended),
    (StandingKind.LINK, LinkSuspended),
    (StandingKind.SOURCE, SourceSuspended),
)
"""The strictest first: whoever is closed as a person is not told to try another login."""


def check_standings(conn: Connection, entrant: Entrant) -> None:
    """Refuse whom something closes that stands now, the persons merged into this one included.

    Asked after the session's row is written and under the person's lock: whoever suspends holds the same lock (for a
    source, that of the table), so that none of the two acts can miss the other.
    """
    binds = {"person": entrant.person_id, "account": entrant.account_id, "source": entrant.source_id}
    closed = set(conn.execute(_CLOSED, binds).scalars())
    for kind, error in _ERRORS:
        if kind.value in closed:
            raise error(f"{kind.value} is suspended")
