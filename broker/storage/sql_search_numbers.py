"""Who a number is of: a whole telephone number, a letter, a sign-in's trace. Asked by exact value, never by a part."""

from __future__ import annotations

from sqlalchemy import Connection, select

from broker.domain.audit import Action
from broker.domain.credentials import CodeKind
from broker.domain.search import mobile_key
from broker.storage.lineage import owner
from broker.storage.may_see import ATTACHED
from broker.storage.schema import attachments, audit_events, codes, records, search_keys

_FEW = 20


def persons_of_mobile(conn: Connection, number: str) -> tuple[str, ...]:
    """The persons whose live records bear this number."""
    query = (
        select(attachments.c.person_id)
        .join(search_keys, search_keys.c.record_id == attachments.c.record_id)
        .join(records, records.c.id == attachments.c.record_id)
        .where(
            search_keys.c.key == mobile_key(number),
            search_keys.c.key >= "m:",
            search_keys.c.key < "m;",  # as the index's own condition says it
            attachments.c.state == ATTACHED,
            records.c.retired_at.is_(None),
        )
        .distinct()
        .order_by(attachments.c.person_id)
        .limit(_FEW)
    )
    return tuple(conn.scalars(query))


def persons_of_letter(conn: Connection, locator: str) -> tuple[str, ...]:
    """The person that the letter of this number was made for, the live one or the last that bore it."""
    if not locator:
        return ()
    query = (
        select(codes.c.person_id)
        .where(codes.c.kind == CodeKind.LETTER.value, codes.c.locator == locator)
        .where(codes.c.used_at.is_(None), codes.c.ended_at.is_(None))
    )
    return tuple(owner(conn, person_id) for person_id in conn.scalars(query))


def persons_of_trace(conn: Connection, trace: str) -> tuple[str, ...]:
    """The person who signed in under this trace number."""
    if not trace:
        return ()
    query = select(audit_events.c.subject).where(
        audit_events.c.trace == trace, audit_events.c.action == Action.SIGN_IN.value
    )
    return tuple(owner(conn, person_id) for person_id in conn.scalars(query.limit(1)))
