"""Numbers and addresses, compared whatever way they are written, and what a feed changed of them."""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from broker.domain.credentials import ContactKind
from broker.domain.people import RecordKind
from broker.domain.quality import MOBILE

_INTERNATIONAL = re.compile(r"\+[1-9]\d{7,14}")


class ContactMove(NamedTuple):
    """What a feed changed of one record: `was` and `value` as `reachable_at` writes them; empty: none."""

    record_id: str
    kind: str
    was: str
    value: str


def read_mobile(typed: str) -> str:
    """The number that was typed, in E.164; a French one may be written as one says it. Empty when it cannot be one."""
    plain = re.sub(r"[\s().\u00a0\u202f-]", "", typed)
    plain = re.sub(r"^00", "+", plain)
    plain = re.sub(r"^0(?=[67]\d{8}$)", "+33", plain)
    plain = re.sub(r"^\+330(?=[67])", "+33", plain)
    return plain if _INTERNATIONAL.fullmatch(plain) else ""


def reachable_at(kind: ContactKind, told: str) -> str:
    """A record's number or address in the one way that two spellings of it share; empty: nobody is reached by it."""
    if kind is ContactKind.MAIL:
        return told.strip().lower()
    number = read_mobile(told)
    return number if MOBILE.fullmatch(number) else ""


def contacts_in(content: str, *, kind: RecordKind) -> dict[ContactKind, str]:
    """Where a record's text has its person reached. A mobile on a pupil's may be a parent's: it is nobody's channel."""
    told = json.loads(content) if content else {}
    mobile = told.get("mobile", "") if kind is RecordKind.GUARDIAN else ""
    return {
        ContactKind.MOBILE: reachable_at(ContactKind.MOBILE, mobile),
        ContactKind.MAIL: reachable_at(ContactKind.MAIL, told.get("mail", "")),
    }
