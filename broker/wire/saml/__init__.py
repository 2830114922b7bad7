"""SAML 2.0 on the wire: messages in and out, signatures, encryption, bindings. Its lxml and xmlsec are here.

Owns: the gate of security §2.3, which every message passes and which alone makes a `VerifiedElement`; our schemas.
Must not know: whose message it is, which peer may say what, where keys are kept, the clock.
"""

from broker.wire.saml.bindings import (
    PostMessage,
    RedirectMessage,
    decode_post,
    decode_redirect,
    encode_post,
    encode_redirect,
    verify_redirect,
    with_signature,
)
from broker.wire.saml.gate import VerifiedElement, is_signed, read, verify
from broker.wire.saml.keys import DecryptionKey, VerifyingKey, decryption_key, verifying_key
from broker.wire.saml.refusals import Refusal, SamlRefused
from broker.wire.saml.response import VerifiedAssertion, verify_response

__all__ = [
    "DecryptionKey",
    "PostMessage",
    "RedirectMessage",
    "Refusal",
    "SamlRefused",
    "VerifiedAssertion",
    "VerifiedElement",
    "VerifyingKey",
    "decode_post",
    "decode_redirect",
    "decryption_key",
    "encode_post",
    "encode_redirect",
    "is_signed",
    "read",
    "verify",
    "verify_redirect",
    "verify_response",
    "verifying_key",
    "with_signature",
]
