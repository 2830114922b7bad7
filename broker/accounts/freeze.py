"""« Ce n'est pas moi »: whoever finds that somebody else used their access closes it at once, proving nothing more.

LR-18: no proof beyond the session, or beyond the letter whose code was used by somebody else. Everything that this
person had open ends everywhere; the login that was used is closed, or the whole access; only the desk reopens it.
A thief of a session can do no more with it than this: nothing here lets anybody in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broker.domain.access_notices import AccessNotice, NoticeKind
from broker.domain.audit import Action, AuditEvent
from broker.domain.places import Freeze
from broker.domain.ports import Places

REASON = "not_me"
"""Why the login or the person is closed, as the desk reads it."""


@dataclass(frozen=True, slots=True)
class NotMe:
    """Somebody says that it was not them. `actor`: the person, by their session; or `code:…`, by a letter of theirs.

    `account_id`: the login that was used; empty when none is known, and everything is closed.
    """

    person_id: str
    actor: str
    account_id: str
    tenant: str
    trace: str
    now: datetime


def freeze(places: Places, said: NotMe) -> None:
    """Close at once what somebody else used. Raises `NoSuchSubject` for a login that is not this person's."""
    closed = "login" if said.account_id else "person"
    event = AuditEvent(
        tenant=said.tenant,
        at=said.now,
        action=Action.ACCESS_CLOSED,
        actor=said.actor,
        subject=said.person_id,
        trace=said.trace,
        detail={"why": REASON, "closed": closed, "account": said.account_id},
    )
    told = AccessNotice(said.person_id, NoticeKind.ACCESS_CLOSED, said.now, {"closed": closed}, said.trace)
    places.freeze(Freeze(said.person_id, said.account_id, said.tenant, REASON, said.now, event, told))
