"""A relying party as the OpenID Foundation's suite plays it: it asks, redeems, verifies ID tokens, asks userinfo."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jws, jwt
from joserfc.jwk import KeySet

from broker.domain.handles import digest
from broker.domain.services import ClaimName, RelyingParty, Service, TokenAuthMethod
from tests.oidc_stand import SECRET, basic
from tests.web_stand import Answer, Client, WebStand, service

SUITE = "suite"
SCOPES = ("openid", "profile", "email", "phone", "address", "offline_access")


def suite_client(name: str = SUITE, *, by_post: bool = False) -> Service:
    """A service whose client is registered as the suite registers its own."""
    party = RelyingParty(
        name, digest(SECRET), (f"https://{name}.example/retour",),
        TokenAuthMethod.POST if by_post else TokenAuthMethod.BASIC, SCOPES, signing_alg="RS256",
        pkce_waiver="The suite of the Foundation does not send it.",
    )  # fmt: skip
    return service(name, parties=(party,), claims=tuple(ClaimName))


@dataclass(frozen=True, slots=True)
class Rp:
    """One client of a stand, which asks for its answers by one response mode."""

    stand: WebStand
    mode: str = "query"
    client_id: str = SUITE
    by_post: bool = False

    @property
    def redirect_uri(self) -> str:
        """Its one registered address."""
        return f"https://{self.client_id}.example/retour"

    def request(self, **changes: str | None) -> dict[str, str]:
        """A good authorization request; a change to None removes the parameter."""
        good: dict[str, str | None] = {
            "response_type": "code", "client_id": self.client_id, "redirect_uri": self.redirect_uri,
            "scope": "openid profile", "state": "etat-1", "nonce": "nonce-1",
            "response_mode": None if self.mode == "query" else self.mode,
        }  # fmt: skip
        return {name: value for name, value in {**good, **changes}.items() if value is not None}

    def address(self, **changes: str | None) -> str:
        """The address of a good authorization request."""
        return "/authorize?" + urlencode(self.request(**changes))

    def authorize(self, browser: Client, **changes: str | None) -> dict[str, str]:
        """What the client is told in answer to a request."""
        return self.sent(browser, self.request(**changes))

    def sent(self, browser: Client, asked: dict[str, str]) -> dict[str, str]:
        """What the client is told in answer to these parameters, in their order."""
        return self.read(browser.get("/authorize?" + urlencode(asked)))

    def read(self, answer: Answer) -> dict[str, str]:
        """What the client is told, in the mode that it asked for."""
        return self._read_redirect(answer) if self.mode == "query" else self._read_form(answer)

    def _read_redirect(self, answer: Answer) -> dict[str, str]:
        assert (answer.status, answer.location.partition("?")[0]) == (303, self.redirect_uri)
        return dict(parse_qsl(urlsplit(answer.location).query))

    def _read_form(self, answer: Answer) -> dict[str, str]:
        """The page sends itself there and nowhere else, by the one script that may run; without it, by a button."""
        assert (answer.status, answer.location, answer.header("Cache-Control")) == (200, "", "no-store")
        page = SelfPosting(answer.body)
        assert (page.action, page.method, page.buttons) == (self.redirect_uri, "post", 1)
        allowed = b64encode(sha256(page.script.encode()).digest()).decode()
        policy = answer.header("Content-Security-Policy")
        assert f"script-src 'sha256-{allowed}';" in policy
        assert f"form-action 'self' https://{self.client_id}.example;" in policy
        return page.fields

    def redeem(self, code: str, **changes: str | None) -> Reply:
        """Redeem a code."""
        return self._ask_token(
            {"grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect_uri, **changes}
        )

    def refresh(self, token: str) -> Reply:
        """Renew the tokens."""
        return self._ask_token({"grant_type": "refresh_token", "refresh_token": token})

    def tokens(self, code: str) -> dict[str, Any]:
        """What a good code gives."""
        answer = self.redeem(code)
        assert answer.status == 200, answer.body
        told: dict[str, Any] = answer.json
        return told

    def _ask_token(self, form: dict[str, str | None]) -> Reply:
        shown = {"client_id": self.client_id, "client_secret": SECRET} if self.by_post else {}
        sent = {name: value for name, value in {**form, **shown}.items() if value is not None}
        headers = {} if self.by_post else basic(self.client_id)
        return Reply.of(self.stand.client().send("POST", "/token", form=sent, headers=headers))

    def userinfo(self, tokens: dict[str, Any], *, method: str = "GET", form: dict[str, str] | None = None) -> Reply:
        """Ask who the person is, the token in the header; `form` goes in the body beside it."""
        bearer = {"Authorization": "Bearer " + tokens["access_token"]}
        return Reply.of(self.stand.client().send(method, "/userinfo", form=form, headers=bearer))

    def userinfo_by_form(self, form: dict[str, str] | str) -> Reply:
        """Ask who the person is, with nothing but a form."""
        return Reply.of(self.stand.client().send("POST", "/userinfo", form=form))

    def metadata(self) -> dict[str, Any]:
        """What the provider publishes of itself."""
        told: dict[str, Any] = json.loads(self.stand.client().get("/.well-known/openid-configuration").body)
        return told

    def id_header(self, tokens: dict[str, Any]) -> dict[str, Any]:
        """The header of an ID token."""
        return dict(jws.extract_compact(tokens["id_token"].encode()).headers())

    def id_claims(self, tokens: dict[str, Any]) -> dict[str, Any]:
        """The claims of an ID token, verified by the published keys."""
        keys = KeySet.import_key_set(json.loads(self.stand.client().get("/jwks").body))
        return dict(jwt.decode(tokens["id_token"], keys, algorithms=["RS256"]).claims)


@dataclass(frozen=True, slots=True)
class Reply(Answer):
    """An answer to a client."""

    @classmethod
    def of(cls, answer: Answer) -> Reply:
        """The same answer."""
        return cls(answer.status, answer.headers, answer.body)

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class SelfPosting(HTMLParser):
    """A page whose form sends itself: where, by which script, with which fields; buttons for those without script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = self.method = self.script = ""
        self.fields: dict[str, str] = {}
        self.buttons = 0
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action, self.method = told["action"], told["method"]
        elif tag == "input":
            self.fields[told["name"]] = told["value"]
        self.buttons += tag == "button"
        self._inside = tag == "script"

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        self.script += data if self._inside else ""
