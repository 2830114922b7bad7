"""From a code to a secret of one's own: what the school gave, then what only the family knows, then the passphrase.

A code proves nothing alone and is not used up by being right: only the act that sets the secret uses it. Every guess,
at the code as at the birth date, counts at the code in SQL before it is looked at (LR-11). Unknown, wrong and spent
codes are told alike after the same work; whoever holds the whole code of a letter is told what became of it.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from broker.accounts.hashing import Hashing
from broker.accounts.own_login import account_key, identity_of
from broker.accounts.passphrase import Weakness, weakness_of
from broker.domain.access_notices import AccessNotice, NoticeKind
from broker.domain.audit import Action, AuditEvent
from broker.domain.credential_acts import IssueCodes, NewAccount, SetSecret
from broker.domain.credentials import (
    Code,
    CodeBy,
    CodeKey,
    CodeKind,
    Credential,
    CredentialKind,
    OwnAccount,
    read_digits,
    read_letter_code,
)
from broker.domain.errors import CodeExpired, CodeRefused, CodeUsed, HashingCrowded, WindowNotOpen
from broker.domain.handles import Id, new_id
from broker.domain.identity import Evidence, EvidenceKind, UpstreamIdentity
from broker.domain.names import fold
from broker.domain.people import PersonView, RecordKind
from broker.domain.ports import Audit, Codes, FamilyFacts, OwnLogins, People
from broker.domain.school import Level
from broker.domain.young import is_weak, written
from policies import CodeTable

NOBODY = ""
MOST_HOLDERS = 3
"""So many persons may bear one number; with more it proves nothing of any."""
_NUMBERED = 9
_DRAWN = 8


@dataclass(frozen=True, slots=True)
class OwnSource:
    """The source whose secrets are kept here: its id, the tenant that answers for it, our address."""

    source_id: str
    tenant: str
    issuer: str


@dataclass(frozen=True, slots=True)
class Proven:
    """Whose code was right, and which it was. It opens nothing yet."""

    code_id: str
    person_id: str
    kind: CodeKind


@dataclass(frozen=True, slots=True)
class Activation:
    """Follows codes up to a secret."""

    source: OwnSource
    logins: OwnLogins
    codes: Codes
    people: People
    facts: FamilyFacts
    audit: Audit
    hashing: Hashing

    def by_letter(self, typed: str, *, now: datetime, trace: str) -> Proven:
        """Whose letter this is, or whose code that the desk sent by SMS.

        Raises `CodeRefused`, `CodeUsed`, `CodeExpired`, `HashingCrowded`.
        """
        asked = read_letter_code(typed)
        found = self.codes.claim(CodeKey(CodeBy.LOCATOR, asked.locator if asked else NOBODY), now=now)
        right = self._compare([found] if found else [], asked.secret if asked else typed)
        if found is None or not right or self._is_barred(found, now=now):
            raise self._refused(found, now=now, trace=trace)
        if found.used_at is not None:
            raise CodeUsed("a used letter", person_id=found.person_id, at=found.used_at)
        if not found.is_live(now):
            raise CodeExpired("an old letter")
        return self._right(found)

    def by_digits(self, bound: str, typed: str, born: date, *, now: datetime, trace: str) -> Proven:
        """Whose short code this is: the code, and what only the family knows, in one answer.

        Both or neither: which of the two was wrong is not told, or a thief of the telephone could guess the one after
        the other (LR-13). Where several bear the number (one mother, known to two académies' feeds as two persons), the
        child says who is meant; whom it leaves in doubt, as parents who share a telephone, comes in another way.
        Raises `CodeRefused`, `HashingCrowded`.
        """
        asked = (CodeKey(CodeBy.BOUND, bound_of(bound, place)) for place in range(MOST_HOLDERS))
        claimed = [self.codes.claim(key, now=now) for key in asked]
        found = [each for each in claimed if each is not None]
        right = self._compare(found, read_digits(typed))
        holders = [each.person_id if each else NOBODY for each in claimed]
        knowing = {each for each in holders if self._knows(each, born, now=now)}
        fitting = [each for each in found if right and each.is_live(now) and each.person_id in knowing]
        if len(fitting) != 1 or self._is_staff(fitting[0].person_id, now=now):
            raise self._refused(found[0] if found else None, now=now, trace=trace)
        return self._right(fitting[0])

    def _is_barred(self, found: Code, *, now: datetime) -> bool:
        """Tell whether the right code is refused: a letter goes into a hand, an SMS to whoever has the number."""
        return found.kind is CodeKind.SMS and self._is_staff(found.person_id, now=now)

    def _is_staff(self, person_id: str, *, now: datetime) -> bool:
        """Staff never come back by a telephone: whoever took their number would choose their second factor (LR-13)."""
        person = self.people.person(person_id, now=now)
        return person is not None and RecordKind.STAFF in person.kinds

    def by_birth_date(self, proven: Proven, born: date, *, now: datetime, trace: str) -> Proven:
        """The same person, who knows what only the family knows. A wrong date is a guess at the code."""
        found = self.codes.claim(CodeKey(CodeBy.ID, proven.code_id), now=now)
        known = self._knows(proven.person_id, born, now=now)
        if found is None or not (known and found.is_live(now)):
            raise self._refused(found, now=now, trace=trace)
        return self._right(found)

    def by_window(self, bound: str, born: date, *, now: datetime, trace: str) -> Proven:
        """For whom a window stands open for the browser that `bound` names: by what only the family knows.

        Nothing was handed over, and nothing said here reaches another window. Raises `WindowNotOpen`, which tells of
        nobody: whoever helps has not opened it yet, or it is over; and `CodeRefused`.
        """
        found = self.codes.claim(CodeKey(CodeBy.BOUND, bound), now=now)
        if found is None or not found.is_live(now):
            raise WindowNotOpen("no window for this browser")
        if not self._knows(found.person_id, born, now=now):
            raise self._refused(found, now=now, trace=trace)
        return self._right(found)

    def by_session(self, person_id: str, table: CodeTable, *, now: datetime) -> Proven:
        """A code for a session that has just proven itself: used by the same act as any, and gone as soon."""
        code = Code(
            code_id=new_id(Id.CODE), kind=CodeKind.SESSION, person_id=person_id, secret="", uai="", issued_at=now,
            expires_at=now + table.window_life, tries=0, most_tries=1,
        )  # fmt: skip
        self.codes.issue(IssueCodes((code,), person_id, "", (), ()))
        return Proven(code.code_id, person_id, code.kind)

    def choose(
        self, proven: Proven, passphrase: str, *, now: datetime, trace: str
    ) -> tuple[OwnAccount, UpstreamIdentity] | Weakness:
        """Set the secret: one act, which uses the code up and ends every way in of before (LR-04).

        Raises `CodeRefused`, `PersonSuspended`, `SourceSuspended`, `HashingCrowded`.
        """
        person = self.people.person(proven.person_id, now=now)
        if person is None:
            raise CodeRefused("nobody any more")
        weakness = weakness_of(passphrase, personal=_personal(person))
        if weakness is not None:
            return weakness
        account = self.logins.set_secret(self._act(proven, person, self.hashing.hash(passphrase), now=now, trace=trace))
        return account, identity_of(self.source.source_id, self.source.issuer, account.account_id, now=now)

    def choose_pictures(
        self, proven: Proven, pictures: tuple[int, ...], *, now: datetime, trace: str
    ) -> tuple[OwnAccount, UpstreamIdentity]:
        """Set a row of pictures as the secret of one of the youngest: the same act as for a passphrase.

        Raises `CodeRefused`, also for anybody older: 331,776 rows are enough behind a class's code only, and weak ones.
        """
        person = self.people.person(proven.person_id, now=now)
        if person is None or not _is_young(person) or is_weak(pictures):
            raise CodeRefused("nobody who chooses pictures, or pictures that everybody tries")
        act = self._act(proven, person, self.hashing.hash(written(pictures)), now=now, trace=trace)
        account = self.logins.set_secret(replace(act, credential=replace(act.credential, kind=CredentialKind.PICTURES)))
        return account, identity_of(self.source.source_id, self.source.issuer, account.account_id, now=now)

    def is_young(self, person_id: str, *, now: datetime) -> bool:
        """Tell whether this person chooses pictures."""
        person = self.people.person(person_id, now=now)
        return person is not None and _is_young(person)

    def _compare(self, claimed: Sequence[Code], typed: str) -> bool:
        """Compare with the hash that these codes share; where the pool is full, nobody has guessed at anything."""
        try:
            return self.hashing.verify(claimed[0].secret if claimed else NOBODY, typed)
        except HashingCrowded:
            for each in claimed:
                self.codes.was_right(each.code_id)
            raise

    def _knows(self, person_id: str, born: date, *, now: datetime) -> bool:
        return born in self.facts.birth_dates(person_id, now=now)

    def _right(self, found: Code) -> Proven:
        self.codes.was_right(found.code_id)
        return Proven(found.code_id, found.person_id, found.kind)

    def _refused(self, found: Code | None, *, now: datetime, trace: str) -> CodeRefused:
        """One refusal for all. That a code is spent is written down: somebody may be guessing at a person."""
        if found is not None and found.tries >= found.most_tries:
            detail = {"code": found.code_id, "kind": found.kind.value, "tries": str(found.tries)}
            self.audit.append(
                [
                    AuditEvent(
                        self.source.tenant, now, Action.CODE_SPENT, f"source:{self.source.source_id}",
                        subject=found.person_id, outcome="refused", trace=trace, detail=detail,
                    )
                ]
            )  # fmt: skip
        return CodeRefused("unknown, wrong or guessed at too often")

    def _act(self, proven: Proven, person: PersonView, secret: str, *, now: datetime, trace: str) -> SetSecret:
        account_id = new_id(Id.ACCOUNT)
        by = {"by": proven.kind.value}
        evidence = Evidence(
            EvidenceKind.ACTIVATION_CODE, f"source:{self.source.source_id}", now, {**by, "code": proven.code_id}
        )
        event = AuditEvent(
            self.source.tenant, now, Action.SECRET_SET, proven.person_id, subject=proven.person_id, trace=trace,
            detail={**by, "code": proven.code_id, "source": self.source.source_id},
        )  # fmt: skip
        return SetSecret(
            code_id=proven.code_id,
            person_id=proven.person_id,
            account=NewAccount(
                account_id,
                account_key(self.source.issuer, account_id),
                self.source.source_id,
                identifiers_of(person),
                evidence,
            ),
            credential=Credential(new_id(Id.CREDENTIAL), account_id, CredentialKind.PASSPHRASE, secret, now),
            now=now,
            audit=(event,),
            notices=(AccessNotice(proven.person_id, NoticeKind.SECRET_SET, now, by, trace),),
        )


def bound_of(bound: str, place: int) -> str:
    """What the code of one of several holders of a number is bound to: the same login in progress, each for himself."""
    return f"{bound[:60]}:{place}"


def identifiers_of(person: PersonView) -> tuple[str, ...]:
    """By which name somebody may sign in here, the shortest first: `camille.martin`, then with a number."""
    given, family = (_plain(part) for part in (person.name.given, person.name.family))
    base = ".".join(part for part in (given, family) if part) or "acces"
    numbered = [f"{base}{number}" for number in range(2, _NUMBERED + 1)]
    drawn = [f"{base}{secrets.randbelow(9000) + 1000}" for _ in range(_DRAWN)]
    return (base, *numbered, *drawn)


def _plain(name: str) -> str:
    return "".join(char for char in fold(name) if char.isascii() and char.isalnum())[:40]


def _personal(person: PersonView) -> tuple[str, ...]:
    """What anybody may know of somebody, so that nobody takes it for a secret."""
    schools = [post.school for post in person.posts] + [place.school for place in person.pupil_at]
    return (person.name.given, person.name.family, *schools, *identifiers_of(person)[:1])


def _is_young(person: PersonView) -> bool:
    """A pupil of an école, and nothing else: at collège, or for an adult, a passphrase is asked for."""
    levels = {place.level for place in person.pupil_at}
    return person.kinds == frozenset({RecordKind.PUPIL}) and levels == {Level.ECOLE}
