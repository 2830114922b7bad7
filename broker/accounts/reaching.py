"""How a person can be reached, as they see and change it themselves: what the school knows, what they gave, what waits.

A change counts after `contact_hold`, and the old and the new channel are told at once: whoever took over a session must
not take over the person (LR-13).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime

from broker.domain.access_notices import AccessNotice, NoticeKind
from broker.domain.audit import Action, AuditEvent
from broker.domain.contacts import read_mobile
from broker.domain.credential_acts import AskContact
from broker.domain.credentials import Contact, ContactKind
from broker.domain.handles import Id, new_id
from broker.domain.notices import Channel
from broker.domain.ports import Contacts
from broker.domain.ports.notify import Channels
from policies import CodeTable

_MAIL = re.compile(r"[^@\s\x00-\x1f<>\",;:\\()\[\]]{1,64}@[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?\.[a-z]{2,24}")
_SHOWN = 2


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks for another channel, by which act."""

    person_id: str
    tenant: str
    trace: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Means:
    """What a page shows: channels that count now, hidden but for their ends; what was asked for and still waits.

    `said`: what a school put in place of another number or address, and waits as well.
    """

    channels: tuple[Channel, ...]
    held: tuple[Contact, ...]
    said: tuple[Channel, ...] = ()


@dataclass(frozen=True, slots=True)
class Reaching:
    """Reads and changes how persons are reached."""

    contacts: Contacts
    channels: Channels

    def of_person(self, person_id: str, *, now: datetime) -> Means:
        """The means of a person; whoever looks at the screen reads no whole number and no whole address."""
        reached = self.channels.reached(person_id, now=now)
        held = [each for each in self.contacts.of_person(person_id) if each.holds_until > now]
        asked = {Channel(each.kind, each.value) for each in held}
        return Means(
            tuple(Channel(each.kind, masked(each)) for each in reached.channels),
            tuple(replace(each, value=masked(Channel(each.kind, each.value))) for each in held),
            tuple(Channel(each.kind, masked(each)) for each in reached.held if each not in asked),
        )

    def ask(self, asking: Asking, channel: Channel, table: CodeTable) -> None:
        """Hold a new number or address; the old and the new one are told."""
        now = asking.now
        contact = Contact(new_id(Id.CONTACT), channel.kind, channel.to, now, now + table.contact_hold)
        detail = {"contact": contact.contact_id, "kind": channel.kind.value}
        event = AuditEvent(
            asking.tenant, now, Action.CONTACT_ASKED, asking.person_id, subject=asking.person_id, trace=asking.trace,
            detail=detail,
        )  # fmt: skip
        told = AccessNotice(asking.person_id, NoticeKind.CONTACT_ASKED, now, {"kind": channel.kind.value}, asking.trace)
        self.contacts.ask(AskContact(asking.person_id, contact, event, told))


def read_channel(kind: str, typed: str) -> Channel | None:
    """The number or address that was typed; None when it cannot be one."""
    if kind == ContactKind.MOBILE:
        number = read_mobile(typed)
        return Channel(ContactKind.MOBILE, number) if number else None
    address = typed.strip().lower()
    return Channel(ContactKind.MAIL, address) if kind == ContactKind.MAIL and _MAIL.fullmatch(address) else None


def masked(channel: Channel) -> str:
    """The end of a number, the beginning of an address: enough to know one's own."""
    if channel.kind is ContactKind.MOBILE:
        return f"•• •• {channel.to[-_SHOWN:]}"
    name, _, domain = channel.to.partition("@")
    return f"{name[:_SHOWN]}•••@{domain}"
