"""A client of high assurance: its keys, the assertions and proofs it makes, and the stand it talks to (FAPI 2.0)."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from itertools import count
from typing import Any
from urllib.parse import urlencode

from broker.domain.services import Service, TokenAuthMethod
from broker.wire import oauth
from broker.wire.jose import SigningKey, export_jwks, generate_key, public_jwk
from broker.wire.jose.keys import PinnedRegistry
from tests.oidc_stand import ISSUER, Answer, Browser, Stand, authorization, open_stand, redemption, service

WARM_UP = 60
"""Seconds after which a store of proofs knows enough to take every proof that is made now."""
_numbers = count(1)


def key(alg: str = "ES256", name: str = "") -> SigningKey:
    """The key of this algorithm and name, made once."""
    return _key(alg, name)


@cache
def _key(alg: str, _name: str) -> SigningKey:
    return generate_key(alg)


def jwks(*keys: SigningKey) -> str:
    """The public key set of a client."""
    return export_jwks(public_jwk(each) for each in keys).decode()


def signed(header: Mapping[str, Any], claims: Mapping[str, Any], by: SigningKey) -> str:
    """A validly signed JWS, whatever it says; a header or claim that is `...` is left out."""
    head, body = (_segment(json.dumps({k: v for k, v in part.items() if v is not ...})) for part in (header, claims))
    registry = PinnedRegistry(by.alg, strict=False)
    signature = registry.get_alg(by.alg).sign(f"{head}.{body}".encode(), by.key)
    return f"{head}.{body}.{_segment(signature)}"


def _segment(content: str | bytes) -> str:
    raw = content.encode() if isinstance(content, str) else content
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def jwk_of(by: SigningKey) -> dict[str, Any]:
    """The public key as a proof carries it."""
    whole = json.loads(public_jwk(by))
    return {name: value for name, value in whole.items() if name not in {"kid", "alg", "use"}}


def assertion(
    client_id: str, *, now: datetime, by: SigningKey | None = None, header: Any = None, **changes: Any
) -> str:
    """A client assertion, good unless changed."""
    by, at = by or key(), int(now.timestamp())
    claims = {"iss": client_id, "sub": client_id, "aud": ISSUER, "exp": at + 60, "iat": at, "jti": f"a{next(_numbers)}"}
    return signed({"alg": by.alg, "kid": by.kid, **(header or {})}, {**claims, **changes}, by)


def proof(
    method: str, path: str, *, now: datetime, by: SigningKey | None = None, header: Any = None, **more: Any
) -> str:
    """A DPoP proof, good unless changed."""
    by, at = by or key(name="dpop"), int(now.timestamp())
    head = {"typ": "dpop+jwt", "alg": by.alg, "jwk": jwk_of(by), **(header or {})}
    claims = {"htm": method, "htu": ISSUER + path, "iat": at, "jti": f"p{next(_numbers)}"}
    return signed(head, {**claims, **more}, by)


def ath(token: str) -> str:
    """The hash of an access token, as a proof names it."""
    return _segment(hashlib.sha256(token.encode()).digest())


def fapi_service(service_id: str, *keys: SigningKey, more_scopes: tuple[str, ...] = (), **changes: Any) -> Service:
    """A service whose one client follows the profile."""
    plain = service(service_id, auth_method=TokenAuthMethod.PRIVATE_KEY_JWT, more_scopes=more_scopes)
    told: dict[str, Any] = {
        "secret_digest": "",
        "jwks": jwks(*(keys or (key(),))),
        "par": True,
        "dpop": True,
        **changes,
    }
    return replace(plain, parties=(replace(plain.parties[0], **told),))


@dataclass(slots=True)
class FapiClient:
    """The client at work. What is given as `assertion` or `proof` replaces what it would send itself; "" sends none."""

    stand: Stand
    client_id: str = "cantine"
    by: SigningKey = field(default_factory=key)
    dpop: SigningKey = field(default_factory=lambda: key(name="dpop"))

    @property
    def now(self) -> datetime:
        """The clock of the stand."""
        return self.stand.clock()

    def credentials(self, shown: str | None = None, **changes: Any) -> dict[str, str]:
        """What authenticates the client."""
        made = assertion(self.client_id, now=self.now, by=self.by, **changes) if shown is None else shown
        return {oauth.CLIENT_ASSERTION_TYPE: oauth.JWT_BEARER, oauth.CLIENT_ASSERTION: made} if made else {}

    def header(self, method: str, path: str, shown: str | None = None, **more: Any) -> dict[str, str]:
        """The DPoP header of a request."""
        made = proof(method, path, now=self.now, by=self.dpop, **more) if shown is None else shown
        return {"DPoP": made} if made else {}

    def push(
        self, *, shown: str | None = None, headers: Mapping[str, str] | None = None, **changes: str | None
    ) -> Answer:
        """Push a request."""
        form = {**self.credentials(shown), **authorization(self.client_id, **changes)}
        return self.stand.call("POST", "/par", headers=headers or {}, form=form)

    def uri(self, **changes: Any) -> str:
        """The handle of a request just pushed."""
        handle: str = self.push(**changes).json["request_uri"]
        return handle

    def authorize(self, browser: Browser, uri: str | None = None, **outside: str) -> Answer:
        """Send the browser with the handle of a request."""
        asked = {"client_id": self.client_id, "request_uri": uri or self.uri(), **outside}
        return self.stand.call("GET", "/authorize?" + urlencode(asked), browser=browser)

    def code(self, browser: Browser | None = None, **changes: Any) -> str:
        """A code for a signed-in browser."""
        return self.authorize(browser or self.stand.sign_in(), self.uri(**changes)).told["code"]

    def redeem(self, code: str, *, shown: str | None = None, dpop: str | None = None, **changes: str | None) -> Answer:
        """Redeem a code."""
        form = {
            **redemption(code, redirect_uri=f"https://{self.client_id}.example/retour", **changes),
            **self.credentials(shown),
        }
        return self.stand.call("POST", "/token", headers=self.header("POST", "/token", dpop), form=form)

    def refresh(self, token: str, *, dpop: str | None = None) -> Answer:
        """Renew the tokens."""
        form = {"grant_type": "refresh_token", "refresh_token": token, **self.credentials()}
        return self.stand.call("POST", "/token", headers=self.header("POST", "/token", dpop), form=form)

    def userinfo(self, token: str, *, scheme: str = "DPoP", dpop: str | None = None, **more: Any) -> Answer:
        """Ask who the person is."""
        headers = self.header("GET", "/userinfo", dpop, **{"ath": ath(token), **more})
        return self.stand.call("GET", "/userinfo", headers={"Authorization": f"{scheme} {token}", **headers})


@contextmanager
def fapi_stand(sqlite_url: str, *services: Service) -> Iterator[Stand]:
    """A stand with two clients of the profile, whose store of proofs has run for a minute."""
    with open_stand(sqlite_url, services=services or (fapi_service("cantine"), fapi_service("bourses"))) as opened:
        opened.clock.advance(WARM_UP)
        yield opened
