"""`YoungClasses` in SQL: classes of écoles by their codes, and who is in them today."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, Engine, String, and_, bindparam, insert, or_, select
from sqlalchemy.exc import IntegrityError

from broker.domain.credentials import CredentialKind
from broker.domain.handles import new_class_code
from broker.domain.identity import AccountState, UpstreamProtocol
from broker.domain.people import RecordKind
from broker.domain.school import Level
from broker.domain.young import YoungClass, YoungPupil
from broker.storage.engine import Contended, fetch, transact
from broker.storage.may_see import ATTACHED
from broker.storage.schema import (
    Instant,
    accounts,
    attachments,
    class_codes,
    credentials,
    enrolments,
    records,
    schools,
)
from broker.storage.school_days import begun_somewhere, days, not_over_everywhere

_NOW = bindparam("now", type_=Instant)
_UAI, _LABEL = bindparam("uai", type_=String), bindparam("label", type_=String)

_OF_CODE = (
    select(class_codes.c.code, class_codes.c.uai, class_codes.c.class_code, schools.c.name)
    .join(schools, schools.c.uai == class_codes.c.uai)
    .where(
        class_codes.c.code == bindparam("code", type_=String),
        class_codes.c.until.is_(None),
        schools.c.level == Level.ECOLE.value,
    )
)
_CODE_OF = select(class_codes.c.code).where(
    class_codes.c.uai == _UAI, class_codes.c.class_code == _LABEL, class_codes.c.until.is_(None)
)
_opened = (
    select(accounts.c.person_id, accounts.c.id.label("account_id"))
    .join(credentials, credentials.c.account_id == accounts.c.id)
    .where(
        accounts.c.protocol == UpstreamProtocol.OWN.value,
        accounts.c.state == AccountState.LINKED.value,
        credentials.c.kind == CredentialKind.PICTURES.value,
        credentials.c.until.is_(None),
    )
    .subquery()
)
_PUPILS = (
    select(attachments.c.person_id, records.c.given_name, records.c.family_name, _opened.c.account_id)
    .select_from(
        enrolments.join(records, records.c.id == enrolments.c.record_id)
        .join(attachments, attachments.c.record_id == records.c.id)
        .outerjoin(_opened, _opened.c.person_id == attachments.c.person_id)
    )
    .where(
        enrolments.c.uai == _UAI,
        enrolments.c.class_label == _LABEL,
        or_(enrolments.c.until.is_(None), enrolments.c.until > _NOW),
        and_(begun_somewhere(), not_over_everywhere()),
        records.c.kind == RecordKind.PUPIL.value,
        records.c.retired_at.is_(None),
        attachments.c.state == ATTACHED,
    )
    .order_by(records.c.given_name, records.c.family_name, attachments.c.person_id)
)


class SqlYoungClasses:
    """`YoungClasses` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def find(self, code: str) -> YoungClass | None:
        """See `YoungClasses.find`."""
        rows = fetch(self._engine, _OF_CODE, {"code": code})
        return YoungClass(rows[0].code, rows[0].uai, rows[0].name, rows[0].class_code) if rows else None

    def pupils(self, found: YoungClass, *, now: datetime) -> tuple[YoungPupil, ...]:
        """See `YoungClasses.pupils`. Whom two feeds put into the class stands there once."""
        rows = fetch(self._engine, _PUPILS, {"uai": found.uai, "label": found.label, "now": now, **days(now)})
        each = {row.person_id: row for row in rows}
        return tuple(
            YoungPupil(row.person_id, row.given_name, row.family_name, row.account_id or "") for row in each.values()
        )

    def code_of(self, uai: str, label: str, *, now: datetime) -> str:
        """See `YoungClasses.code_of`."""
        return transact(self._engine, lambda conn: _code_of(conn, uai, label, now=now))


def _code_of(conn: Connection, uai: str, label: str, *, now: datetime) -> str:
    known = conn.execute(_CODE_OF, {"uai": uai, "label": label}).scalar()
    if known is not None:
        return str(known)
    code = new_class_code()
    try:
        conn.execute(insert(class_codes), [{"code": code, "uai": uai, "class_code": label, "since": now}])
    except IntegrityError:
        raise Contended("the code is another class's") from None
    return code
