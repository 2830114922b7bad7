"""A Response with its one assertion: verified from the outside in, decrypted between, no signature left unchecked."""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from broker.wire.saml import names
from broker.wire.saml.decryption import decrypt
from broker.wire.saml.gate import VerifiedElement, check_structure, is_signed, read, verify
from broker.wire.saml.keys import DecryptionKey, VerifyingKey
from broker.wire.saml.refusals import Refusal, SamlRefused

RESPONSE = names.samlp("Response")
ASSERTION = names.saml("Assertion")
ENCRYPTED = names.saml("EncryptedAssertion")


@dataclass(frozen=True, slots=True)
class VerifiedAssertion:
    """Proof type: only `verify_response` makes one.

    `envelope` is the response round it: verified itself where it was signed (`sealed`), else only ever compared with
    what is expected, never believed.
    """

    assertion: VerifiedElement
    envelope: etree._Element
    sealed: bool


def verify_response(
    body: bytes, *, keys: tuple[VerifyingKey, ...], decrypting: tuple[DecryptionKey, ...] = ()
) -> VerifiedAssertion:
    """The one assertion of a response, as the keys of its issuer vouch for it. Raises `SamlRefused`.

    Either the response is signed, or the assertion, or both: every signature there is must hold, and what is read
    comes out of the innermost. An encrypted assertion goes through every step again once it is in the clear.
    """
    envelope = read(body, RESPONSE)
    sealed = is_signed(envelope)
    if sealed:
        envelope = verify(envelope, keys).element
    check_status(envelope)
    assertion = _assertion(envelope, decrypting)
    if is_signed(assertion):
        return VerifiedAssertion(verify(assertion, keys), envelope, sealed)
    if not sealed:
        raise SamlRefused(Refusal.UNSIGNED)
    return VerifiedAssertion(VerifiedElement(assertion), envelope, sealed)


def status_of(envelope: etree._Element) -> tuple[str, ...]:
    """The status codes of a response, the first and the one inside it."""
    return tuple(code.get("Value", "") for code in envelope.iter(names.samlp("StatusCode")))


def check_status(envelope: etree._Element) -> None:
    """Only success carries an assertion (SAML Core §3.2.2.2). Raises `SamlRefused` with the codes as its cause."""
    codes = status_of(envelope)
    if codes[:1] != (names.SUCCESS,):
        raise SamlRefused(Refusal.STATUS, " ".join(codes))


def _assertion(envelope: etree._Element, decrypting: tuple[DecryptionKey, ...]) -> etree._Element:
    plain, encrypted = envelope.find(ASSERTION), envelope.find(ENCRYPTED)
    if plain is not None:
        return plain
    if encrypted is None:
        raise SamlRefused(Refusal.ASSERTIONS, "none")
    inside = decrypt(encrypted, decrypting)
    check_structure(inside, ASSERTION)
    if inside.get("ID") == envelope.get("ID"):
        raise SamlRefused(Refusal.IDS, "an ID that stands twice")
    return inside
