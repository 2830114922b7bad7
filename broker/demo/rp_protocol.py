"""What any careful OpenID Connect relying party does: ask, redeem, verify, read (OIDC Core §3.1).

Authlib builds the requests (PKCE, state, client authentication), joserfc verifies the ID token. Nothing is taken from
an answer that fails a check.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.errors import OAuth2Error
from authlib.oauth2.rfc6749.parameters import (
    parse_authorization_code_response,
    prepare_grant_uri,
    prepare_token_request,
)
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

TIMEOUT = 10.0
ALGORITHMS = ["ES256", "RS256"]
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


class Failed(Exception):
    """A sign-in that this service does not accept; the text is for its own log and its demonstration page."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in under way, kept in the browser's signed cookie."""

    state: str
    nonce: str
    verifier: str
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class Received:
    """What this service was told: who (`sub`), by the ID token and by userinfo."""

    sub: str
    id_claims: Mapping[str, Any]
    claims: Mapping[str, Any]


class BrokerClient:
    """One service's side of the protocol. Metadata is fetched when first needed, keys at each sign-in."""

    def __init__(
        self, issuer: str, *, client_id: str, secret: str, scopes: tuple[str, ...], http: httpx.Client
    ) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._auth = ClientAuth(client_id, secret, "client_secret_basic")
        self._scope = " ".join(scopes)
        self._http = http
        self._metadata: dict[str, Any] = {}

    def begin(self, redirect_uri: str) -> tuple[str, Pending]:
        """Return where to send the browser, and what to remember."""
        pending = Pending(_random(), _random(), _random(), redirect_uri)
        url = prepare_grant_uri(
            self._known()["authorization_endpoint"], self._client_id, "code", redirect_uri=redirect_uri,
            scope=self._scope, state=pending.state, nonce=pending.nonce,
            code_challenge=create_s256_code_challenge(pending.verifier), code_challenge_method="S256",
        )  # fmt: skip
        return str(url), pending

    def finish(self, url: str, answer: Mapping[str, str], pending: Pending) -> Received:
        """Check the answer, redeem the code, verify the ID token, read userinfo. Raises `Failed`."""
        if answer.get("iss") != self._issuer:
            raise Failed("the answer does not name our issuer (RFC 9207)")
        if "error" in answer:
            raise Failed(f"the broker answered {answer['error']}")
        try:
            code = parse_authorization_code_response(url, state=pending.state)["code"]
        except OAuth2Error as fault:
            raise Failed(f"the answer is not ours: {fault.error}") from fault
        tokens = self._redeem(code, pending)
        id_claims = self._verified(tokens["id_token"], pending.nonce)
        claims = self._read(self._known()["userinfo_endpoint"], {"Authorization": f"Bearer {tokens['access_token']}"})
        if claims.get("sub") != id_claims["sub"]:
            raise Failed("userinfo is about somebody else (OIDC Core §5.3.2)")
        return Received(id_claims["sub"], id_claims, claims)

    def ended(self, logout_token: str) -> str:
        """Return the `sid` that a logout token ends (Back-Channel Logout §2.6). Raises `Failed`."""
        needed = {name: {"essential": True} for name in ("exp", "iat", "jti", "sid")}
        claims = self._claims(logout_token, needed, typ="logout+jwt")
        if "nonce" in claims or LOGOUT_EVENT not in claims.get("events", {}):
            raise Failed("no logout token")
        return str(claims["sid"])

    def _redeem(self, code: str, pending: Pending) -> dict[str, Any]:
        endpoint = self._known()["token_endpoint"]
        body = prepare_token_request(
            "authorization_code", code=code, redirect_uri=pending.redirect_uri, code_verifier=pending.verifier
        )
        form = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        uri, headers, body = self._auth.prepare("POST", endpoint, form, body)
        tokens = self._send(self._http.build_request("POST", uri, content=body, headers=headers))
        if not {"access_token", "id_token"} <= tokens.keys():
            raise Failed("the token endpoint gave no token")
        return tokens

    def _verified(self, id_token: str, nonce: str) -> dict[str, Any]:
        """Verify signature, issuer, audience, times and nonce (OIDC Core §3.1.3.7)."""
        needed = {name: {"essential": True} for name in ("sub", "exp", "iat", "nonce")}
        claims = self._claims(id_token, needed, typ="JWT")
        if not hmac.compare_digest(str(claims["nonce"]), nonce):
            raise Failed("the ID token answers another request (nonce)")
        return claims

    def _claims(self, token: str, needed: dict[str, Any], *, typ: str) -> dict[str, Any]:
        """Claims of a token of the broker's for this service, of this type and no other (RFC 8725 §3.11)."""
        keys = KeySet.import_key_set(self._read(self._known()["jwks_uri"], {}))  # type: ignore[arg-type]
        fixed = {"iss": self._issuer, "aud": self._client_id}
        exact = {name: {"essential": True, "value": value} for name, value in fixed.items()}
        rules = jwt.JWTClaimsRegistry(leeway=30, **needed, **exact)  # type: ignore[arg-type]
        try:
            decoded = jwt.decode(token, keys, algorithms=ALGORITHMS)
            rules.validate(decoded.claims)
        except (JoseError, ValueError) as fault:
            raise Failed(f"the token does not hold: {type(fault).__name__}") from fault
        if decoded.header.get("typ", "JWT") != typ:
            raise Failed(f"the token is no {typ}")
        return dict(decoded.claims)

    def _known(self) -> dict[str, Any]:
        if not self._metadata:
            found = self._read(f"{self._issuer}/.well-known/openid-configuration", {})
            if found.get("issuer") != self._issuer:
                raise Failed("discovery names another issuer (OIDC Discovery §4.3)")
            self._metadata = found
        return self._metadata

    def _read(self, url: str, headers: Mapping[str, str]) -> dict[str, Any]:
        return self._send(self._http.build_request("GET", url, headers=dict(headers)))

    def _send(self, request: httpx.Request) -> dict[str, Any]:
        try:
            answer = self._http.send(request)
            answer.raise_for_status()
            found: dict[str, Any] = answer.json()
        except (httpx.HTTPError, ValueError) as fault:
            raise Failed(f"no usable answer from {request.url.path}") from fault
        return found


def _random() -> str:
    return secrets.token_urlsafe(32)
