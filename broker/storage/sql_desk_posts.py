"""`DeskPosts` in SQL, and what a source says of an agent, written in the login that says it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, String, bindparam, insert, or_, select, update

from broker.domain.audit import Action, AuditEvent
from broker.domain.desk import DeskProfile, DeskSchool, EndPost, GrantPost, HeldPost, PostOrigin, SaidPost
from broker.domain.errors import NoSuchSubject
from broker.domain.handles import Id, new_id
from broker.storage.delegated import counts
from broker.storage.engine import fetch, transact
from broker.storage.schema import Instant, accounts, desk_posts, schools
from broker.storage.trail import insert_audit, insert_notices

_MOST_NAME = 128

_NOW = bindparam("now", type_=Instant)
_STANDS = (desk_posts.c.ended_at.is_(None), or_(desk_posts.c.until.is_(None), desk_posts.c.until > _NOW))
_OF_ACCOUNT = (
    select(desk_posts)
    .where(desk_posts.c.account_id == bindparam("account", type_=String), *_STANDS)
    .order_by(desk_posts.c.profile, desk_posts.c.uai, desk_posts.c.id)
)
_STANDING = select(desk_posts).where(*_STANDS).order_by(desk_posts.c.account_id, desk_posts.c.profile, desk_posts.c.uai)
_PLACES = (
    select(schools.c.uai, schools.c.name)
    .where(
        schools.c.retired_at.is_(None),
        or_(
            schools.c.uai.in_(bindparam("uais", type_=String, expanding=True)),
            schools.c.academie.in_(bindparam("academies", type_=String, expanding=True)),
        ),
    )
    .order_by(schools.c.name, schools.c.uai)
)


class SqlDeskPosts:
    """`DeskPosts` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of_account(self, account_id: str, *, now: datetime) -> tuple[HeldPost, ...]:
        """See `DeskPosts.of_account`."""
        rows = fetch(self._engine, _OF_ACCOUNT, {"account": account_id, "now": now})
        return tuple(each for each in map(held_post, rows) if counts(self._engine, each, now=now))

    def standing(self, *, now: datetime) -> tuple[HeldPost, ...]:
        """See `DeskPosts.standing`."""
        rows = fetch(self._engine, _STANDING, {"now": now})
        return tuple(each for each in map(held_post, rows) if counts(self._engine, each, now=now))

    def accounts(self, source_id: str, subject: str) -> tuple[str, ...]:
        """See `DeskPosts.accounts`."""
        which = (accounts.c.source_id == source_id, accounts.c.subject == subject)
        return tuple(row.id for row in fetch(self._engine, select(accounts.c.id).where(*which), {}))

    def places(self, posts: Sequence[HeldPost]) -> tuple[DeskSchool, ...]:
        """See `DeskPosts.places`. An empty académie covers nothing, not the schools of which none is known."""
        binds = {
            "uais": sorted({each.post.uai for each in posts} - {""}),
            "academies": sorted({each.post.academie for each in posts} - {""}),
        }
        return tuple(DeskSchool(row.uai, row.name) for row in fetch(self._engine, _PLACES, binds))

    def grant(self, act: GrantPost) -> None:
        """See `DeskPosts.grant`."""
        transact(self._engine, lambda conn: _grant(conn, act))

    def end(self, act: EndPost) -> bool:
        """See `DeskPosts.end`."""
        return transact(self._engine, lambda conn: _end_one(conn, act))


@dataclass(frozen=True, slots=True)
class Said:
    """What a source says of an agent at a login."""

    name: str
    posts: tuple[SaidPost, ...]


def write_said(conn: Connection, account_id: str, said: Said, event: AuditEvent) -> None:
    """Make what the source says the whole of what it said: a post that it no longer names ends with this login."""
    named = update(accounts).where(accounts.c.id == account_id)
    conn.execute(named.values(said_name=said.name[:_MOST_NAME]))
    own = (desk_posts.c.account_id == account_id, desk_posts.c.origin == PostOrigin.SOURCE.value)
    held = conn.execute(select(desk_posts).where(*own, desk_posts.c.ended_at.is_(None))).fetchall()
    known = {_said(row): row.id for row in held}
    wanted = dict.fromkeys(said.posts)
    gone = [(post, post_id) for post, post_id in known.items() if post not in wanted]
    fresh = [post for post in wanted if post not in known]
    _end(conn, desk_posts.c.id.in_([post_id for _, post_id in gone]), now=event.at)
    for post in fresh:
        held_post = HeldPost(new_id(Id.DESK_POST), account_id, post, PostOrigin.SOURCE, event.actor, event.at)
        conn.execute(insert(desk_posts), [_row(held_post)])
    insert_audit(conn, [_event(event, Action.POST_ENDED, account_id, post) for post, _ in gone])
    insert_audit(conn, [_event(event, Action.POST_GIVEN, account_id, post) for post in fresh])


def _grant(conn: Connection, act: GrantPost) -> None:
    if conn.execute(select(accounts.c.id).where(accounts.c.id == act.account_id)).first() is None:
        raise NoSuchSubject("no such account")
    uai = act.post.uai
    if uai and conn.execute(select(schools.c.uai).where(schools.c.uai == uai)).first() is None:
        raise NoSuchSubject("no such school")
    held = HeldPost(act.post_id, act.account_id, act.post, act.origin, act.audit.actor, act.now, act.giver)
    conn.execute(insert(desk_posts), [_row(held)])
    insert_audit(conn, (act.audit,))
    insert_notices(conn, act.notices)


def _end_one(conn: Connection, act: EndPost) -> bool:
    ended = _end(conn, desk_posts.c.id == act.post_id, now=act.now)
    if ended:
        insert_audit(conn, (act.audit,))
        insert_notices(conn, act.notices)
    return bool(ended)


def _end(conn: Connection, which: ColumnElement[bool], *, now: datetime) -> list[Any]:
    ending = update(desk_posts).where(which, desk_posts.c.ended_at.is_(None)).values(ended_at=now)
    return list(conn.execute(ending.returning(desk_posts.c.id)).scalars())


def _event(event: AuditEvent, action: Action, account_id: str, post: SaidPost) -> AuditEvent:
    told: Iterable[tuple[str, str]] = (("profile", post.profile.value), ("uai", post.uai), ("academie", post.academie))
    return replace(event, action=action, detail={"account": account_id, **dict(told)})


def held_post(row: Row[Any]) -> HeldPost:
    """The post of a row."""
    return HeldPost(row.id, row.account_id, _said(row), PostOrigin(row.origin), row.actor, row.since, row.giver)


def _said(row: Row[Any]) -> SaidPost:
    return SaidPost(DeskProfile(row.profile), row.uai, row.academie, row.until)


def _row(held: HeldPost) -> dict[str, object]:
    return {
        "id": held.post_id, "account_id": held.account_id, "profile": held.post.profile.value, "uai": held.post.uai,
        "academie": held.post.academie, "origin": held.origin.value, "actor": held.actor, "since": held.since,
        "until": held.post.until, "giver": held.giver,
    }  # fmt: skip
