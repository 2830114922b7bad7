"""Sources to log in with, as small real HTTP(S) servers: a CAS server and an OpenID provider that can be made to err.

They play the source's side and the person's browser; they share no code with the connectors they test.
"""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from types import TracebackType
from typing import Any, ClassVar, Self
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit
from xml.sax.saxutils import escape

from broker.domain.ports import Departure, Return
from broker.wire.jose import SigningKey, export_jwks, generate_key, public_jwk, sign
from tests.certificates import ServerCertificate

CAS_NS = "http://www.yale.edu/tp/cas"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the site saw it."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    form: Mapping[str, str]
    body: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a site answers. `hang`: nothing at all until the site closes; `drip`: a body that never ends.

    `drip_headers`: headers that never end, a byte at a time.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False
    drip: bool = False
    drip_headers: bool = False


Answerer = Callable[[Asked], Reply]


class Site:
    """A threaded server on a free loopback port; `seen` lists what was asked."""

    def __init__(self, answer: Answerer, *, certificate: ServerCertificate | None = None) -> None:
        self.seen: list[Asked] = []
        self.closing = threading.Event()
        self._answer = answer
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"site": self}))
        self._server.daemon_threads = True
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.certificate, certificate.key)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        scheme = "http" if certificate is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def answer(self, asked: Asked) -> Reply:
        self.seen.append(asked)
        return self._answer(asked)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10
    site: ClassVar[Site]

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Tests print nothing."""

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("content-length", "0"))).decode()
        asked = Asked(
            self.command,
            parts.path,
            dict(parse_qsl(parts.query, keep_blank_values=True)),
            {name.lower(): value for name, value in self.headers.items()},
            dict(parse_qsl(body, keep_blank_values=True)),
            body,
        )
        self._reply(self.site.answer(asked))

    def _reply(self, reply: Reply) -> None:
        self.close_connection = True
        if reply.hang:
            self.site.closing.wait(10)
            return
        if reply.drip_headers:
            self._drip(b"HTTP/1.1 200 OK\r\nx-long: ", b"x")
            return
        self.send_response(reply.status)
        length = {} if reply.drip else {"content-length": str(len(reply.body))}
        for name, value in {**reply.headers, **length, "connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        if reply.drip:
            self._drip(reply.body, b" ")
            return
        with suppress(OSError):
            self.wfile.write(reply.body)

    def _drip(self, first: bytes, drop: bytes) -> None:
        with suppress(OSError):
            self.wfile.write(first)
            while not self.site.closing.wait(0.02):
                self.wfile.write(drop)


def browser_return(url: str) -> Return:
    """The callback as the edge hands it over."""
    return Return(params=dict(parse_qsl(urlsplit(url).query)), url=url)


# ---- CAS ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class FakeCas:
    """A CAS server. `render` writes the success document; `spoil` may replace any validation answer."""

    certificate: ServerCertificate | None = None
    attributes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    paths: tuple[str, ...] = ("/cas/p3/serviceValidate", "/cas/serviceValidate")
    render: Callable[[str, Mapping[str, tuple[str, ...]]], str] = field(default_factory=lambda: cas_shape_1)
    spoil: Callable[[Reply], Reply] | None = None
    burns: bool = True
    checks_service: bool = True
    tickets: dict[str, tuple[str, str]] = field(default_factory=dict)
    site: Site = field(init=False)

    def __post_init__(self) -> None:
        self.site = Site(self._answer, certificate=self.certificate)

    @property
    def url(self) -> str:
        return self.site.url + "/cas"

    def sign_in(self, departure: Departure, user: str) -> Return:
        """The person types a password; the server sends the browser back to the service with a ticket."""
        service = parse_qs(urlsplit(departure.url).query)["service"][0]
        return browser_return(f"{service}&{urlencode({'ticket': self.ticket(service, user)})}")

    def ticket(self, service: str, user: str) -> str:
        ticket = f"ST-{len(self.tickets) + 1}-{hashlib.sha256(service.encode()).hexdigest()}"
        self.tickets[ticket] = (service, user)
        return ticket

    def _answer(self, asked: Asked) -> Reply:
        if asked.path not in self.paths:
            return Reply(404, b"no such page")
        reply = Reply(body=self._validate(asked).encode(), headers={"content-type": "application/xml"})
        return self.spoil(reply) if self.spoil else reply

    def _validate(self, asked: Asked) -> str:
        known = self.tickets.get(asked.query.get("ticket", ""))
        if self.burns:
            self.tickets[asked.query.get("ticket", "")] = ("burnt", "")
        if known is None or known[0] == "burnt":
            return cas_failure("INVALID_TICKET")
        if self.checks_service and known[0] != asked.query.get("service"):
            return cas_failure("INVALID_SERVICE")
        return self.render(known[1], self.attributes)


def cas_failure(code: str) -> str:
    return (
        f'<cas:serviceResponse xmlns:cas="{CAS_NS}"><cas:authenticationFailure code="{code}">non'
        "</cas:authenticationFailure></cas:serviceResponse>"
    )


def cas_envelope(inner: str, *, namespace: str = CAS_NS) -> str:
    return (
        f'<cas:serviceResponse xmlns:cas="{namespace}"><cas:authenticationSuccess>{inner}'
        "</cas:authenticationSuccess></cas:serviceResponse>"
    )


def cas_user(user: str) -> str:
    return f"<cas:user>{escape(user)}</cas:user>"


def _elements(told: Mapping[str, tuple[str, ...]], *, prefix: str) -> str:
    return "".join(
        f"<{prefix}{name}>{escape(value)}</{prefix}{name}>" for name, values in told.items() for value in values
    )


def cas_shape_1(user: str, told: Mapping[str, tuple[str, ...]]) -> str:
    return cas_envelope(f"{cas_user(user)}<cas:attributes>{_elements(told, prefix='cas:')}</cas:attributes>")


def cas_shape_2(user: str, told: Mapping[str, tuple[str, ...]]) -> str:
    inner = f"<cas:userAttributes>{_elements(told, prefix='')}</cas:userAttributes>"
    return cas_envelope(f"{cas_user(user)}<cas:attributes>{inner}</cas:attributes>")


def cas_shape_3(user: str, told: Mapping[str, tuple[str, ...]]) -> str:
    wrapped = "".join(
        f"<cas:{name}s>{_elements({name: values}, prefix='cas:')}</cas:{name}s>" for name, values in told.items()
    )
    return cas_envelope(cas_user(user) + wrapped)


def cas_shape_4(user: str, told: Mapping[str, tuple[str, ...]]) -> str:
    flat = _elements(told, prefix="cas:")
    return cas_envelope(f"{cas_user(user)}<cas:attributes>{flat}</cas:attributes>{flat}")


CAS_SHAPES = (cas_shape_1, cas_shape_2, cas_shape_3, cas_shape_4)


# ---- OpenID Connect ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class FakeOp:
    """An OpenID provider. `claims` go into the ID token, `userinfo` to its endpoint; `mint` may replace the signing."""

    clock: Callable[[], datetime]
    certificate: ServerCertificate | None = None
    client_id: str = "preau"
    client_secret: str = "s3cret +&%"
    key: SigningKey = field(default_factory=lambda: generate_key("ES256"))
    published: tuple[SigningKey, ...] = ()
    claims: dict[str, Any] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    userinfo: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    token_fields: dict[str, Any] = field(default_factory=dict)
    answer_params: dict[str, str | None] = field(default_factory=dict)
    mint: Callable[[dict[str, Any]], str] | None = None
    sign_userinfo: Callable[[dict[str, Any]], str] | None = None
    """FranceConnect and ProConnect answer with a signed token."""
    spoil: Callable[[str, Reply], Reply] | None = None
    one_use: bool = True
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    site: Site = field(init=False)

    def __post_init__(self) -> None:
        self.site = Site(self._answer, certificate=self.certificate)

    @property
    def url(self) -> str:
        return self.site.url

    def sign_in(self, departure: Departure, user: str) -> Return:
        """The person types a password; the provider sends the browser back with a code."""
        asked = dict(parse_qsl(urlsplit(departure.url).query))
        code = f"code-{next(self.numbers)}"
        self.codes[code] = {**asked, "sub": user}
        told: dict[str, str | None] = {"code": code, "state": asked["state"], "iss": self.url, **self.answer_params}
        query = urlencode({name: value for name, value in told.items() if value is not None})
        return browser_return(f"{asked['redirect_uri']}?{query}")

    def _answer(self, asked: Asked) -> Reply:
        pages: dict[str, Answerer] = {
            "/.well-known/openid-configuration": self._discovery,
            "/jwks": self._jwks,
            "/token": self._token,
            "/userinfo": self._userinfo,
        }
        page = pages.get(asked.path)
        reply = page(asked) if page else Reply(404)
        return self.spoil(asked.path, reply) if self.spoil else reply

    def _discovery(self, asked: Asked) -> Reply:
        told = {
            "issuer": self.url,
            "authorization_endpoint": self.url + "/authorize",
            "token_endpoint": self.url + "/token",
            "jwks_uri": self.url + "/jwks",
            "userinfo_endpoint": self.url + "/userinfo",
            "authorization_response_iss_parameter_supported": True,
            **self.metadata,
        }
        return _json({name: value for name, value in told.items() if value is not None})

    def _jwks(self, asked: Asked) -> Reply:
        return Reply(body=export_jwks([public_jwk(key) for key in self.published or (self.key,)]))

    def _token(self, asked: Asked) -> Reply:
        if self._client(asked) != (self.client_id, self.client_secret):
            return _json({"error": "invalid_client"}, status=401)
        code = asked.form.get("code", "")
        known = self.codes.pop(code, None) if self.one_use else self.codes.get(code)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(asked.form.get("code_verifier", "").encode()).digest())
        if (
            known is None
            or known["redirect_uri"] != asked.form.get("redirect_uri")
            or known["code_challenge_method"] != "S256"
            or known["code_challenge"] != challenge.rstrip(b"=").decode()
        ):
            return _json({"error": "invalid_grant"}, status=400)
        now = int(self.clock().timestamp())
        claims = {
            "iss": self.url,
            "sub": known["sub"],
            "aud": self.client_id,
            "iat": now,
            "exp": now + 600,
            "nonce": known["nonce"],
            "auth_time": now,
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if name not in self.without}
        id_token = self.mint(claims) if self.mint else sign(claims, self.key, typ="JWT")
        told = {
            "access_token": f"at-{known['sub'].encode().hex()}",
            "token_type": "Bearer",
            "expires_in": 600,
            "id_token": id_token,
            **self.token_fields,
        }
        return _json({name: value for name, value in told.items() if value is not None})

    def _client(self, asked: Asked) -> tuple[str, str]:
        scheme, _, encoded = asked.headers.get("authorization", "").partition(" ")
        if scheme != "Basic":
            return asked.form.get("client_id", ""), asked.form.get("client_secret", "")
        name, _, secret = base64.b64decode(encoded).decode().partition(":")
        return _unquote(name), _unquote(secret)

    def _userinfo(self, asked: Asked) -> Reply:
        token = asked.headers.get("authorization", "").removeprefix("Bearer at-")
        told = {"sub": bytes.fromhex(token).decode(), **self.userinfo}
        if self.sign_userinfo is None:
            return _json(told)
        signed = self.sign_userinfo({"iss": self.url, "aud": self.client_id, **told})
        return Reply(body=signed.encode(), headers={"content-type": "application/jwt"})


def _unquote(text: str) -> str:
    return dict(parse_qsl(f"v={text}", keep_blank_values=True))["v"]


def _json(content: Mapping[str, Any], *, status: int = 200) -> Reply:
    return Reply(status, json.dumps(content).encode(), {"content-type": "application/json"})


def unsigned(claims: Mapping[str, Any], *, alg: str = "none", secret: bytes = b"") -> str:
    """A token that no honest provider makes: `none`, or HS256 keyed with something public."""
    import hmac

    def part(content: bytes) -> str:
        return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

    text = f"{part(json.dumps({'alg': alg, 'typ': 'JWT'}).encode())}.{part(json.dumps(claims).encode())}"
    signature = hmac.new(secret, text.encode(), hashlib.sha256).digest() if alg == "HS256" else b"\x00"
    return f"{text}.{part(signature)}"
