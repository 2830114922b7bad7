"""What people sign in with here, and the codes that lead to it: own secrets, letters, one-time codes, windows.

A secret is chosen by its person alone: agents open ways to choose one, and never see, choose or dictate it (LR-12).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O or U. What is read for another is taken for it (`read_letter_code`)."""
LOCATOR = 4
LETTER = 16
DIGITS = 6

_LOOKALIKES = str.maketrans({"I": "1", "L": "1", "O": "0"})
_SPACES = " -\u2010\u2011\u2013\u00a0\u202f"


class CredentialKind(StrEnum):
    """What a person proves an account with."""

    PASSPHRASE = "passphrase"  # noqa: S105 - a kind, not a secret
    PICTURES = "pictures"
    TOTP = "totp"
    PASSKEY = "passkey"


class CodeKind(StrEnum):
    """How a code reaches its person. A window is opened at a screen: nothing is handed over, its person is there."""

    LETTER = "letter"
    SMS = "sms"
    MAIL = "mail"
    WINDOW = "window"
    SESSION = "session"
    """Drawn for, and used by, a session that has just proven itself: it goes nowhere."""


class ContactKind(StrEnum):
    """How a person can be told something."""

    MOBILE = "mobile"
    MAIL = "mail"


@dataclass(frozen=True, slots=True)
class LetterCode:
    """The code of a letter: four characters that find it, and are its number, then twelve (60 bits) that prove it."""

    locator: str
    secret: str = field(repr=False)

    @property
    def written(self) -> str:
        """As a letter prints it: four groups of four."""
        whole = self.locator + self.secret
        return " ".join(whole[place : place + LOCATOR] for place in range(0, LETTER, LOCATOR))


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret as it is kept. `secret`: an argon2id hash, a sealed key, a public key; never what was typed.

    `public_id`: a passkey's own id. `counter`: the last one used of a TOTP, or what a passkey counts.
    """

    credential_id: str
    account_id: str
    kind: CredentialKind
    secret: str = field(repr=False)
    since: datetime
    label: str = ""
    public_id: str = ""
    counter: int = 0
    last_used: datetime | None = None


@dataclass(frozen=True, slots=True)
class OwnAccount:
    """A person's own account, and by which name they sign in to it."""

    account_id: str
    identifier: str


class CodeBy(StrEnum):
    """What a code is found by."""

    LOCATOR = "locator"
    """The first group of the code of a letter, or of an SMS that the desk sent."""
    BOUND = "bound"
    """The digest of the login in progress that it was sent for, or of the screen that a window is open at."""
    ID = "id"
    """Its own id: a code that is being followed up, whose next question is guessed at."""


@dataclass(frozen=True, slots=True)
class CodeKey:
    """Which code is guessed at."""

    by: CodeBy
    value: str


@dataclass(frozen=True, slots=True)
class Code:
    """A code as it is kept. `secret`: its hash. `bound`: digest of what it was sent for; empty: of nothing.

    `tries`: guesses that were counted, this one too where it was claimed. `uai`: the school that gave it out.
    `used_at`: by it somebody chose a secret; `ended_at`: another took its place, or it was called back.
    """

    code_id: str
    kind: CodeKind
    person_id: str
    secret: str = field(repr=False)
    uai: str
    issued_at: datetime
    expires_at: datetime
    tries: int
    most_tries: int
    locator: str = ""
    bound: str = ""
    used_at: datetime | None = None
    ended_at: datetime | None = None

    def is_live(self, now: datetime) -> bool:
        """Tell whether a secret can still be chosen by it: how often it was guessed at is another question."""
        return self.used_at is None and self.ended_at is None and now < self.expires_at


@dataclass(frozen=True, slots=True)
class Contact:
    """How a person wants to be reached, beside what the school knows. It counts from `holds_until` on."""

    contact_id: str
    kind: ContactKind
    value: str
    asked_at: datetime
    holds_until: datetime


def new_letter_code() -> LetterCode:
    """Draw a letter's code. Its locator may be taken: who keeps it draws again."""
    drawn = "".join(secrets.choice(CROCKFORD) for _ in range(LETTER))
    return LetterCode(drawn[:LOCATOR], drawn[LOCATOR:])


def read_letter_code(typed: str) -> LetterCode | None:
    """The code that was typed, whatever its case, spaces and dashes; None when it cannot be one."""
    plain = "".join(each for each in typed.upper() if each not in _SPACES).translate(_LOOKALIKES)
    if len(plain) != LETTER or not set(plain) <= set(CROCKFORD):
        return None
    return LetterCode(plain[:LOCATOR], plain[LOCATOR:])


def new_digits() -> str:
    """Draw a one-time code of six digits."""
    return f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"


def read_digits(typed: str) -> str:
    """The six digits that were typed, spaces left out; empty when they cannot be a code."""
    plain = "".join(each for each in typed if each not in _SPACES)
    return plain if len(plain) == DIGITS and plain.isascii() and plain.isdecimal() else ""
