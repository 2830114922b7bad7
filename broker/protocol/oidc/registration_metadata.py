"""The metadata of a client that registered itself: what of its wishes is kept, and what it is answered (RFC 7591)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from broker.domain.registrations import Registration
from broker.domain.services import ClientKind
from broker.protocol.oidc.provider import REGISTER_PATH
from broker.protocol.oidc.registered_keys import public_keys
from broker.protocol.oidc.registration_checks import ADDRESSES, SWITCHES, Asked
from broker.services.registered import REGISTERED_SCOPES
from broker.wire import oauth
from broker.wire.http import with_parameters

OURS = frozenset(
    {"registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"}
)
"""Members that we alone state: a client that changes what is kept of it may not send them (RFC 7592 §2.2)."""


def granted(asked: Asked) -> dict[str, object]:
    """What a client gets of what it asked, once every check passed: defaults stated, what we do not know left out.

    A scope that is not on the list of such clients is left out too (RFC 7591 §2: the answer says what was granted).
    """
    grants = asked.words("grant_types", (oauth.AUTHORIZATION_CODE,))
    told: dict[str, Any] = {
        "redirect_uris": list(asked.words("redirect_uris")),
        "response_types": [oauth.CODE],
        "grant_types": list(grants),
        "application_type": ClientKind.NATIVE.value if asked.is_native else ClientKind.WEB.value,
        "token_endpoint_auth_method": asked.auth_method,
        "subject_type": "pairwise",
        "id_token_signed_response_alg": asked.word("id_token_signed_response_alg", "RS256"),
        "scope": " ".join(_scopes(asked, grants)),
    }
    told |= {name: asked.word(name) for name in ("client_name", *ADDRESSES, *_ALGS) if asked.word(name)}
    told |= {name: True for name in SWITCHES if asked.flag(name)}
    told |= {name: list(asked.words(name)) for name in ("contacts", "post_logout_redirect_uris") if asked.words(name)}
    return told | ({"jwks": public_keys(asked.values["jwks"])} if "jwks" in asked.values else {})


def information(registration: Registration, issuer: str, *, secret: str = "", token: str = "") -> dict[str, object]:
    """The client information response (RFC 7591 §3.2.1). `secret` and `token`: told where they are new, else kept."""
    told: dict[str, object] = {
        **registration.metadata,
        "client_id": registration.client_id,
        "client_id_issued_at": int(registration.registered_at.timestamp()),
        "registration_client_uri": client_uri(issuer, registration.client_id),
    }
    if secret:
        told |= {"client_secret": secret, "client_secret_expires_at": int(registration.expires_at.timestamp())}
    return told | ({"registration_access_token": token} if token else {})


def client_uri(issuer: str, client_id: str) -> str:
    """Where a client reads, changes and deletes what is kept of it (RFC 7592 §2)."""
    return with_parameters(issuer + REGISTER_PATH, {oauth.CLIENT_ID: client_id})


_ALGS = ("userinfo_signed_response_alg", "token_endpoint_auth_signing_alg")


def _scopes(asked: Asked, grants: tuple[str, ...]) -> tuple[str, ...]:
    """`openid` always; to renew tokens is for whoever asked for the grant of that name."""
    wanted: Mapping[str, None] = dict.fromkeys(asked.word("scope").split() or REGISTERED_SCOPES)
    known = (scope for scope in REGISTERED_SCOPES if scope == oauth.OPENID or scope in wanted)
    return tuple(scope for scope in known if scope != oauth.OFFLINE_ACCESS or oauth.REFRESH_TOKEN in grants)
