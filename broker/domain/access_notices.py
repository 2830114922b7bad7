"""What a person is told happened to their access: in the portal, and by every channel that the school knows of them.

Written in the transaction of the act they tell of. They name what was done and by whom in general (a school, oneself),
never anything about a child, never a secret (ux §2.11, LR-18).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class NoticeKind(StrEnum):
    """What is told, each with its words in `notify` and in the portal."""

    SECRET_SET = "secret_set"  # noqa: S105 - an event
    LETTER_ISSUED = "letter_issued"
    WINDOW_OPENED = "window_opened"
    CODE_TEXTED = "code_texted"
    FAMILY_WINDOW_OPENED = "family_window_opened"
    CODE_SENT = "code_sent"
    WAIT_LIFTED = "wait_lifted"
    ACCESS_CLOSED = "access_closed"
    ACCESS_REOPENED = "access_reopened"
    CONTACT_ASKED = "contact_asked"
    CONTACT_CHANGED = "contact_changed"
    FACTOR_ADDED = "factor_added"
    FACTOR_REMOVED = "factor_removed"
    LINK_CREATED = "link_created"
    LINK_UNDONE = "link_undone"
    CONTAINED = "contained"
    POST_GIVEN = "post_given"
    POST_ENDED = "post_ended"


@dataclass(frozen=True, slots=True)
class AccessNotice:
    """One thing told to one person. `told`: plain values for its words (a school, a date, an end of a number)."""

    person_id: str
    kind: NoticeKind
    at: datetime
    told: dict[str, str] = field(default_factory=dict)
    trace: str = ""
