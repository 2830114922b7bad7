"""Public keys and security profile of a client, as its descriptor declares them (RFC 7591 §2, FAPI 2.0)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from broker.domain.services import Encryption, TokenAuthMethod
from broker.services.reading import Reader
from broker.wire.jose import (
    ENCRYPTION_ALGS,
    ENCRYPTION_ENCS,
    FAPI_ALGS,
    SIGNING_ALGS,
    TokenRefused,
    encryption_key,
    jwks_from_json,
)

KEY_KEYS = (
    "profile", "jwks", "jwks_file", "par", "dpop", "pkce", "pkce_reason", "userinfo_signed_response_alg",
    "userinfo_encrypted_response_alg", "userinfo_encrypted_response_enc", "id_token_encrypted_response_alg",
    "id_token_encrypted_response_enc",
)  # fmt: skip
_USERINFO_ALG = "userinfo_signed_response_alg"
FAPI2 = "fapi2"
"""private_key_jwt, pushed requests, DPoP, and no RS256: FAPI 2.0 Security Profile §5.3."""


def read_profile(reader: Reader) -> bool:
    """Tell whether the client follows FAPI 2.0; no other profile is known."""
    profile = reader.word("profile", default="")
    if profile not in {"", FAPI2}:
        reader.fault(f"'profile' knows no '{profile}' (is '{FAPI2}' meant?)", key="profile")
    return profile == FAPI2


def read_switch(reader: Reader, key: str, *, fapi: bool) -> bool:
    """A flag that the profile sets: it may not be taken back beside it."""
    stated = reader.flag(key)
    if fapi and reader.has(key) and not stated:
        reader.fault(f"'{key}' is part of profile = \"{FAPI2}\"", key=key)
    return stated or fapi


def read_pkce_waiver(reader: Reader, *, public: bool, fapi: bool) -> str:
    """Why the client may go without PKCE; empty when it may not (RFC 9700 §2.1.1).

    A public client has nothing else that ties a code to it, and the profile demands PKCE.
    """
    waived, reason = reader.has("pkce") and not reader.flag("pkce"), reader.word("pkce_reason", default="").strip()
    if waived and not reason:
        reader.fault("'pkce = false' needs 'pkce_reason': why this client cannot send PKCE", key="pkce")
    if waived and (public or fapi):
        why = "a client without a secret" if public else f'a client of profile = "{FAPI2}"'
        reader.fault(f"'pkce = false' is never for {why}", key="pkce")
    if reason and not waived:
        reader.fault("'pkce_reason' goes with 'pkce = false'", key="pkce_reason")
    return reason if waived else ""


def read_userinfo_alg(reader: Reader, *, fapi: bool) -> str:
    """What userinfo is signed with; empty: it is plain JSON (OIDC Registration §2)."""
    alg, known = reader.word(_USERINFO_ALG, default=""), FAPI_ALGS if fapi else SIGNING_ALGS
    if alg and alg not in known:
        reader.fault(f"'{_USERINFO_ALG}' is one of {', '.join(known)}", key=_USERINFO_ALG)
    return alg


def read_encryption(reader: Reader, what: str) -> Encryption | None:
    """How `what` (id_token, userinfo) is encrypted to the client; None when it is not.

    Both keys are to be there: the standard's own default for `enc` is none of ours (OIDC Registration §2).
    """
    stated = {}
    for part, known in (("alg", ENCRYPTION_ALGS), ("enc", ENCRYPTION_ENCS)):
        key = f"{what}_encrypted_response_{part}"
        stated[part] = reader.word(key, default="")
        if stated[part] and stated[part] not in known:
            reader.fault(f"'{key}' is one of {', '.join(known)}", key=key)
            return None
    if bool(stated["alg"]) is not bool(stated["enc"]):
        why = f"'{what}_encrypted_response_alg' and '{what}_encrypted_response_enc' go together"
        reader.fault(why, key=f"{what}_encrypted_response_{'alg' if stated['alg'] else 'enc'}")
    return Encryption(**stated) if all(stated.values()) else None


def check_profile(reader: Reader, method: TokenAuthMethod, alg: str) -> None:
    """Note what the profile does not allow (FAPI 2.0 Security Profile §5.3.2.1, §5.4.1)."""
    if method is not TokenAuthMethod.PRIVATE_KEY_JWT:
        reader.fault(f"'auth_method' is 'private_key_jwt' under profile = \"{FAPI2}\"", key="auth_method")
    if alg not in FAPI_ALGS:
        reader.fault(f"'signing_alg' is one of {', '.join(FAPI_ALGS)} under profile = \"{FAPI2}\"", key="signing_alg")


def keys_file_of(reader: Reader, *, folder: Path) -> Path | None:
    """The file that holds the public keys of a client, if it names one."""
    stated = reader.table.get("jwks_file")
    return folder / stated if isinstance(stated, str) and stated else None


def read_jwks(
    reader: Reader, method: TokenAuthMethod, encryptions: Iterable[Encryption | None], *, folder: Path
) -> str:
    """The JWK set (JSON) of a client that signs or is encrypted to; no other has one: nothing would be done with it."""
    signs, algs = method is TokenAuthMethod.PRIVATE_KEY_JWT, {each.alg for each in encryptions if each}
    if not (signs or algs):
        for key in ("jwks", "jwks_file"):
            if reader.has(key):
                why = 'is for auth_method = "private_key_jwt", and for what is encrypted'
                reader.fault(f"'{key}' {why}", key=key)
        return ""
    if reader.has("jwks") == reader.has("jwks_file"):
        reader.fault("one of 'jwks' and 'jwks_file' is needed: the client's public keys", key="jwks")
        return ""
    key = "jwks" if reader.has("jwks") else "jwks_file"
    text = _text(reader, folder=folder)
    if text is not None and (why := _fault_of(text, signs=signs, algs=algs)):
        reader.fault(f"'{key}' {why}", key=key)
    return text or ""


def _text(reader: Reader, *, folder: Path) -> str | None:
    if reader.has("jwks"):
        table = reader.table["jwks"]
        try:
            return json.dumps(table, sort_keys=True)
        except TypeError:
            reader.fault("'jwks' must be a JWK set: keys = [{ kty = …, … }]", key="jwks")
            return None
    try:
        return (folder / reader.word("jwks_file")).read_text("utf-8")
    except (OSError, ValueError) as fault:  # a name with a NUL, bytes that are no text
        reader.fault(f"'jwks_file' cannot be read ({type(fault).__name__})", key="jwks_file")
        return None


def _fault_of(text: str, *, signs: bool, algs: set[str]) -> str:
    """Why a JWK set cannot be taken whole; empty when it can. A key that is passed over would be missed one day."""
    try:
        known = jwks_from_json(text).keys if signs else ()
        for alg in sorted(algs):
            encryption_key(text, alg=alg)
        entries = json.loads(text)["keys"]
    except TokenRefused as refused:
        return f"holds no usable public key ({refused})"
    if any("d" in entry for entry in entries):
        return "holds a private key: keep it at the client, and make another"
    if not signs:
        return ""
    if len(known) != len([entry for entry in entries if not (algs and entry.get("use") == "enc")]):
        return "holds a key that cannot be used (weak, repeated, or not for signing)"
    if not any(key.fits(alg) for key in known for alg in FAPI_ALGS):
        return f"holds no key for {', '.join(FAPI_ALGS)}"
    return ""
