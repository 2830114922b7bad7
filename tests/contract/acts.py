"""Acts for tests: opening a session with or without a link, undoing a link; and the export that undo must restore."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, select

from broker.domain.acts import OpenSession, UndoLink
from broker.domain.audit import Action, AuditEvent
from broker.domain.handles import Id, digest, new_id
from broker.domain.identity import (
    AccountKey,
    AuthnContext,
    Evidence,
    EvidenceKind,
    LinkProof,
    UpstreamProtocol,
)
from broker.domain.sessions import Device, Session
from broker.storage import schema
from tests.builders import NOW

UNDO_FOR = timedelta(days=30)


def key(subject: str = "camille", *, issuer: str = "https://educonnect.example") -> AccountKey:
    """An upstream account's key."""
    return AccountKey(UpstreamProtocol.OIDC, issuer, "public", subject)


def proof(
    person: str,
    *absorbed: str,
    subject: str = "camille",
    records: tuple[str, ...] = (),
    at: datetime = NOW,
) -> LinkProof:
    """A proof that names records, links one account to a person and joins others to it."""
    evidence = Evidence(
        EvidenceKind.REFERENCE, "source:educonnect", at, {"source": "educonnect", "records": ",".join(records)}
    )
    return LinkProof(key(subject), person, absorbed, evidence)


def opening(
    person: str,
    account: str = "",
    *,
    link: LinkProof | None = None,
    consume: str = "",
    replaces: str | None = None,
    at: datetime = NOW,
) -> OpenSession:
    """A login of a person: by a known account, or by one that `link` links."""
    sid = new_id(Id.SESSION)
    session = Session(
        sid=sid,
        handle_digest=digest(sid),
        person_id=person,
        account_id=account or new_id(Id.ACCOUNT),
        authn=AuthnContext(acr="eidas1", amr=("pwd",), auth_time=at, authority="educonnect"),
        device=Device.SHARED,
        opened_at=at,
        idle_until=at + timedelta(minutes=20),
        ends_at=at + timedelta(hours=12),
    )
    event = AuditEvent(tenant="99", at=at, action=Action.SIGN_IN, actor=person, subject=person)
    return OpenSession(session, "educonnect", digest(consume or sid), link, replaces, (event,))


def undoing(account: str, person: str, *, at: datetime = NOW) -> UndoLink:
    """An undo by the person, within the usual time."""
    event = AuditEvent(tenant="99", at=at, action=Action.LINK_UNDONE, actor=person, subject=person)
    return UndoLink(account, person, at, at - UNDO_FOR, (event,))


def again(act: OpenSession) -> OpenSession:
    """The same upstream answer, presented by another browser."""
    sid = new_id(Id.SESSION)
    return replace(act, session=replace(act.session, sid=sid, handle_digest=digest(sid)))


ABOUT_PEOPLE = ("persons", "records", "attachments", "guardianships", "restrictions", "enrolments", "accounts",
                "subjects", "sessions", "grants")  # fmt: skip


def export(engine: Engine, *, without: tuple[str, ...] = ()) -> dict[str, list[tuple[Any, ...]]]:
    """Every row about people, in a fixed order; rows whose first column is in `without` are left out."""
    with engine.connect() as conn:
        return {
            name: sorted(
                tuple(str(value) for value in row)
                for row in conn.execute(select(schema.metadata.tables[name]))
                if row[0] not in without
            )
            for name in ABOUT_PEOPLE
        }
