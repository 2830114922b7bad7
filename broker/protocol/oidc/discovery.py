"""Discovery and keys (OIDC Discovery §3, RFC 8414 §2): they list only what exists, as it is now."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from broker.domain.services import GrantType, TokenAuthMethod
from broker.protocol.endpoint import Call
from broker.protocol.oidc.provider import (
    AUTHORIZE_PATH,
    DEVICE_AUTHORIZATION_PATH,
    DOCUMENTATION_PATH,
    END_SESSION_PATH,
    INTROSPECTION_PATH,
    JWKS_PATH,
    PUSH_PATH,
    REGISTER_PATH,
    REVOCATION_PATH,
    SCOPE_CLAIMS,
    TOKEN_PATH,
    USERINFO_PATH,
)
from broker.protocol.oidc.requests import LOCALES
from broker.protocol.oidc.signing import Signer
from broker.wire import oauth
from broker.wire.http import Headers, PlainResponse
from broker.wire.jose import ENCRYPTION_ALGS, ENCRYPTION_ENCS, FAPI_ALGS, SIGNING_ALGS

PUBLIC: Headers = (
    ("Content-Type", "application/json"),
    ("Cache-Control", "public, max-age=300"),
    ("Access-Control-Allow-Origin", "*"),
    ("Cross-Origin-Resource-Policy", "cross-origin"),
)
"""Public documents: any page may read them, and an old copy does no harm (keys are published before use)."""

_PROTOCOL_CLAIMS = (
    "sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash",
)  # fmt: skip

_ALWAYS = {
    "authorization_response_iss_parameter_supported": True,
    "backchannel_logout_supported": True,
    "backchannel_logout_session_supported": True,
    "frontchannel_logout_supported": True,
    "frontchannel_logout_session_supported": True,
    "claims_parameter_supported": True,
    "request_parameter_supported": False,
    "request_uri_parameter_supported": False,
}
"""What hangs on no setting."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """The two public documents."""

    document: Callable[[], bytes]
    signer: Signer

    def metadata(self, call: Call) -> PlainResponse:  # noqa: ARG002
        """The provider's metadata."""
        return PlainResponse(200, PUBLIC, self.document())

    def jwks(self, call: Call) -> PlainResponse:  # noqa: ARG002
        """The provider's public keys."""
        return PlainResponse(200, PUBLIC, self.signer.ring().jwks)


def build_metadata(issuer: str, *, algs: Iterable[str], registration: bool = False) -> bytes:
    """The metadata document of an issuer. `registration`: clients may register themselves."""
    signing = list(SIGNING_ALGS if registration else FAPI_ALGS)
    told = {claim.value for claims in SCOPE_CLAIMS.values() for claim in claims}
    content = {
        "issuer": issuer,
        "authorization_endpoint": issuer + AUTHORIZE_PATH,
        "token_endpoint": issuer + TOKEN_PATH,
        "userinfo_endpoint": issuer + USERINFO_PATH,
        "revocation_endpoint": issuer + REVOCATION_PATH,
        "introspection_endpoint": issuer + INTROSPECTION_PATH,
        "device_authorization_endpoint": issuer + DEVICE_AUTHORIZATION_PATH,
        "pushed_authorization_request_endpoint": issuer + PUSH_PATH,
        "end_session_endpoint": issuer + END_SESSION_PATH,
        "jwks_uri": issuer + JWKS_PATH,
        "service_documentation": issuer + DOCUMENTATION_PATH,
        "scopes_supported": list(SCOPE_CLAIMS),
        "claims_supported": [*_PROTOCOL_CLAIMS, *sorted(told)],
        "claim_types_supported": ["normal"],
        "response_types_supported": [oauth.CODE],
        "response_modes_supported": [oauth.QUERY, oauth.FORM_POST],
        "grant_types_supported": [*(grant.value for grant in GrantType), oauth.REFRESH_TOKEN],
        "subject_types_supported": ["pairwise"],
        **_envelopes("id_token", algs),
        **_envelopes("userinfo", algs),
        **({"registration_endpoint": issuer + REGISTER_PATH} if registration else {}),
        "token_endpoint_auth_methods_supported": [method.value for method in TokenAuthMethod],
        "revocation_endpoint_auth_methods_supported": [method.value for method in TokenAuthMethod],
        "introspection_endpoint_auth_methods_supported": [
            method.value for method in TokenAuthMethod if method is not TokenAuthMethod.NONE
        ],
        "token_endpoint_auth_signing_alg_values_supported": signing,
        "revocation_endpoint_auth_signing_alg_values_supported": signing,
        "introspection_endpoint_auth_signing_alg_values_supported": signing,
        "dpop_signing_alg_values_supported": list(FAPI_ALGS),
        "require_pushed_authorization_requests": False,
        "code_challenge_methods_supported": [oauth.S256],
        "prompt_values_supported": [oauth.NONE, oauth.LOGIN, oauth.CONSENT, oauth.SELECT_ACCOUNT],
        "ui_locales_supported": list(LOCALES),
        **_ALWAYS,
    }
    return json.dumps(content, indent=1).encode()


def _envelopes(what: str, algs: Iterable[str]) -> dict[str, list[str]]:
    """How ID tokens, or userinfo, may be signed and encrypted."""
    return {
        f"{what}_signing_alg_values_supported": sorted(algs),
        f"{what}_encryption_alg_values_supported": list(ENCRYPTION_ALGS),
        f"{what}_encryption_enc_values_supported": list(ENCRYPTION_ENCS),
    }
