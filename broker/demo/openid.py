"""The EduConnect-shaped OpenID provider without its pages: requests, codes, tokens, claims.

Shape (as observed from services that use the real one): client secret in the POST body, claims at userinfo,
`FrEduCt…` names, empty strings where a guardian has no pupil attribute. Code flow only, PKCE S256 (RFC 7636), the
issuer named in the answer (RFC 9207), a code used twice kills its tokens (RFC 6749 §4.1.2).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from broker.demo.once import Handles, Seconds
from broker.demo.people import Account, Pupil
from broker.demo.schools import BY_KEY

ACADEMIE = "99"
PATHS = {
    "authorization_endpoint": "/idp/profile/oidc/authorize",
    "token_endpoint": "/idp/profile/oidc/token",
    "userinfo_endpoint": "/idp/profile/oidc/userinfo",
    "jwks_uri": "/idp/profile/oidc/keyset",
    "end_session_endpoint": "/idp/profile/oidc/logout",
}
CODE_LIFE, TOKEN_LIFE, ID_TOKEN_LIFE = 60, 600, 600


@dataclass(frozen=True, slots=True)
class OpClient:
    """A service known to the provider."""

    client_id: str
    secret: str
    redirect_uris: tuple[str, ...]
    logout_uris: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """An authorization request that passed its checks."""

    client_id: str
    redirect_uri: str
    state: str
    nonce: str
    challenge: str
    acr: str
    force: bool
    silent: bool
    max_age: int | None
    login_hint: str


@dataclass(frozen=True, slots=True)
class Login:
    """Who signed in, and when (seconds since the epoch)."""

    account: Account
    at: float


@dataclass(frozen=True, slots=True)
class Promise:
    """What a code stands for."""

    ask: Ask
    login: Login
    access_token: str


ClaimsOf = Callable[[Login], dict[str, object]]
"""What userinfo says of who signed in."""


class Refused(Exception):
    """A request the provider refuses: an OAuth error code, and the status that goes with it."""

    def __init__(self, error: str, *, status: int = 400) -> None:
        super().__init__(error)
        self.error = error
        self.status = status


class Provider:
    """The provider's memory and rules. One key pair a start; `now` is injected."""

    def __init__(
        self, issuer: str, client: OpClient, *, pairwise: bytes, now: Seconds, claims: ClaimsOf | None = None
    ) -> None:
        """Make a provider. `pairwise`: key of the subjects; empty: each account's own login is its subject."""
        self._claims = claims or claims_of
        self.issuer = issuer
        self.client = client
        self._pairwise = pairwise
        self._now = now
        self._key = RSAKey.generate_key(2048, parameters={"use": "sig", "alg": "RS256"}, auto_kid=True)
        self._codes: Handles[Promise] = Handles(life=CODE_LIFE, now=now)
        self._spent: Handles[str] = Handles(life=TOKEN_LIFE, now=now)
        self._tokens: Handles[Login] = Handles(life=TOKEN_LIFE, now=now)

    def metadata(self) -> dict[str, object]:
        """Return the discovery document (OIDC Discovery §3)."""
        return {
            "issuer": self.issuer,
            **{name: self.issuer + path for name, path in PATHS.items()},
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "profile", "ect.scope.cnx", "ect.scope.preau"],
            "acr_values_supported": ["eleve", "responsable"],
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        }

    def keys(self) -> Mapping[str, object]:
        """Return the public keys."""
        return KeySet([self._key]).as_dict(private=False)

    def trusted(self, params: Mapping[str, str]) -> str:
        """Return the redirect address when client and address are known, so that errors may go there."""
        if params.get("client_id") != self.client.client_id:
            raise Refused("unauthorized_client")
        if params.get("redirect_uri") not in self.client.redirect_uris:
            raise Refused("invalid_redirect_uri")
        return params["redirect_uri"]

    def ask(self, params: Mapping[str, str]) -> Ask:
        """Check an authorization request whose redirect address is trusted."""
        if params.get("response_type") != "code":
            raise Refused("unsupported_response_type")
        if "openid" not in params.get("scope", "").split():
            raise Refused("invalid_scope")
        if params.get("code_challenge_method") != "S256" or not params.get("code_challenge"):
            raise Refused("invalid_request")
        prompts = params.get("prompt", "").split()
        max_age = params.get("max_age", "")
        return Ask(
            params["client_id"], params["redirect_uri"], params.get("state", ""), params.get("nonce", ""),
            params["code_challenge"], params.get("acr_values", ""), "login" in prompts, "none" in prompts,
            int(max_age) if max_age.isdecimal() else None, params.get("login_hint", ""),
        )  # fmt: skip

    def fresh_enough(self, ask: Ask, login: Login | None) -> bool:
        """Tell whether a login of before answers this request."""
        if login is None or ask.force:
            return False
        return ask.max_age is None or self._now() - login.at <= ask.max_age

    def code(self, ask: Ask, login: Login) -> str:
        """Return a code for a signed-in person."""
        return self._codes.put(Promise(ask, login, self._tokens.put(login)))

    def redeem(self, form: Mapping[str, str]) -> dict[str, object]:
        """Answer a token request, or raise `Refused`."""
        if not self._is_client(form):
            raise Refused("invalid_client", status=401)
        if form.get("grant_type") != "authorization_code":
            raise Refused("unsupported_grant_type")
        code = form.get("code", "")
        promise = self._codes.take(code)
        if promise is None:
            self._kill(code)
            raise Refused("invalid_grant")
        self._spent.keep(code, promise.access_token)
        if form.get("redirect_uri") != promise.ask.redirect_uri or not _proves(form, promise.ask.challenge):
            self._kill(code)
            raise Refused("invalid_grant")
        return {
            "access_token": promise.access_token,
            "token_type": "Bearer",
            "expires_in": TOKEN_LIFE,
            "scope": "openid profile",
            "id_token": self._id_token(promise),
        }

    def userinfo(self, access_token: str) -> dict[str, object]:
        """Return the claims of a token's person, or raise `Refused`."""
        login = self._tokens.get(access_token)
        if login is None:
            raise Refused("invalid_token", status=401)
        return {"sub": self.subject(login.account), **self._claims(login)}

    def subject(self, account: Account) -> str:
        """Return the opaque name of an account for this client: 96 hex characters; at a desk the login itself."""
        if not self._pairwise:
            return account.login
        text = f"{self.client.client_id}|{account.login}".encode()
        return hmac.new(self._pairwise, text, hashlib.sha384).hexdigest()

    def _id_token(self, promise: Promise) -> str:
        now = int(self._now())
        half = hashlib.sha256(promise.access_token.encode()).digest()[:16]
        claims = {
            "iss": self.issuer, "sub": self.subject(promise.login.account), "aud": promise.ask.client_id, "iat": now,
            "exp": now + ID_TOKEN_LIFE, "auth_time": int(promise.login.at),
            "at_hash": base64.urlsafe_b64encode(half).decode().rstrip("="),
            **({"nonce": promise.ask.nonce} if promise.ask.nonce else {}),
        }  # fmt: skip
        return jwt.encode({"alg": "RS256", "kid": self._key.kid}, claims, self._key)

    def _is_client(self, form: Mapping[str, str]) -> bool:
        known = hmac.compare_digest(form.get("client_id", "").encode(), self.client.client_id.encode())
        return hmac.compare_digest(form.get("client_secret", "").encode(), self.client.secret.encode()) and known

    def _kill(self, code: str) -> None:
        token = self._spent.take(code)
        if token is not None:
            self._tokens.drop(token)


def claims_of(login: Login) -> dict[str, object]:
    """Return what userinfo says of a person, by its names; a guardian's pupil attributes are there and empty."""
    account = login.account
    moment = datetime.fromtimestamp(login.at, UTC)
    return {
        "given_name": account.given,
        "family_name": account.family,
        "FrEduCtDateConnexion": moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{moment.microsecond // 1000:03d}",
        "FrEduCtPersonAffiliation": list(account.affiliations),
        "FrEduOrigAuth": account.origin,
        "FrEduCtRefId": [f"{{AAF}}{ACADEMIE}|x|{key}" for key in account.keys],
        **_pupil_claims(account.pupil),
    }


def _pupil_claims(pupil: Pupil | None) -> dict[str, str]:
    if pupil is None:
        return {"FrEduCtEleveUAI": "", "FrEduCtEleveINE": "", "FrEduCtEleveNiveau": ""}
    school = BY_KEY[pupil.places[0].school]
    level = school.classroom(pupil.places[0].room).level
    return {"FrEduCtEleveUAI": school.uai, "FrEduCtEleveINE": pupil.ine, "FrEduCtEleveNiveau": level}


def _proves(form: Mapping[str, str], challenge: str) -> bool:
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    return hmac.compare_digest(base64.urlsafe_b64encode(digest).rstrip(b"="), challenge.encode())
