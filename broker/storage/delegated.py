"""Whether a post that a head gave counts: while who gave it may give it, and who holds it works at the school.

Neither has to sign in for it to end: somebody who left the school does not, and a source is asked at a login alone. So
it is asked of the feed and of the giver's own posts each time the post is read, and nothing has to be swept.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, String, and_, bindparam, exists, or_, select

from broker.domain.desk import DeskProfile, HeldPost, PostOrigin
from broker.domain.identity import AccountState
from broker.domain.names import words_of, words_of_each
from broker.domain.people import RecordKind
from broker.domain.standings import StandingKind, StandingState
from broker.storage.engine import fetch
from broker.storage.lineage import downwards
from broker.storage.may_see import stands
from broker.storage.schema import Instant, accounts, desk_posts, records, schools, staff_posts, standings

_UAI, _NOW = bindparam("uai", type_=String), bindparam("now", type_=Instant)
_GIVERS = (DeskProfile.CHEF.value, DeskProfile.ACADEMIE.value)
_WHO = select(accounts.c.person_id, accounts.c.said_name, accounts.c.source_id, accounts.c.state).where(
    accounts.c.id == bindparam("account", type_=String)
)
STAFF = (
    select(records.c.family_name, records.c.given_name, records.c.civility)
    .join(staff_posts, and_(staff_posts.c.record_id == records.c.id, stands(staff_posts, _NOW)))
    .where(
        staff_posts.c.uai == _UAI,
        records.c.kind == RecordKind.STAFF.value,
        or_(records.c.retired_at.is_(None), records.c.retired_at > _NOW),
    )
    .distinct()
    .order_by(records.c.family_name, records.c.given_name)
)
"""Who works at a school, as the feed said it of a moment."""
_MAY_GIVE = select(desk_posts.c.id).where(
    desk_posts.c.account_id == bindparam("account", type_=String),
    desk_posts.c.origin != PostOrigin.HEAD.value,
    desk_posts.c.profile.in_(_GIVERS),
    desk_posts.c.ended_at.is_(None),
    or_(desk_posts.c.until.is_(None), desk_posts.c.until > _NOW),
    or_(
        desk_posts.c.uai == _UAI,
        exists().where(schools.c.uai == _UAI, schools.c.academie == desk_posts.c.academie, schools.c.academie != ""),
    ),
)

_PERSON, _LINK, _SOURCE = StandingKind.PERSON.value, StandingKind.LINK.value, StandingKind.SOURCE.value
_CLOSED = select(standings.c.id).where(
    standings.c.state == StandingState.SUSPENDED.value,
    standings.c.until.is_(None),
    or_(
        and_(standings.c.kind == _LINK, standings.c.subject == bindparam("account", type_=String)),
        and_(standings.c.kind == _SOURCE, standings.c.subject == bindparam("source", type_=String)),
        and_(standings.c.kind == _PERSON, standings.c.subject.in_(downwards())),
    ),
)


def counts(engine: Engine, held: HeldPost, *, now: datetime) -> bool:
    """Whether a post that stands counts: one that no head gave does."""
    if held.origin is not PostOrigin.HEAD:
        return True
    here = _staff(engine, held.post.uai, now)
    holder = fetch(engine, _WHO, {"account": held.account_id})
    return bool(holder) and _name(holder[0]) in here and _may_give(engine, held, here, now=now)


def _may_give(engine: Engine, held: HeldPost, here: frozenset[frozenset[str]], *, now: datetime) -> bool:
    """Whether the giver still is what they were: a head whom the feed did not name then is not held to it."""
    giver = fetch(engine, _WHO, {"account": held.giver})
    if not giver or not fetch(engine, _MAY_GIVE, {"account": held.giver, "uai": held.post.uai, "now": now}):
        return False
    name = _name(giver[0])
    left = name not in here and name in _staff(engine, held.post.uai, held.since)
    return not left and not _is_closed(engine, held.giver, giver[0])


def _is_closed(engine: Engine, account: str, row: Row[Any]) -> bool:
    """Whether an account signs in no more: its link undone, or closed, as its source or its person may be."""
    binds = {"account": account, "person": row.person_id, "source": row.source_id}
    return row.state != AccountState.LINKED.value or bool(fetch(engine, _CLOSED, binds))


def _name(row: Row[Any]) -> frozenset[str]:
    return words_of(row.said_name or "")


def _staff(engine: Engine, uai: str, moment: datetime) -> frozenset[frozenset[str]]:
    """Who worked at a school at a moment."""
    rows = fetch(engine, STAFF, {"uai": uai, "now": moment})
    return words_of_each(f"{row.given_name} {row.family_name}" for row in rows)
