"""Clients of a service as its descriptor declares them: confidential, native (RFC 8252) or in a browser (CORS)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from broker.domain.handles import digest
from broker.domain.services import ClientKind, GrantType, RelyingParty, TokenAuthMethod
from broker.services.addresses import address_fault, native_fault, origin_fault, origin_of
from broker.services.client_keys import (
    KEY_KEYS,
    check_profile,
    keys_file_of,
    read_encryption,
    read_jwks,
    read_pkce_waiver,
    read_profile,
    read_switch,
    read_userinfo_alg,
)
from broker.services.grant_types import (
    GRANT_KEYS,
    read_child_scopes,
    read_device_offline,
    read_grant_types,
    read_scopes,
    read_service_scopes,
)
from broker.services.reading import Reader
from broker.wire.jose import SIGNING_ALGS

PARTY_KEYS = (
    "client_id", "kind", "client_secret_file", "client_secret_sha256", "redirect_uris", "origins", "auth_method",
    "scopes", "signing_alg", "post_logout_redirect_uris", "backchannel_logout_uri",
    "backchannel_logout_session_required", "frontchannel_logout_uri", "frontchannel_logout_session_required",
    "initiate_login_uri", *KEY_KEYS, *GRANT_KEYS,
)  # fmt: skip
SHORTEST_SECRET = 43
"""A 256-bit random secret in base64url: what makes SHA-256 at rest enough (a chosen word would be guessed)."""

_SUBJECT_SHAPED = re.compile(r"[0-9a-f]{32}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def read_party(reader: Reader, *, folder: Path) -> RelyingParty:
    """Read one `[[parties]]`; secrets are named from `folder`."""
    reader.only(PARTY_KEYS)
    client_id = reader.identifier("client_id")
    if _SUBJECT_SHAPED.fullmatch(client_id):
        reader.fault("'client_id' has the shape of a person's subject (RFC 9700 §4.15)", key="client_id")
    kind = reader.member("kind", ClientKind, default=ClientKind.WEB)
    grants = read_grant_types(reader, kind)
    redirect_uris = _redirect_uris(reader, kind, grants)
    fapi = read_profile(reader)
    userinfo, id_token = read_encryption(reader, "userinfo"), read_encryption(reader, "id_token")
    method, alg = _auth_method(reader, public=kind is not ClientKind.WEB, fapi=fapi), _signing_alg(reader)
    if fapi:
        check_profile(reader, method, alg)
    scopes = read_scopes(reader, grants)
    return RelyingParty(
        client_id=client_id,
        secret_digest=_secret_of(reader, kind, method, folder=folder),
        redirect_uris=redirect_uris,
        auth_method=method,
        scopes=scopes,
        signing_alg=alg,
        kind=kind,
        origins=_origins(reader, kind),
        jwks=read_jwks(reader, method, (userinfo, id_token), folder=folder),
        userinfo_alg=read_userinfo_alg(reader, fapi=fapi),
        userinfo_encryption=userinfo,
        id_token_encryption=id_token,
        par=read_switch(reader, "par", fapi=fapi),
        dpop=read_switch(reader, "dpop", fapi=fapi),
        pkce_waiver=read_pkce_waiver(reader, public=kind is not ClientKind.WEB, fapi=fapi),
        post_logout_redirect_uris=_addresses(reader, "post_logout_redirect_uris", kind, least=0),
        backchannel_logout_uri=_logout_uri(reader, "backchannel"),
        frontchannel_logout_uri=_frontchannel(reader, redirect_uris),
        initiate_login_uri=_login_start(reader),
        grant_types=grants,
        service_scopes=read_service_scopes(reader, grants),
        child_scopes=read_child_scopes(reader, grants),
        device_offline=read_device_offline(reader, grants, scopes),
    )


def files_of(reader: Reader, *, folder: Path) -> tuple[Path, ...]:
    """The files that hold the secret and the public keys of a client, as far as it names them."""
    stated = reader.table.get("client_secret_file")
    secret = folder / stated if isinstance(stated, str) and stated else None
    return tuple(filter(None, (secret, keys_file_of(reader, folder=folder))))


def _redirect_uris(reader: Reader, kind: ClientKind, grants: frozenset[GrantType]) -> tuple[str, ...]:
    """Where a code is sent; a client that gets none has no such address to guard."""
    asks = GrantType.AUTHORIZATION_CODE in grants
    uris = _addresses(reader, "redirect_uris", kind, least=1 if asks else 0)
    if uris and not asks:
        reader.fault("'redirect_uris' is for grant_types with 'authorization_code'", key="redirect_uris")
    return uris


def _addresses(reader: Reader, key: str, kind: ClientKind, *, least: int) -> tuple[str, ...]:
    """Where the browser may be led: each compared byte for byte when it is used."""
    uris = reader.words(key, least=least)
    fault_of = native_fault if kind is ClientKind.NATIVE else address_fault
    for uri in uris:
        if why := fault_of(uri):
            reader.fault(f"'{uri}' {why}", key=key)
    return uris


def _logout_uri(reader: Reader, channel: str) -> str:
    """Where a client is told of a logout. Whether it needs `sid` is read and changes nothing: it is always told."""
    key, needs_sid = f"{channel}_logout_uri", f"{channel}_logout_session_required"
    uri = reader.word(key, default="")
    if uri and (why := address_fault(uri)):
        reader.fault(f"'{uri}' {why}", key=key)
    reader.flag(needs_sid)
    if reader.has(needs_sid) and not uri:
        reader.fault(f"'{needs_sid}' needs '{key}'", key=needs_sid)
    return uri


def _frontchannel(reader: Reader, redirect_uris: Iterable[str]) -> str:
    """Of the origin of a redirect URI: our page frames it, and frames nobody else (Front-Channel Logout §2)."""
    uri = _logout_uri(reader, "frontchannel")
    origins = {origin_of(known) for known in redirect_uris if not address_fault(known)}
    if uri and not address_fault(uri) and origin_of(uri) not in origins:
        reader.fault("'frontchannel_logout_uri' is not of the origin of a redirect URI", key="frontchannel_logout_uri")
    return uri


def _login_start(reader: Reader) -> str:
    """Where a login may be begun for the client: https alone (OIDC Core §4)."""
    uri = reader.word("initiate_login_uri", default="")
    if uri and (why := address_fault(uri) or ("" if uri.startswith("https:") else "must be https")):
        reader.fault(f"'{uri}' {why}", key="initiate_login_uri")
    return uri


def _origins(reader: Reader, kind: ClientKind) -> tuple[str, ...]:
    """Exact origins: a wildcard would let any page read what the token opens (Fetch §3.2)."""
    origins = reader.words("origins", least=1 if kind is ClientKind.BROWSER else 0)
    if origins and kind is not ClientKind.BROWSER:
        reader.fault("'origins' is for a client of kind 'browser'", key="origins")
    for origin in origins:
        if why := origin_fault(origin):
            reader.fault(f"'{origin}' {why}", key="origins")
    return origins


def _auth_method(reader: Reader, *, public: bool, fapi: bool) -> TokenAuthMethod:
    """What keeps no secret proves itself by PKCE alone, and what keeps one never goes without (RFC 6749 §2.3)."""
    default = TokenAuthMethod.NONE if public else TokenAuthMethod.BASIC
    if fapi:
        default = TokenAuthMethod.PRIVATE_KEY_JWT
    method = reader.member("auth_method", TokenAuthMethod, default=default)
    if public is not (method is TokenAuthMethod.NONE):
        reader.fault("'auth_method' is 'none' for a native or browser client, and for no other", key="auth_method")
    return method


def _signing_alg(reader: Reader) -> str:
    alg = reader.word("signing_alg", default="ES256")
    if alg and alg not in SIGNING_ALGS:
        reader.fault(f"'signing_alg' knows no '{alg}'", key="signing_alg")
    return alg


def _secret_of(reader: Reader, kind: ClientKind, method: TokenAuthMethod, *, folder: Path) -> str:
    if kind is not ClientKind.WEB:
        return _no_secret(reader, f"a {kind} client keeps no secret (RFC 8252 §8.5)")
    if method is TokenAuthMethod.PRIVATE_KEY_JWT:
        return _no_secret(reader, "a client that signs shows no secret")
    return _secret_digest(reader, folder=folder)


def _no_secret(reader: Reader, why: str) -> str:
    for key in ("client_secret_file", "client_secret_sha256"):
        if reader.has(key):
            reader.fault(f"'{key}': {why}", key=key)
    return ""


def _secret_digest(reader: Reader, *, folder: Path) -> str:
    file = reader.word("client_secret_file", default="")
    stated = reader.word("client_secret_sha256", default="")
    if bool(file) == bool(stated):
        reader.fault("one of 'client_secret_file' and 'client_secret_sha256' is needed", key="client_secret_file")
        return ""
    if stated:
        if not _SHA256.fullmatch(stated) or stated == digest(""):
            why = "must be the SHA-256 of the secret, in lower-case hex"
            reader.fault(f"'client_secret_sha256' {why}", key="client_secret_sha256")
        return stated
    return _digest_of_file(reader, folder / file)


def _digest_of_file(reader: Reader, path: Path) -> str:
    try:
        secret = path.read_text("ascii").strip()
    except (OSError, ValueError) as fault:  # a name with a NUL, bytes that are no text
        reader.fault(f"'client_secret_file' cannot be read ({type(fault).__name__})", key="client_secret_file")
        return ""
    if len(secret) < SHORTEST_SECRET or not secret.isprintable():
        why = f"must hold a random secret of at least {SHORTEST_SECRET} characters"
        reader.fault(f"'client_secret_file' {why}", key="client_secret_file")
        return ""
    return digest(secret)
