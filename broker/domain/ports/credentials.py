"""Seams to a person's own accounts: secrets, the codes that lead to them, contacts, and what was told of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from broker.domain.access_notices import AccessNotice
from broker.domain.audit import AuditEvent
from broker.domain.credential_acts import AskContact, ChangeFactor, IssueCodes, SetSecret
from broker.domain.credentials import (
    Code,
    CodeKey,
    Contact,
    ContactKind,
    Credential,
    CredentialKind,
    OwnAccount,
)


class OwnLogins(Protocol):
    """Own accounts, and the secrets they are signed in to by."""

    def by_identifier(self, identifier: str) -> Credential | None:
        """The live passphrase under this identifier (folded by the caller); None where nobody signs in by it."""
        ...

    def identifiers(self, accounts: Sequence[str]) -> Mapping[str, str]:
        """By which name each of these accounts is signed in to."""
        ...

    def set_secret(self, act: SetSecret) -> OwnAccount:
        """Carry the act out. Raises `CodeRefused` where its code is no longer good; `PersonSuspended`."""
        ...

    def rehash(self, credential_id: str, *, was: str, secret: str) -> None:
        """Keep the same passphrase under costlier parameters, unless it was changed meanwhile."""
        ...


class Credentials(Protocol):
    """Every secret of an account: its own here, or second factors beside a source's."""

    def of_account(self, account_id: str, kinds: frozenset[CredentialKind]) -> tuple[Credential, ...]:
        """The account's live secrets of these kinds, oldest first."""
        ...

    def by_public_id(self, public_id: str) -> Credential | None:
        """The live passkey of this id."""
        ...

    def change_factor(self, act: ChangeFactor) -> bool:
        """Add or end a second factor or passkey. False where it was changed meanwhile."""
        ...

    def used(self, credential_id: str, *, counter: int, now: datetime) -> bool:
        """Note a use; false where the counter is not ahead of the one that is kept: a code or an answer used twice."""
        ...


class Codes(Protocol):
    """Codes and windows. A guess is counted before it is looked at, in SQL: no restart gives one back (LR-11)."""

    def issue(self, act: IssueCodes) -> frozenset[str]:
        """Keep these codes; returns the ids of those that were not kept: their locator or their screen is taken.

        A screen has one live window, whoever it is for: two persons' would be one person's. Raises `AlreadyUsed` where
        the request that it answers no longer waits: then nothing is kept.
        """
        ...

    def claim(self, key: CodeKey, *, now: datetime) -> Code | None:
        """Count a guess at a code and return it; None where none is to be guessed at (any more).

        Of several letters with one locator, the live one; else the newest, so that its owner can be told what it was.
        """
        ...

    def was_right(self, code_id: str) -> None:
        """Take back a guess that was right, or that nobody could look at: who begins again has guessed at nothing."""
        ...

    def end(self, code_id: str, *, now: datetime, audit: AuditEvent) -> None:
        """End a code that did not reach its person, with the event that says so."""
        ...

    def of_person(self, person_id: str) -> tuple[Code, ...]:
        """Every code kept of the person, newest first, without its secret: for the desk and for the person."""
        ...


class Contacts(Protocol):
    """Numbers and addresses that persons gave themselves, beside those of the school's records."""

    def holders(self, kind: ContactKind, value: str, *, now: datetime) -> tuple[str, ...]:
        """The living persons who gave it (E.164, a lower-case address), waited, and did not replace it since."""
        ...

    def of_person(self, person_id: str) -> tuple[Contact, ...]:
        """What the person gave and did not replace, newest first; held or in force."""
        ...

    def changed_since(self, person_id: str, since: datetime) -> bool:
        """Tell whether a number or address changed since then, by whomever and under any id merged into this one.

        What was called back while it was held is no change.
        """
        ...

    def ask(self, act: AskContact) -> None:
        """Hold a new number or address. What was held before of the same kind ends; what is in force stays."""
        ...


class FamilyFacts(Protocol):
    """What only a family knows of itself."""

    def birth_dates(self, person_id: str, *, now: datetime) -> frozenset[date]:
        """Of a guardian: of each child that they may see now. Of a pupil, of staff: their own."""
        ...


class AccessNotices(Protocol):
    """What a person was told."""

    def of_person(self, person_id: str, *, limit: int) -> tuple[AccessNotice, ...]:
        """Newest first, also what was told under ids merged into this one."""
        ...

    def of_day(self, person_id: str, *, since: datetime, until: datetime) -> tuple[AccessNotice, ...]:
        """What the living person behind this id was told from then to then, both with it, oldest first."""
        ...
