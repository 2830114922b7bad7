"""The town's services are careful relying parties: each wrong answer is refused, the right one is taken."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
import pytest
from flask import Flask, Response, jsonify, request
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from broker.demo.rp_protocol import BrokerClient, Failed, Pending

ISSUER = "http://127.0.0.1:8000"
BACK = "http://127.0.0.21:8000/retour"
SECRET = "s" * 64


@dataclass(slots=True)
class FakeIssuer:
    """An issuer that answers rightly, except for the one fault it is told to make."""

    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", auto_kid=True))
    published: ECKey | None = None
    claims: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=lambda: {"sub": "abc", "given_name": "Aline"})
    named: str = ISSUER
    status: int = 200
    seen: dict[str, str] = field(default_factory=dict)

    def app(self) -> Flask:
        app = Flask(__name__)
        app.add_url_rule("/.well-known/openid-configuration", view_func=self.discovery)
        app.add_url_rule("/jwks", view_func=self.jwks)
        app.add_url_rule("/token", view_func=self.token, methods=["POST"])
        app.add_url_rule("/userinfo", "me", lambda: jsonify(self.userinfo))
        return app

    def discovery(self) -> Response:
        paths = {"authorization_endpoint": "authorize", "token_endpoint": "token", "userinfo_endpoint": "userinfo"}
        known = {name: f"{ISSUER}/{path}" for name, path in (paths | {"jwks_uri": "jwks"}).items()}
        return jsonify({"issuer": self.named, **known})

    def jwks(self) -> Response:
        return jsonify(KeySet([self.published or self.key]).as_dict(private=False))

    def token(self) -> tuple[Response, int]:
        self.seen = {"authorization": request.headers.get("Authorization", ""), **request.form.to_dict()}
        token = jwt.encode({"alg": "ES256", "kid": self.key.kid}, self.claims, self.key)
        return jsonify(access_token="t", token_type="Bearer", id_token=token), self.status


@pytest.fixture
def issuer() -> FakeIssuer:
    return FakeIssuer()


@pytest.fixture
def client(issuer: FakeIssuer) -> Iterator[BrokerClient]:
    with httpx.Client(transport=httpx.WSGITransport(app=issuer.app())) as http:
        yield BrokerClient(ISSUER, client_id="cantine", secret=SECRET, scopes=("openid", "children"), http=http)


def begin(client: BrokerClient, issuer: FakeIssuer, **changed: Any) -> tuple[Pending, dict[str, str]]:
    """Start a sign-in, and make the issuer ready to answer it with right claims but for the changed ones."""
    url, pending = client.begin(BACK)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    now = int(time.time())
    right = {"iss": ISSUER, "aud": "cantine", "sub": "abc", "iat": now, "exp": now + 120, "nonce": asked["nonce"]}
    issuer.claims = {name: value for name, value in {**right, **changed}.items() if value is not None}
    return pending, asked


def url_of(pending: Pending, **changed: str) -> str:
    return f"{BACK}?{urlencode({'code': 'c', 'state': pending.state, 'iss': ISSUER, **changed})}"


def finish(client: BrokerClient, pending: Pending, url: str) -> str:
    return client.finish(url, dict(parse_qsl(urlsplit(url).query)), pending).sub


def test_a_right_answer_is_taken_and_shown(client: BrokerClient, issuer: FakeIssuer) -> None:
    pending, asked = begin(client, issuer)
    url = url_of(pending)
    received = client.finish(url, dict(parse_qsl(urlsplit(url).query)), pending)
    assert (received.sub, received.claims["given_name"]) == ("abc", "Aline")
    assert asked["scope"] == "openid children"
    assert asked["code_challenge_method"] == "S256"


def test_the_service_proves_itself_and_its_request_at_the_token_endpoint(
    client: BrokerClient, issuer: FakeIssuer
) -> None:
    pending, _ = begin(client, issuer)
    finish(client, pending, url_of(pending))
    assert issuer.seen["authorization"] == "Basic " + base64.b64encode(f"cantine:{SECRET}".encode()).decode()
    assert (issuer.seen["code_verifier"], issuer.seen["redirect_uri"]) == (pending.verifier, BACK)


def test_no_two_sign_ins_share_state_nonce_or_verifier(client: BrokerClient) -> None:
    (_, one), (_, two) = client.begin(BACK), client.begin(BACK)
    assert {one.state, one.nonce, one.verifier}.isdisjoint({two.state, two.nonce, two.verifier})


@pytest.mark.parametrize("changed", [{"iss": "http://127.0.0.9"}, {"error": "access_denied"}, {"state": "autre"}])
def test_an_answer_of_another_issuer_request_or_with_an_error_is_refused(
    client: BrokerClient, issuer: FakeIssuer, changed: dict[str, str]
) -> None:
    pending, _ = begin(client, issuer)
    with pytest.raises(Failed):
        finish(client, pending, url_of(pending, **changed))
    assert finish(client, pending, url_of(pending)) == "abc"


@pytest.mark.spec("OIDC Core §3.1.3.7")
@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "http://127.0.0.9"},
        {"aud": "autre"},
        {"nonce": "autre"},
        {"nonce": None},
        {"exp": 1},
        {"exp": None},
        {"sub": None},
    ],
)
def test_an_id_token_that_does_not_hold_is_refused(
    client: BrokerClient, issuer: FakeIssuer, changed: dict[str, Any]
) -> None:
    pending, _ = begin(client, issuer, **changed)
    with pytest.raises(Failed):
        finish(client, pending, url_of(pending))
    again, _ = begin(client, issuer)
    assert finish(client, again, url_of(again)) == "abc"


def test_an_id_token_signed_by_an_unpublished_key_is_refused(client: BrokerClient, issuer: FakeIssuer) -> None:
    issuer.published = ECKey.generate_key("P-256", parameters={"kid": issuer.key.kid or ""})
    pending, _ = begin(client, issuer)
    with pytest.raises(Failed):
        finish(client, pending, url_of(pending))
    issuer.published = None
    again, _ = begin(client, issuer)
    assert finish(client, again, url_of(again)) == "abc"


def test_userinfo_of_somebody_else_is_refused(client: BrokerClient, issuer: FakeIssuer) -> None:
    issuer.userinfo = {"sub": "xyz"}
    pending, _ = begin(client, issuer)
    with pytest.raises(Failed):
        finish(client, pending, url_of(pending))


def test_a_refusal_of_the_token_endpoint_is_a_failure(client: BrokerClient, issuer: FakeIssuer) -> None:
    pending, _ = begin(client, issuer)
    issuer.status = 400
    with pytest.raises(Failed):
        finish(client, pending, url_of(pending))


def test_discovery_that_names_another_issuer_is_refused(client: BrokerClient, issuer: FakeIssuer) -> None:
    issuer.named = "http://127.0.0.9"
    with pytest.raises(Failed):
        client.begin(BACK)


# ---- logout --------------------------------------------------------------------------------------------------------

EVENTS = {"http://schemas.openid.net/event/backchannel-logout": {}}


def logout_token(issuer: FakeIssuer, typ: str = "logout+jwt", **changed: Any) -> str:
    now = int(time.time())
    right = {
        "iss": ISSUER, "aud": "cantine", "sub": "abc", "sid": "s1", "iat": now, "exp": now + 120, "jti": "j",
        "events": EVENTS,
    }  # fmt: skip
    claims = {name: value for name, value in {**right, **changed}.items() if value is not None}
    return jwt.encode({"alg": "ES256", "kid": issuer.key.kid, "typ": typ}, claims, issuer.key)


@pytest.mark.spec("Back-Channel Logout §2.6")
@pytest.mark.parametrize(
    ("typ", "changed"),
    [
        ("JWT", {}),
        ("logout+jwt", {"nonce": "n"}),
        ("logout+jwt", {"events": None}),
        ("logout+jwt", {"events": {"autre": {}}}),
        ("logout+jwt", {"aud": "bourses"}),
        ("logout+jwt", {"iss": "http://127.0.0.1:9000"}),
        ("logout+jwt", {"sid": None}),
        ("logout+jwt", {"jti": None}),
        ("logout+jwt", {"exp": 1}),
    ],
)
def test_only_a_right_logout_token_ends_a_session(
    client: BrokerClient, issuer: FakeIssuer, typ: str, changed: dict[str, Any]
) -> None:
    with pytest.raises(Failed):
        client.ended(logout_token(issuer, typ, **changed))
    assert client.ended(logout_token(issuer)) == "s1"


def test_a_logout_token_is_no_id_token(client: BrokerClient, issuer: FakeIssuer) -> None:
    token = logout_token(issuer, nonce="n")
    with pytest.raises(Failed, match="is no JWT"):
        client._verified(token, "n")
    assert client._verified(logout_token(issuer, "JWT", nonce="n"), "n")["sub"] == "abc"
