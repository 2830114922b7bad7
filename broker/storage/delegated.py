"""Whether a post that a head gave counts: while who gave it may give it, and who holds it works at the school.

Neither has to sign in for it to end: somebody who left the school does not, and a source is asked at a login alone. So
it is asked of the feed and of the giver's own posts each time the post is read, and nothing has to be swept.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, String, and_, bindparam, exists, or_, select

from broker.domain.desk import DeskProfile, HeldPost, PostOrigin
from broker.domain.names import words_of
from broker.domain.people import RecordKind
from broker.domain.standings import StandingKind, StandingState
from broker.storage.engine import fetch
from broker.storage.lineage import downwards
from broker.storage.may_see import stands
from broker.storage.schema import Instant, accounts, desk_posts, records, schools, staff_posts, standings

_UAI, _NOW = bindparam("uai", type_=String), bindparam("now", type_=Instant)
_GIVERS = (DeskProfile.CHEF.value, DeskProfile.ACADEMIE.value)
_WORKS = and_(records.c.retired_at.is_(None), stands(staff_posts, _NOW))
_WHO = select(accounts.c.person_id, accounts.c.said_name).where(accounts.c.id == bindparam("account", type_=String))


def _staff(*which: ColumnElement[bool]) -> Select[Any]:
    return (
        select(records.c.family_name, records.c.given_name, records.c.civility)
        .join(staff_posts, staff_posts.c.record_id == records.c.id)
        .where(staff_posts.c.uai == _UAI, records.c.kind == RecordKind.STAFF.value, *which)
        .distinct()
        .order_by(records.c.family_name, records.c.given_name)
    )


STAFF = _staff(_WORKS)
"""Who works at a school now."""
_EVER = _staff()
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

_NAMELESS = words_of("")
_PERSON, _LINK = StandingKind.PERSON.value, StandingKind.LINK.value
_CLOSED = select(standings.c.id).where(
    standings.c.state == StandingState.SUSPENDED.value,
    standings.c.until.is_(None),
    or_(
        and_(standings.c.kind == _LINK, standings.c.subject == bindparam("account", type_=String)),
        and_(standings.c.kind == _PERSON, standings.c.subject == bindparam("person", type_=String)),
        and_(standings.c.kind == _PERSON, standings.c.subject.in_(downwards())),
    ),
)


def counts(engine: Engine, held: HeldPost, *, now: datetime) -> bool:
    """Whether a post that stands counts: one that no head gave does."""
    if held.origin is not PostOrigin.HEAD:
        return True
    here = _names(engine, STAFF, held.post.uai, now) - {_NAMELESS}
    return _name(engine, held.account_id) in here and _may_give(engine, held.giver, held.post.uai, here, now=now)


def _may_give(engine: Engine, account: str, uai: str, here: set[frozenset[str]], *, now: datetime) -> bool:
    """Whether the giver still is what they were: a head whom the feed never named is not held to it."""
    if not fetch(engine, _MAY_GIVE, {"account": account, "uai": uai, "now": now}):
        return False
    name = _name(engine, account)
    left = name not in here and name in _names(engine, _EVER, uai, now)
    return not left and not _is_closed(engine, account)


def _is_closed(engine: Engine, account: str) -> bool:
    (row,) = fetch(engine, _WHO, {"account": account})
    return bool(fetch(engine, _CLOSED, {"account": account, "person": row.person_id}))


def _name(engine: Engine, account: str) -> frozenset[str]:
    rows = fetch(engine, _WHO, {"account": account})
    return words_of((rows[0].said_name or "") if rows else "")


def _names(engine: Engine, staff: Select[Any], uai: str, now: datetime) -> set[frozenset[str]]:
    rows = fetch(engine, staff, {"uai": uai, "now": now} if staff is STAFF else {"uai": uai})
    return {words_of(f"{row.given_name} {row.family_name}") for row in rows}
