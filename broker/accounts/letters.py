"""Letters: codes of sixteen characters, drawn for whole classes, seen in clear once: by whoever prints them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from broker.accounts.hashing import Hashing
from broker.domain.access_notices import AccessNotice, NoticeKind
from broker.domain.audit import Action, AuditEvent
from broker.domain.credential_acts import IssueCodes
from broker.domain.credentials import Code, CodeKind, LetterCode, new_letter_code
from broker.domain.desk_requests import AnswerRequest
from broker.domain.errors import StorageUnavailable
from broker.domain.handles import Id, new_id
from broker.domain.ports import Codes
from policies import CodeTable

_DRAWS = 8
"""A locator is taken by chance: with a tenth of all in use, eight times in a row once in a hundred million."""


@dataclass(frozen=True, slots=True)
class Addressee:
    """To whom a letter goes. `uai` gives it out, for its tenant; `school`: by what name, as the person is told."""

    person_id: str
    uai: str
    tenant: str
    school: str = ""


@dataclass(frozen=True, slots=True)
class IssuedLetter:
    """A letter to be printed. The code in clear is here and nowhere else: what is not printed now never can be."""

    person_id: str
    code_id: str
    code: LetterCode = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Batch:
    """One act of giving letters out: by whom, under which id, with which trace number.

    `told`: what the audit says of it beside; `answers`: the request of a first agent that it uses up.
    """

    batch_id: str
    actor: str
    trace: str
    now: datetime
    told: Mapping[str, str] = field(default_factory=dict)
    answers: AnswerRequest | None = None


def issue_letters(
    persons: Sequence[Addressee], *, codes: Codes, hashing: Hashing, table: CodeTable, batch: Batch
) -> tuple[IssuedLetter, ...]:
    """Draw and keep a code for each person, in one act a round; the letters of before are ended by it.

    `hashing` waits its turn: an agent's class of thirty is not told to come back. Raises `StorageUnavailable`.
    """
    issued: dict[str, IssuedLetter] = {}
    waiting = list(persons)
    for _ in range(_DRAWS):
        drawn = [(to, _draw(to, table, batch)) for to in waiting]
        taken = codes.issue(_act([(to, _code(to, letter, hashing, table, batch)) for to, letter in drawn], batch))
        issued |= {to.person_id: letter for to, letter in drawn if letter.code_id not in taken}
        waiting = [to for to, letter in drawn if letter.code_id in taken]
        if not waiting:
            return tuple(issued[to.person_id] for to in persons)
    raise StorageUnavailable("no locator is free")


def _draw(to: Addressee, table: CodeTable, batch: Batch) -> IssuedLetter:
    return IssuedLetter(to.person_id, new_id(Id.CODE), new_letter_code(), batch.now + table.letter_life)


def _code(to: Addressee, letter: IssuedLetter, hashing: Hashing, table: CodeTable, batch: Batch) -> Code:
    return Code(
        code_id=letter.code_id,
        kind=CodeKind.LETTER,
        person_id=to.person_id,
        secret=hashing.hash_in_turn(letter.code.secret),
        uai=to.uai,
        issued_at=batch.now,
        expires_at=letter.expires_at,
        tries=0,
        most_tries=int(table.letter_tries),
        locator=letter.code.locator,
    )


def _act(drawn: Sequence[tuple[Addressee, Code]], batch: Batch) -> IssueCodes:
    event = AuditEvent("", batch.now, Action.LETTER_ISSUED, batch.actor, trace=batch.trace)
    return IssueCodes(
        codes=tuple(code for _, code in drawn),
        actor=batch.actor,
        batch=batch.batch_id,
        audit=tuple(
            replace(
                event,
                tenant=to.tenant,
                subject=to.person_id,
                detail={"code": code.code_id, "uai": to.uai, "batch": batch.batch_id, **batch.told},
            )
            for to, code in drawn
        ),
        notices=tuple(
            AccessNotice(
                to.person_id, NoticeKind.LETTER_ISSUED, batch.now, {"uai": to.uai, "school": to.school}, batch.trace
            )
            for to, _ in drawn
        ),
        answers=batch.answers,
    )
