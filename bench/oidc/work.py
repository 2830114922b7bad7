"""The work that every provider does: what is asked, and the check of each answer.

A confidential client with a Basic secret, code with PKCE S256, an ID token, name and e-mail at userinfo, refresh
tokens that rotate. Codes and tokens are made outside the measured time.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from bench.http_client import Client, Cookies, Response, request
from bench.measure import Act, need

SECRET = "perf-secret-perf-secret-perf-secret-perf-secret"  # noqa: S105 (of a client that lives as long as the measure)
REDIRECT = "http://127.0.0.1:9999/cb"
USER = {"given_name": "Dominique", "family_name": "Martin"}
MAIL = "dominique.martin@example.org"
DISTINCT = 50
"""Access tokens that userinfo is asked with in turn."""


@dataclass(slots=True)
class Provider:
    """A provider at `base`, with the session of a person who signed in (`cookies`).

    `told`: what userinfo has to say of them. `share`: it is asked so many times fewer. `connections`: as many as it
    keeps alive at once. `rotates`: whether each refresh brings a new refresh token.
    """

    name: str
    base: str
    client_id: str
    alg: str
    pid: int
    cookies: Cookies
    stores: tuple[int, ...] = ()
    authorize: str = "/authorize"
    token: str = "/token"  # noqa: S105 (a path)
    userinfo: str = "/userinfo"
    jwks: str = "/jwks"
    scope: str = "openid profile email offline_access"
    api: str = "api"
    told: tuple[str, ...] = (*USER.values(), MAIL)
    share: int = 1
    connections: int = 8
    rotates: bool = True
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = Client(self.base)

    @property
    def host(self) -> str:
        """What the Host header says."""
        return urlsplit(self.base).netloc

    def get(self, path: str, **more: str) -> bytes:
        """A GET."""
        return request("GET", path, self.host, headers=more)

    def authorization(self, verifier: str) -> bytes:
        """An authorization request of the person's browser."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code", "client_id": self.client_id, "redirect_uri": REDIRECT, "scope": self.scope,
            "state": secrets.token_urlsafe(8), "nonce": secrets.token_urlsafe(8), "code_challenge": challenge,
            "code_challenge_method": "S256",
        }  # fmt: skip
        return request("GET", f"{self.authorize}?{urlencode(asked)}", self.host, cookies=self.cookies)

    def post(self, **form: str) -> bytes:
        """A token request, with the client's secret."""
        pair = f"{quote(self.client_id, safe='')}:{quote(SECRET, safe='')}".encode()
        basic = {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        return request("POST", self.token, self.host, headers=basic, form=form)

    async def redemption(self) -> bytes:
        """A token request with a fresh code."""
        verifier = secrets.token_urlsafe(32)
        answer = await self.client.send(self.authorization(verifier))
        check_sso(self, answer)
        code = parse_qs(urlsplit(answer.header("location")).query)["code"][0]
        return self.post(grant_type="authorization_code", code=code, redirect_uri=REDIRECT, code_verifier=verifier)

    async def tokens(self) -> dict[str, str]:
        """Fresh tokens."""
        answer = await self.client.send(await self.redemption())
        check_tokens(self, answer)
        found: dict[str, str] = json.loads(answer.body)
        header = found["id_token"].partition(".")[0]
        told = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["alg"]
        need(told == self.alg, answer, f"an ID token signed {told}")
        return found


async def prepare_discovery(provider: Provider, count: int) -> list[bytes]:
    """The metadata."""
    return [provider.get("/.well-known/openid-configuration")] * count


async def prepare_jwks(provider: Provider, count: int) -> list[bytes]:
    """The public keys."""
    return [provider.get(provider.jwks)] * count


async def prepare_sso(provider: Provider, count: int) -> list[bytes]:
    """Authorization requests answered without a page."""
    return [provider.authorization(secrets.token_urlsafe(32)) for _ in range(count)]


async def prepare_token(provider: Provider, count: int) -> list[bytes]:
    """Codes to redeem."""
    return [await provider.redemption() for _ in range(count)]


async def prepare_refresh(provider: Provider, count: int) -> list[bytes]:
    """Refresh tokens to redeem."""
    found = [await provider.tokens() for _ in range(count)]
    return [provider.post(grant_type="refresh_token", refresh_token=each["refresh_token"]) for each in found]


async def prepare_userinfo(provider: Provider, count: int) -> list[bytes]:
    """Userinfo by some access tokens in turn."""
    tokens = [(await provider.tokens())["access_token"] for _ in range(min(count, DISTINCT))]
    asked = [provider.get(provider.userinfo, Authorization=f"Bearer {token}") for token in tokens]
    return [asked[number % len(asked)] for number in range(count)]


async def prepare_client_credentials(provider: Provider, count: int) -> list[bytes]:
    """A client that asks in its own name."""
    return [provider.post(grant_type="client_credentials", scope=provider.api)] * count


def check_discovery(provider: Provider, answer: Response) -> None:
    """The document names the token endpoint."""
    need(answer.status == 200 and f"{provider.base}{provider.token}".encode() in answer.body, answer, "discovery")


def check_jwks(_: Provider, answer: Response) -> None:
    """There are keys."""
    need(answer.status == 200 and b'"kid"' in answer.body, answer, "jwks")


def check_sso(_: Provider, answer: Response) -> None:
    """A code is sent to the client."""
    location = answer.header("location")
    sent = answer.status in {302, 303} and location.startswith(REDIRECT) and "code=" in location
    need(sent and "error" not in location, answer, "authorize")


def check_tokens(_: Provider, answer: Response) -> None:
    """All three tokens."""
    names = (b'"access_token"', b'"id_token"', b'"refresh_token"')
    need(answer.status == 200 and all(name in answer.body for name in names), answer, "token")


def check_refreshed(provider: Provider, answer: Response) -> None:
    """All three again, or two where the provider lets the same refresh token live on."""
    if provider.rotates:
        return check_tokens(provider, answer)
    names = (b'"access_token"', b'"id_token"')
    return need(answer.status == 200 and all(name in answer.body for name in names), answer, "refresh")


def check_userinfo(provider: Provider, answer: Response) -> None:
    """The person, by name and mail."""
    told = ('"sub"', *provider.told)
    need(answer.status == 200 and all(each.encode() in answer.body for each in told), answer, "userinfo")


def check_access_token(_: Provider, answer: Response) -> None:
    """An access token alone."""
    need(answer.status == 200 and b'"access_token"' in answer.body, answer, "client_credentials")


ACTS = {
    act.name: act
    for act in (
        Act("discovery", prepare_discovery, check_discovery),
        Act("jwks", prepare_jwks, check_jwks),
        Act("sso", prepare_sso, check_sso),
        Act("token", prepare_token, check_tokens),
        Act("refresh", prepare_refresh, check_refreshed),
        Act("userinfo", prepare_userinfo, check_userinfo),
        Act("client_credentials", prepare_client_credentials, check_access_token),
    )
}
