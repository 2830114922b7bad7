"""OpenID Connect client: a source of logins by the code flow with PKCE (OIDC Core §3.1, RFC 7636, RFC 9207).

Authlib builds the requests and authenticates us at the token endpoint; every check of what comes back is ours, each
with its own refusal.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc6750 import add_bearer_token
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from broker.domain.errors import TicketRefused, UpstreamRefused, UpstreamUnavailable
from broker.domain.identity import AccountKey, AuthnContext, UpstreamIdentity, UpstreamProtocol
from broker.domain.ports import Departure, Return, UpstreamLogout
from broker.domain.sessions import HALF, SECOND_FACTORS
from broker.wire.jose import SignedClaims, TokenRefused, verify_id_token, verify_userinfo
from connectors.claims import Claims, PlainProfile, Profile, text_of, texts_of
from connectors.oidc_provider import Provider, ProviderMetadata, parse_object
from connectors.outbound import Answer, Outbound, OutboundLimits, open_outbound

SUBJECT_FORMAT = "oidc:sub"
STATE_PARAMETER = "state"
CLOCK_SKEW = 60
"""Seconds by which a provider's clock may be ahead of ours or behind."""
MOST_CODE = 2048
MOST_HINT = 4096
"""Longer ID tokens are not kept for the logout: they would not fit into an address everywhere."""

_FACTORS = frozenset({*SECOND_FACTORS, HALF})
_OK = 200
_SERVER_FAULT = 500
_JSON = {"accept": "application/json"}
_ACCESS_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,8192}")  # RFC 6750 §2.1


@dataclass(frozen=True, slots=True)
class OidcSource:
    """How to reach one provider. `issuer` exactly as its metadata writes it; `algorithms` pins what it signs with."""

    source_id: str
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    auth_method: str = "client_secret_post"
    scopes: tuple[str, ...] = ("openid", "profile")
    acr_values: tuple[str, ...] = ()
    """What is asked for, the best first; a login by anything else is refused (FranceConnect, ProConnect)."""
    algorithms: tuple[str, ...] = ("RS256", "ES256")
    profile: Profile = field(default_factory=PlainProfile)
    tells_factors: bool = False
    """Its word counts that a second factor was shown (a source of agents)."""
    ca_file: Path | None = None
    limits: OutboundLimits = field(default_factory=OutboundLimits)

    def open(self, *, monotonic: Callable[[], float] = time.monotonic) -> OidcConnector:
        """Make the connector; nothing is fetched yet. Raises `ValueError`, `OSError` for settings of no use."""
        if self.auth_method not in {"client_secret_basic", "client_secret_post"}:
            raise ValueError("client_secret_basic or client_secret_post")
        if not self.client_secret.strip():
            raise ValueError("an empty client secret is none")
        outbound = open_outbound(ca_file=self.ca_file, limits=self.limits)
        return OidcConnector(self, outbound, Provider(self.issuer, outbound, monotonic=monotonic))


@dataclass(frozen=True, slots=True)
class _Tokens:
    id_token: str
    access_token: str


@dataclass(frozen=True, slots=True)
class OidcConnector:
    """`RedirectConnector` over OpenID Connect."""

    source: OidcSource
    outbound: Outbound
    provider: Provider

    @property
    def state_parameter(self) -> str:
        """OAuth's own (RFC 6749 §4.1.2)."""
        return STATE_PARAMETER

    def start(self, *, return_url: str, state: str, force: bool) -> Departure:
        """Build the authorization request; `force` asks for a new proof and for the time it was made."""
        private = {
            "state": state,
            "nonce": secrets.token_urlsafe(32),
            "verifier": secrets.token_urlsafe(48),
            "return_url": return_url,
            "force": "1" if force else "",
        }
        fresh = {"prompt": "login", "max_age": "0"} if force else {}
        asked = {"acr_values": " ".join(self.source.acr_values)} if self.source.acr_values else {}
        url = prepare_grant_uri(
            self.provider.metadata().authorization_endpoint,
            client_id=self.source.client_id,
            response_type="code",
            redirect_uri=return_url,
            scope=list(self.source.scopes),
            state=state,
            nonce=private["nonce"],
            code_challenge=create_s256_code_challenge(private["verifier"]),
            code_challenge_method="S256",
            **fresh,
            **asked,
        )
        return Departure(str(url), private)

    def finish(self, answer: Return, *, private: Mapping[str, str], now: datetime) -> UpstreamIdentity:
        """Check the authorization response, redeem the code, verify the ID token, read the claims."""
        metadata = self.provider.metadata()
        _check_state(answer, private)
        _check_iss(answer, metadata)
        code = _code(answer)
        tokens = self._redeem(code, private, metadata)
        signed = self._verify(tokens, private, now=now)
        self._check_acr(signed)
        claims = {**self._userinfo(tokens, signed, metadata), **signed}
        proven_at = _auth_time(signed, private, now=now)
        authn = AuthnContext(
            acr=text_of(claims, "acr"),
            amr=(*self._shown(signed, claims), *self.source.profile.methods(claims)),
            auth_time=proven_at or now,
            authority=self.source.source_id,
            proven=proven_at is not None,
        )
        return self._identity(claims, authn=authn, code=code, id_token=tokens.id_token, now=now)

    def start_logout(self, *, hint: str, return_url: str, state: str) -> UpstreamLogout | None:
        """RP-Initiated Logout §2: with the ID token of the login the provider need not ask the person again."""
        endpoint = self.provider.metadata().end_session_endpoint
        if not endpoint:
            return None
        told = {"id_token_hint": hint} if hint else {}
        query = {**told, "client_id": self.source.client_id, "post_logout_redirect_uri": return_url, "state": state}
        return UpstreamLogout(f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}")

    def finish_logout(self, answer: Return, *, state: str) -> bool:
        """A provider leads back once it has signed the person out (§3), with our state."""
        return hmac.compare_digest(answer.params.get(STATE_PARAMETER, "").encode(), state.encode())

    def close(self) -> None:
        """Give back the connections."""
        self.outbound.close()

    def _redeem(self, code: str, private: Mapping[str, str], metadata: ProviderMetadata) -> _Tokens:
        body = prepare_token_request(
            "authorization_code", redirect_uri=private["return_url"], code=code, code_verifier=private["verifier"]
        )
        headers, body = self._authenticated(metadata.token_endpoint, str(body))
        answer = self.outbound.post_form(metadata.token_endpoint, body=body, headers=headers)
        if answer.status >= _SERVER_FAULT:
            raise UpstreamUnavailable(f"token endpoint answered {answer.status}")
        if answer.status != _OK:
            raise _refusal(answer)
        fields = parse_object(answer.body)
        id_token, access_token = fields.get("id_token"), fields.get("access_token")
        if not isinstance(id_token, str) or not isinstance(access_token, str):
            raise UpstreamRefused("token answer without ID token or access token")
        if not _ACCESS_TOKEN.fullmatch(access_token):
            raise UpstreamRefused("access token that cannot travel in a header")
        if str(fields.get("token_type", "")).lower() != "bearer":
            raise UpstreamRefused("token answer is not a bearer token")
        return _Tokens(id_token, access_token)

    def _authenticated(self, url: str, body: str) -> tuple[dict[str, str], str]:
        """Our client authentication. Basic wants both halves form-encoded first (RFC 6749 §2.3.1)."""
        basic = self.source.auth_method == "client_secret_basic"
        client_id = quote(self.source.client_id, safe="") if basic else self.source.client_id
        secret = quote(self.source.client_secret, safe="") if basic else self.source.client_secret
        auth = ClientAuth(client_id, secret, self.source.auth_method)
        _, headers, signed_body = auth.prepare("POST", url, dict(_JSON), body)
        return headers, str(signed_body)

    def _verify(self, tokens: _Tokens, private: Mapping[str, str], *, now: datetime) -> SignedClaims:
        try:
            return verify_id_token(
                tokens.id_token,
                self.provider.keys(_kid(tokens.id_token)),
                issuer=self.source.issuer,
                audience=self.source.client_id,
                nonce=private["nonce"],
                now=now,
                leeway=CLOCK_SKEW,
                algorithms=self.source.algorithms,
                access_token=tokens.access_token,
            )
        except TokenRefused as fault:
            raise UpstreamRefused(f"ID token refused: {fault.reason}") from None

    def _check_acr(self, signed: SignedClaims) -> None:
        """A login that proves less than was asked for is none: a browser can drop that wish from our request unseen."""
        if self.source.acr_values and signed.get("acr") not in self.source.acr_values:
            raise UpstreamRefused("a login that proves less than was asked for")

    def _shown(self, signed: SignedClaims, claims: Claims) -> tuple[str, ...]:
        """How the person proved who they are: as the ID token signs it, of a trusted source also as userinfo tells.

        A second factor counts only where the settings trust this source with it: any provider could claim one, and
        what it claims opens more here than its own pages (LR-17).
        """
        if self.source.tells_factors:
            return texts_of(claims, "amr")
        return tuple(each for each in texts_of(signed, "amr") if each not in _FACTORS)

    def _userinfo(self, tokens: _Tokens, signed: SignedClaims, metadata: ProviderMetadata) -> dict[str, Any]:
        """Claims of the userinfo endpoint, of the very person of the ID token (OIDC Core §5.3.2)."""
        if not metadata.userinfo_endpoint:
            return {}
        url, headers, _ = add_bearer_token(tokens.access_token, metadata.userinfo_endpoint, dict(_JSON), None)
        answer = self.outbound.get(str(url), headers=headers)
        if answer.status >= _SERVER_FAULT:
            raise UpstreamUnavailable(f"userinfo answered {answer.status}")
        if answer.status != _OK:
            raise UpstreamRefused(f"userinfo answered {answer.status}")
        claims = self._signed_userinfo(answer) if _is_jwt(answer) else parse_object(answer.body)
        if claims.get("sub") != signed["sub"]:
            raise UpstreamRefused("userinfo of another person")
        return claims

    def _signed_userinfo(self, answer: Answer) -> dict[str, Any]:
        """Claims that the provider signed (FranceConnect and ProConnect answer so)."""
        token = answer.body.decode("ascii", "replace").strip()
        try:
            signed = verify_userinfo(
                token,
                self.provider.keys(_kid(token)),
                issuer=self.source.issuer,
                audience=self.source.client_id,
                algorithms=self.source.algorithms,
            )
        except TokenRefused as fault:
            raise UpstreamRefused(f"userinfo refused: {fault.reason}") from None
        return dict(signed)

    def _identity(
        self, claims: Claims, *, authn: AuthnContext, code: str, id_token: str, now: datetime
    ) -> UpstreamIdentity:
        return UpstreamIdentity(
            key=AccountKey(UpstreamProtocol.OIDC, self.source.issuer, SUBJECT_FORMAT, str(claims["sub"])),
            authn=authn,
            references=self.source.profile.references(claims),
            posts=self.source.profile.posts(claims, now=now),
            display=_display(claims),
            logout_hint=id_token if len(id_token) <= MOST_HINT else "",
            answer=code,
        )


def _check_state(answer: Return, private: Mapping[str, str]) -> None:
    if not hmac.compare_digest(answer.params.get("state", "").encode(), private["state"].encode()):
        raise UpstreamRefused("another state came back")


def _check_iss(answer: Return, metadata: ProviderMetadata) -> None:
    """The answer names its issuer where the provider says it does, and never another one (mix-up, RFC 9207 §2.4)."""
    stated = answer.params.get("iss")
    if stated is None and metadata.sends_iss:
        raise UpstreamRefused("the answer does not name its issuer")
    if stated is not None and stated != metadata.issuer:
        raise UpstreamRefused("the answer names another issuer")


def _is_jwt(answer: Answer) -> bool:
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/jwt"


def _code(answer: Return) -> str:
    if "error" in answer.params:
        raise UpstreamRefused("the source answered with an error")
    code = answer.params.get("code", "")
    if not code or len(code) > MOST_CODE or not code.isascii() or not code.isprintable():
        raise UpstreamRefused("no usable code")
    return code


def _kid(token: str) -> str:
    """The key the token names, read only to know whether the kept key set is too old; nothing is believed."""
    head = token.partition(".")[0][:4096]
    try:
        header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, RecursionError):
        return ""
    kid = header.get("kid", "") if isinstance(header, dict) else ""
    return kid if isinstance(kid, str) else ""


def _refusal(answer: Answer) -> TicketRefused | UpstreamRefused:
    """What a token endpoint meant that gave no token: only `invalid_grant` is its word on this code (RFC 6749 §5.2)."""
    cause = f"token endpoint answered {answer.status}"
    with suppress(UpstreamRefused):
        if parse_object(answer.body).get("error") == "invalid_grant":
            return TicketRefused(cause)
    return UpstreamRefused(cause)


def _auth_time(signed: SignedClaims, private: Mapping[str, str], *, now: datetime) -> datetime | None:
    """When the person proved who they are; None where the provider does not tell.

    Asked for a new proof, it has to tell (OIDC Core §3.1.2.1): a browser can drop that wish from our request unseen.
    """
    stated = signed.get("auth_time")
    if stated is None and private["force"]:
        raise UpstreamRefused("a new proof was asked for and its time is not told")
    if stated is None:
        return None
    latest = now.timestamp() + CLOCK_SKEW
    if isinstance(stated, bool) or not isinstance(stated, int | float) or not 0 < stated <= latest:
        raise UpstreamRefused("auth_time is not a time that has passed")
    return min(datetime.fromtimestamp(stated, UTC), now)


def _display(claims: Claims) -> str:
    """A name for the person's own eyes; it decides nothing."""
    full = text_of(claims, "name") or f"{text_of(claims, 'given_name')} {text_of(claims, 'family_name')}"
    return full.strip()[:120]
