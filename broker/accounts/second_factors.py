"""One-time codes of a telephone's application (TOTP, RFC 6238), as second factor of an account.

The one home of pyotp. A key is sealed for its account; a code is taken within one step of the clock, and each step
once: the step is counted in SQL, ahead of the last (RFC 6238 §5.2), so that a code that was seen is worth nothing.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import pyotp
import segno

from broker.domain.access_notices import AccessNotice, NoticeKind
from broker.domain.audit import Action, AuditEvent
from broker.domain.credential_acts import ChangeFactor
from broker.domain.credentials import Credential, CredentialKind, read_digits
from broker.domain.errors import FactorChanged, FactorRefused
from broker.domain.handles import Id, digest, new_id
from broker.domain.ports import Credentials
from broker.domain.sessions import Session

STEP = 30
"""Seconds; what every application assumes."""
FACTORS = frozenset({CredentialKind.TOTP, CredentialKind.PASSKEY})
OTP = "otp"
_DRIFT = 1
"""Steps that a telephone's clock may be behind or ahead."""


class KeySeal(Protocol):
    """Seals the key of an account's codes for that account alone (`storage.sealing`)."""

    def seal(self, key: str, account_id: str) -> str:
        """What may be kept."""
        ...

    def unseal(self, kept: str, account_id: str) -> str:
        """The key again; empty for what was not sealed for this account."""
        ...


@dataclass(frozen=True, slots=True)
class FactorProof:
    """A second factor was shown for this account. Only `SecondFactors` and `Passkeys` make one.

    `method`: its value in `amr`. `answer`: digest of what was shown, claimed once when the session is replaced.
    """

    account_id: str
    method: str
    answer: str


@dataclass(frozen=True, slots=True)
class Doing:
    """Who changes their second factors, for the trail and the notice."""

    session: Session
    tenant: str
    trace: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Offered:
    """A new key as the page shows it: a picture for the telephone, and its letters in groups of four."""

    picture: str
    letters: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SecondFactors:
    """Second factors of accounts."""

    credentials: Credentials
    sealing: KeySeal

    def of_account(self, account_id: str) -> tuple[Credential, ...]:
        """The account's live second factors, oldest first."""
        return self.credentials.of_account(account_id, FACTORS)

    def prove(self, account_id: str, typed: str, *, now: datetime) -> FactorProof:
        """Check a code of one of the account's telephones, once. Raises `FactorRefused`."""
        code = read_digits(typed)
        for credential in self.credentials.of_account(account_id, frozenset({CredentialKind.TOTP})):
            step = step_of(self.sealing.unseal(credential.secret, account_id), code, now=now)
            if step and self.credentials.used(credential.credential_id, counter=step, now=now):
                return _proof(account_id, credential.credential_id, step)
        raise FactorRefused("wrong, or used before")

    def add(self, key: str, typed: str, doing: Doing) -> FactorProof:
        """Keep a new key, once a code shows that the telephone has it. Raises `FactorRefused`, `FactorChanged`."""
        account_id, step = doing.session.account_id, step_of(key, read_digits(typed), now=doing.now)
        if not step:
            raise FactorRefused("the telephone shows another code")
        credential = Credential(
            credential_id=new_id(Id.CREDENTIAL),
            account_id=account_id,
            kind=CredentialKind.TOTP,
            secret=self.sealing.seal(key, account_id),
            since=doing.now,
            counter=step,
            last_used=doing.now,
        )
        self.keep(credential, doing)
        return _proof(account_id, credential.credential_id, step)

    def keep(self, credential: Credential, doing: Doing) -> None:
        """Add a factor. The first is let in by a fresh login alone; any other by one that there is: see `may_add`.

        Raises `FactorChanged`.
        """
        if not self.credentials.change_factor(_change(Action.FACTOR_ADDED, credential, doing)):
            raise FactorChanged("added meanwhile")

    def end(self, credential_id: str, doing: Doing) -> None:
        """End a factor of the account, never the last of one that must have one. Raises `FactorChanged`."""
        own = self.of_account(doing.session.account_id)
        found = next((each for each in own if each.credential_id == credential_id), None)
        if found is None or not doing.session.has_second or len(own) == 1:
            raise FactorChanged("not one of several of this account, or not proven")
        if not self.credentials.change_factor(_change(Action.FACTOR_REMOVED, found, doing)):
            raise FactorChanged("ended meanwhile")

    def may_add(self, session: Session, *, is_fresh: bool) -> bool:
        """Tell whether this session may add a factor: a fresh one, that shows one already where there is any.

        Else whoever learnt a password would add a telephone of their own beside its owner's.
        """
        return is_fresh and (session.has_second or not self.of_account(session.account_id))


def new_key() -> str:
    """Draw a key of 160 bits (RFC 4226 §4, R6)."""
    return pyotp.random_base32()


def offer(key: str, *, name: str, issuer: str) -> Offered:
    """A key as a picture that applications read, and as letters for those that cannot."""
    address = pyotp.TOTP(key).provisioning_uri(name=name, issuer_name=issuer)
    drawn = segno.make(address, error="m", micro=False)
    picture = drawn.svg_inline(scale=4, light="#fff", svgclass=None, lineclass=None)
    return Offered(picture, " ".join(key[place : place + 4] for place in range(0, len(key), 4)))


def step_of(key: str, code: str, *, now: datetime) -> int:
    """The step of the clock that shows this code; 0 for none. Every step is tried: the time taken tells nothing."""
    if not key or not code:
        return 0
    here, found = int(now.timestamp()) // STEP, 0
    for step in range(here - _DRIFT, here + _DRIFT + 1):
        if hmac.compare_digest(pyotp.TOTP(key).generate_otp(step), code):
            found = step
    return found


def _proof(account_id: str, credential_id: str, step: int) -> FactorProof:
    return FactorProof(account_id, OTP, digest(f"second factor {credential_id} {step}"))


def _change(action: Action, credential: Credential, doing: Doing) -> ChangeFactor:
    session, is_new = doing.session, action is Action.FACTOR_ADDED
    detail = {"account": session.account_id, "kind": credential.kind.value, "credential": credential.credential_id}
    event = AuditEvent(
        tenant=doing.tenant, at=doing.now, action=action, actor=session.person_id, subject=session.person_id,
        trace=doing.trace, detail=detail,
    )  # fmt: skip
    kind = NoticeKind.FACTOR_ADDED if is_new else NoticeKind.FACTOR_REMOVED
    return ChangeFactor(
        account_id=session.account_id,
        now=doing.now,
        audit=event,
        notice=AccessNotice(session.person_id, kind, doing.now, trace=doing.trace),
        added=credential if is_new else None,
        ended="" if is_new else credential.credential_id,
    )
