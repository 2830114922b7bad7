"""Passkeys (WebAuthn Level 3): a key in the person's device, which signs for this site alone and asks who holds it.

The one home of py_webauthn. A passkey is a second factor of the account it was added to; of an account of our own it is
also a way in by itself, since the device checks its person (user verification). Where it was made is not asked for
(attestation none): a family's telephone is good enough. Challenges are used once; an answer made for another origin
is worth nothing here (a page that looks like ours gets nothing), nor is one whose counter stands still (§6.1.1).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

from webauthn import (
    base64url_to_bytes,
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from broker.accounts.second_factors import Doing, FactorProof, SecondFactors
from broker.domain.credentials import Credential, CredentialKind
from broker.domain.errors import PasskeyRefused
from broker.domain.handles import Id, digest, new_id

HWK = "hwk"
_NAME = "Préau"
_MOST_ID = 1364
"""Characters of a passkey's id: 1,023 bytes (WebAuthn §4)."""
_MOST_ANSWER = 12_000
_UNUSABLE = (WebAuthnException, ValueError, KeyError, TypeError, AttributeError)
"""What the library raises on answers that nobody's device made."""


@dataclass(frozen=True, slots=True)
class PasskeyAsked:
    """What the browser is to ask its device, and the challenge to keep until the answer comes."""

    options: str
    challenge: str


@dataclass(frozen=True, slots=True)
class Passkeys:
    """Passkeys of accounts at this issuer."""

    factors: SecondFactors
    issuer: str

    @property
    def are_possible(self) -> bool:
        """Tell whether browsers know passkeys here: a site with a name (WebAuthn §5.1.2: no address of numbers)."""
        try:
            ip_address(self._host)
        except ValueError:
            return True
        return False

    def begin_adding(self, account_id: str, *, name: str) -> PasskeyAsked:
        """What a device is asked to make a new key. A device that has one of this account makes no second."""
        options = generate_registration_options(
            rp_id=self._host,
            rp_name=_NAME,
            user_name=name,
            user_display_name=name,
            user_id=account_id.encode(),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=self._described(account_id),
        )
        return PasskeyAsked(options_to_json(options), bytes_to_base64url(options.challenge))

    def add(self, answer: str, challenge: str, doing: Doing, *, label: str = "") -> FactorProof:
        """Keep the new key. Raises `PasskeyRefused`, `FactorChanged`."""
        try:
            made = verify_registration_response(
                credential=_read(answer),
                expected_challenge=base64url_to_bytes(challenge),
                expected_rp_id=self._host,
                expected_origin=self.issuer,
                require_user_verification=True,
            )
        except _UNUSABLE as fault:
            raise PasskeyRefused(f"no new passkey: {type(fault).__name__}") from fault
        credential = Credential(
            credential_id=new_id(Id.CREDENTIAL),
            account_id=doing.session.account_id,
            kind=CredentialKind.PASSKEY,
            secret=bytes_to_base64url(made.credential_public_key),
            since=doing.now,
            label=label[:64],
            public_id=bytes_to_base64url(made.credential_id),
            counter=made.sign_count,
        )
        if len(credential.public_id) > _MOST_ID:
            raise PasskeyRefused("the id of the passkey is too long")
        self.factors.keep(credential, doing)
        return _proof(credential, challenge)

    def begin_proof(self, account_id: str = "") -> PasskeyAsked:
        """What a device is asked to sign: by a key of this account, or of whomever it finds by itself."""
        options = generate_authentication_options(
            rp_id=self._host,
            allow_credentials=self._described(account_id) if account_id else None,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return PasskeyAsked(options_to_json(options), bytes_to_base64url(options.challenge))

    def prove(self, answer: str, challenge: str, *, now: datetime) -> FactorProof:
        """Check what a device signed, whosever it is: the proof names the account. Raises `PasskeyRefused`."""
        credential = self._signed_by(answer)
        try:
            shown = verify_authentication_response(
                credential=_read(answer),
                expected_challenge=base64url_to_bytes(challenge),
                expected_rp_id=self._host,
                expected_origin=self.issuer,
                credential_public_key=base64url_to_bytes(credential.secret),
                credential_current_sign_count=credential.counter,
                require_user_verification=True,
            )
        except _UNUSABLE as fault:
            raise PasskeyRefused(f"no passkey of ours: {type(fault).__name__}") from fault
        if not self.factors.credentials.used(credential.credential_id, counter=shown.new_sign_count, now=now):
            raise PasskeyRefused("the passkey's counter stands still: a copy of it may exist")
        return _proof(credential, challenge)

    def _signed_by(self, answer: str) -> Credential:
        try:
            public_id = str(_read(answer)["id"])
        except _UNUSABLE as fault:
            raise PasskeyRefused("not an answer of a device") from fault
        found = self.factors.credentials.by_public_id(public_id) if len(public_id) <= _MOST_ID else None
        if found is None:
            raise PasskeyRefused("unknown passkey")
        return found

    def _described(self, account_id: str) -> list[PublicKeyCredentialDescriptor]:
        own = self.factors.credentials.of_account(account_id, frozenset({CredentialKind.PASSKEY}))
        return [PublicKeyCredentialDescriptor(id=base64url_to_bytes(each.public_id)) for each in own]

    @property
    def _host(self) -> str:
        return urlsplit(self.issuer).hostname or ""


def _read(answer: str) -> dict[str, object]:
    if len(answer) > _MOST_ANSWER:
        raise ValueError("too long")
    read = json.loads(answer)
    if not isinstance(read, dict):
        raise TypeError("not an object")
    return read


def _proof(credential: Credential, challenge: str) -> FactorProof:
    return FactorProof(credential.account_id, HWK, digest(f"passkey {credential.credential_id} {challenge}"))
