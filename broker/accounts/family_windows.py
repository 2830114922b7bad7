"""A window of ten minutes that a parent opens for a child: the child's own screen shows a number, the parent types it.

No secret passes the parent, and none is seen: what the child says there is their birth date, as in a window that a
teacher opened (ux §1.2). Who may act for the child is asked of the very query that shows the child's card.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broker.accounts.screens import window_for
from broker.domain.access_notices import AccessNotice, NoticeKind
from broker.domain.audit import Action, AuditEvent
from broker.domain.credential_acts import IssueCodes
from broker.domain.people import ChildCard
from broker.domain.ports import Codes
from broker.domain.school import Level
from policies import CodeTable

HELPED_BY_PARENTS = frozenset({Level.ECOLE, Level.COLLEGE})
"""At lycée a pupil may be of age: the school helps them, not their parents (ux §2.5)."""


@dataclass(frozen=True, slots=True)
class ForChild:
    """A parent opens a window for a child whose card says that they may act, at the screen that `bound` names."""

    adult_id: str
    card: ChildCard
    bound: str
    tenant: str
    trace: str
    now: datetime


def may_open(card: ChildCard) -> bool:
    """Tell whether the adult who is shown this card may open a window for the child."""
    return card.may_act and not card.by_mandate and card.level in HELPED_BY_PARENTS


def open_for_child(codes: Codes, asked: ForChild, table: CodeTable) -> bool:
    """Open it, and tell both. A window of before ends by it. False: the screen has a window for somebody else."""
    child_id, now = asked.card.child_id, asked.now
    code = window_for(child_id, asked.card.uai, asked.bound, table, now=now)
    event = AuditEvent(
        tenant=asked.tenant,
        at=now,
        action=Action.WINDOW_OPENED,
        actor=asked.adult_id,
        subject=child_id,
        trace=asked.trace,
        detail={"code": code.code_id, "by": "guardian"},
    )
    told = tuple(
        AccessNotice(person_id, NoticeKind.FAMILY_WINDOW_OPENED, now, {"uai": asked.card.uai}, asked.trace)
        for person_id in (child_id, asked.adult_id)
    )
    return not codes.issue(IssueCodes((code,), asked.adult_id, "", (event,), told))
