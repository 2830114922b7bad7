"""JOSE: every signature made or checked in the house. The one home of joserfc; `authlib.jose` is used nowhere.

Owns: key generation and export, signing, encryption to a client, and a verification that pins algorithm, type, key and
size before any claim is read, then demands the claims. What it returns, `SignedClaims`, nobody else makes.
Must not know: whose token it is, where keys are kept, the clock.
"""

from broker.wire.jose.claims import (
    CLOCKS_APART,
    claimed_client,
    verify_client_assertion,
    verify_id_token,
    verify_id_token_hint,
    verify_own_access_token,
    verify_own_id_token,
    verify_userinfo,
)
from broker.wire.jose.dpop import BEHIND, Proof, verify_proof
from broker.wire.jose.encrypting import ENCRYPTION_ALGS, ENCRYPTION_ENCS, EncryptionKey, encrypt, encryption_key
from broker.wire.jose.keys import (
    FAPI_ALGS,
    SIGNING_ALGS,
    VERIFYING_ALGS,
    KeySet,
    SigningKey,
    export_jwks,
    generate_key,
    jwks_from_json,
    parse_signing_key,
    private_jwk,
    private_pem,
    public_jwk,
)
from broker.wire.jose.refusals import Refusal, TokenRefused
from broker.wire.jose.signing import left_half_hash, sign
from broker.wire.jose.verifying import SignedClaims

__all__ = [
    "BEHIND",
    "CLOCKS_APART",
    "ENCRYPTION_ALGS",
    "ENCRYPTION_ENCS",
    "FAPI_ALGS",
    "SIGNING_ALGS",
    "VERIFYING_ALGS",
    "EncryptionKey",
    "KeySet",
    "Proof",
    "Refusal",
    "SignedClaims",
    "SigningKey",
    "TokenRefused",
    "claimed_client",
    "encrypt",
    "encryption_key",
    "export_jwks",
    "generate_key",
    "jwks_from_json",
    "left_half_hash",
    "parse_signing_key",
    "private_jwk",
    "private_pem",
    "public_jwk",
    "sign",
    "verify_client_assertion",
    "verify_id_token",
    "verify_id_token_hint",
    "verify_own_access_token",
    "verify_own_id_token",
    "verify_proof",
    "verify_userinfo",
]
