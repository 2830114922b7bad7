"""Six digits by SMS, to a number that the school knows and never to one that is only typed (LR-13).

Looking the number up, drawing and sending happen behind the answer that the browser gets, in a few threads of their
own: whether the number is anybody's shows neither in the words nor in the time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from threading import BoundedSemaphore

from broker.accounts.activation import MOST_HOLDERS, OwnSource, bound_of
from broker.accounts.hashing import Hashing
from broker.domain.access_notices import AccessNotice, NoticeKind
from broker.domain.audit import Action, AuditEvent
from broker.domain.credential_acts import IssueCodes
from broker.domain.credentials import Code, CodeKind, ContactKind, new_digits
from broker.domain.errors import PreauError
from broker.domain.handles import Id, new_id
from broker.domain.notices import Channel, MessageUnsent, Reached
from broker.domain.ports import Codes, Contacts
from broker.domain.ports.notify import Channels, CodeSender
from broker.domain.ports.search import Search
from policies import CodeTable

log = logging.getLogger(__name__)

_THREADS = 2
_WAITING = 64


@dataclass(frozen=True, slots=True)
class CodeAsked:
    """A code was asked for: to which number (E.164), for which login in progress (by digest), in which language."""

    number: str
    bound: str
    language: str
    trace: str
    now: datetime


@dataclass(frozen=True, slots=True)
class ShortCodes:
    """Draws short codes and has them sent. `sender` is None where no gateway is set up: then nothing goes out."""

    source: OwnSource
    contacts: Contacts
    search: Search
    channels: Channels
    codes: Codes
    hashing: Hashing
    sender: CodeSender | None

    def send(self, asked: CodeAsked, table: CodeTable) -> bool:
        """Send a code where the number is somebody's and was for long enough; tells whether it went out.

        Whoever changed a number or an address within `contact_hold`, or has such a change held, gets none: who took
        over a channel must not use it while its owner may still object. One code goes to all holders of a number.
        """
        holders = self._holders(asked, table)
        if not 1 <= len(holders) <= MOST_HOLDERS or self.sender is None:
            return False
        digits = new_digits()
        self.codes.issue(self._act(asked, sorted(holders), self.hashing.hash_in_turn(digits), table))
        uai = next((uai for reached in holders.values() for uai in reached.uais), "")
        try:
            to = Channel(ContactKind.MOBILE, asked.number)
            self.sender.send(to, digits, lasts=table.short_life, language=asked.language, uai=uai)
        except (PreauError, MessageUnsent) as fault:
            log.warning("a short code was not sent: %s trace=%s", type(fault).__name__, asked.trace)
            return False
        return True

    def _holders(self, asked: CodeAsked, table: CodeTable) -> dict[str, Reached]:
        given = self.contacts.holders(ContactKind.MOBILE, asked.number, now=asked.now)
        found: dict[str, Reached] = {}
        for person_id in {*given, *self.search.by_mobile(asked.number)}:
            reached = self.channels.reached(person_id, now=asked.now)
            known = Channel(ContactKind.MOBILE, asked.number) in reached.channels
            moved = self.contacts.changed_since(person_id, asked.now - table.contact_hold)
            if known and not moved and not reached.held:
                found[person_id] = reached
        return found

    def _act(self, asked: CodeAsked, holders: Sequence[str], secret: str, table: CodeTable) -> IssueCodes:
        end, actor = {"end": asked.number[-2:], "language": asked.language}, f"source:{self.source.source_id}"
        codes = tuple(
            Code(
                code_id=new_id(Id.CODE), kind=CodeKind.SMS, person_id=person_id, secret=secret, uai="",
                issued_at=asked.now, expires_at=asked.now + table.short_life, tries=0,
                most_tries=int(table.short_tries), bound=bound_of(asked.bound, place),
            )
            for place, person_id in enumerate(holders)
        )  # fmt: skip
        events = tuple(
            AuditEvent(
                self.source.tenant, asked.now, Action.SHORT_CODE_SENT, actor, subject=code.person_id,
                trace=asked.trace, detail={"code": code.code_id, "end": end["end"]},
            )
            for code in codes
        )  # fmt: skip
        told = tuple(AccessNotice(each, NoticeKind.CODE_SENT, asked.now, end, asked.trace) for each in holders)
        return IssueCodes(codes, actor, "", events, told)


class Behind:
    """Does work behind an answer, a few at once, and only so much waits: beyond that it is dropped, and logged.

    What is dropped is asked for again by whoever waits for an SMS in vain.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="behind")
        self._places = BoundedSemaphore(_THREADS + _WAITING)

    def do(self, work: Callable[[], object]) -> None:
        """Have it done soon."""
        if not self._places.acquire(blocking=False):
            log.warning("more waits to be done behind answers than may: dropped")
            return
        self._pool.submit(self._run, work)

    def close(self) -> None:
        """Finish what waits."""
        self._pool.shutdown(wait=True)

    def _run(self, work: Callable[[], object]) -> None:
        try:
            work()
        except PreauError as fault:
            log.log(fault.level, "not done behind an answer: %s %s", fault.code, fault.cause)
        finally:
            self._places.release()
