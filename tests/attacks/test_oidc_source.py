"""What a hostile or broken OpenID provider, or somebody between browser and provider, may try. Each is refused; the
same login succeeds once the one fault is repaired.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from broker.domain.errors import TicketRefused, UpstreamRefused, UpstreamUnavailable
from broker.domain.handles import Handle, new_handle
from broker.domain.identity import UpstreamIdentity
from broker.domain.ports import Departure
from broker.wire.jose import generate_key, public_jwk, sign
from connectors.educonnect import EduConnectProfile
from connectors.oidc import OidcConnector, OidcSource
from connectors.oidc_provider import PAUSE_SECONDS, REFETCH_SECONDS
from connectors.outbound import OutboundLimits
from tests.clock import FakeClock
from tests.upstreams import FakeOp, Reply, unsigned

RETURN_URL = "https://preau.example/retour/educonnect"
OTHER_KEY = generate_key("ES256")
QUICK = OutboundLimits(read=1.0, retries=0, pause=0.0)


@pytest.fixture
def op(clock: FakeClock) -> Iterator[FakeOp]:
    provider = FakeOp(clock)
    with provider.site:
        yield provider


def source(op: FakeOp, **changes: Any) -> OidcSource:
    return replace(OidcSource("educonnect", op.url, op.client_id, op.client_secret, limits=QUICK), **changes)


@pytest.fixture
def connector(op: FakeOp, clock: FakeClock) -> Iterator[OidcConnector]:
    made = source(op).open(monotonic=lambda: clock().timestamp())
    yield made
    made.close()


class Login:
    """One person at the provider, as often as wanted."""

    def __init__(self, op: FakeOp, connector: OidcConnector, clock: FakeClock) -> None:
        self.op, self.connector, self.clock = op, connector, clock

    def leave(self, *, force: bool = False) -> Departure:
        return self.connector.start(return_url=RETURN_URL, state=new_handle(Handle.STATE), force=force)

    def __call__(self, *, force: bool = False) -> UpstreamIdentity:
        departure = self.leave(force=force)
        answer = self.op.sign_in(departure, "aline")
        return self.connector.finish(answer, private=departure.private, now=self.clock())


@pytest.fixture
def login(op: FakeOp, connector: OidcConnector, clock: FakeClock) -> Login:
    return Login(op, connector, clock)


def hs256_with_the_public_key(claims: dict[str, Any]) -> str:
    return unsigned(claims, alg="HS256", secret=b"public")


FAULTS: dict[str, dict[str, Any]] = {
    "nonce of another login": {"claims": {"nonce": "another"}},
    "no nonce": {"without": frozenset({"nonce"})},
    "iss of another issuer": {"claims": {"iss": "https://evil.example"}},
    "iss as a list": {"claims": {"iss": ["https://evil.example"]}},
    "no iss": {"without": frozenset({"iss"})},
    "aud of another client": {"claims": {"aud": "pronote"}},
    "several aud and no azp": {"claims": {"aud": ["preau", "pronote"]}},
    "azp of another client": {"claims": {"aud": ["preau", "pronote"], "azp": "pronote"}},
    "no aud": {"without": frozenset({"aud"})},
    "expired": {"claims": {"exp": 1000}},
    "no exp": {"without": frozenset({"exp"})},
    "exp as text": {"claims": {"exp": "4000000000"}},
    "no iat": {"without": frozenset({"iat"})},
    "iat far ahead": {"claims": {"iat": 4_000_000_000}},
    "no sub": {"without": frozenset({"sub"})},
    "empty sub": {"claims": {"sub": ""}},
    "sub as a number": {"claims": {"sub": 7}},
    "auth_time as text": {"claims": {"auth_time": "yesterday"}},
    "auth_time to come": {"claims": {"auth_time": 4_000_000_000}},
    "auth_time true": {"claims": {"auth_time": True}},
    "at_hash of another token": {"claims": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}},
    "alg none": {"mint": unsigned},
    "alg HS256": {"mint": hs256_with_the_public_key},
    "a key that is not published": {"mint": lambda claims: sign(claims, OTHER_KEY, typ="JWT")},
    "a logout token": {"mint": lambda claims: sign(claims, OTHER_KEY, typ="logout+jwt")},
    "not a token": {"token_fields": {"id_token": "abc"}},
    "no ID token": {"token_fields": {"id_token": None}},
    "ID token as a list": {"token_fields": {"id_token": ["x"]}},
    "no access token": {"token_fields": {"access_token": None}},
    "access token with a line break": {"token_fields": {"access_token": "a\r\nx-evil: 1"}},
    "another token type": {"token_fields": {"token_type": "mac"}},
    "userinfo of another person": {"userinfo": {"sub": "bob"}},
    "userinfo without sub": {"userinfo": {"sub": None}},
    "no iss in the answer although announced": {"answer_params": {"iss": None}},
    "another iss in the answer": {"answer_params": {"iss": "https://evil.example"}},
    "an error beside the code": {"answer_params": {"error": "access_denied"}},
    "a code of 3000 characters": {"answer_params": {"code": "c" * 3000}},
    "an unknown code": {"answer_params": {"code": "never-issued"}},
    "another client secret": {"client_secret": "rotated"},
}


@pytest.mark.parametrize("name", list(FAULTS))
@pytest.mark.spec("OIDC Core §3.1.3.7")
def test_an_answer_with_one_fault_is_refused(op: FakeOp, login: Login, name: str) -> None:
    good = {field: getattr(op, field) for field in FAULTS[name]}
    for field, value in FAULTS[name].items():
        setattr(op, field, value)
    with pytest.raises(TicketRefused if name == "an unknown code" else UpstreamRefused):
        login()
    for field, value in good.items():
        setattr(op, field, value)
    assert login().key.subject == "aline"


@pytest.mark.parametrize("trusted", [False, True])
def test_a_source_is_believed_of_a_second_factor_only_where_it_is_trusted_with_it(
    op: FakeOp, clock: FakeClock, trusted: bool
) -> None:
    """LR-17: what it claims opens more here than its own pages; and never by what it did not sign."""
    connector = source(op, tells_factors=trusted).open(monotonic=lambda: clock().timestamp())
    op.claims, op.userinfo = {"amr": ["pwd", "otp"]}, {"amr": ["hwk"]}
    assert Login(op, connector, clock)().authn.amr == (("pwd", "otp") if trusted else ("pwd",))
    connector.close()


SIGNED_USERINFO: dict[str, Callable[[FakeOp, dict[str, Any]], str]] = {
    "by a key that is not published": lambda _, told: sign(told, OTHER_KEY, typ="JWT"),
    "by nobody": lambda _, told: unsigned(told),
    "for another client": lambda op, told: sign({**told, "aud": "pronote"}, op.key, typ="JWT"),
    "of another issuer": lambda op, told: sign({**told, "iss": "https://evil.example"}, op.key, typ="JWT"),
    "of another person": lambda op, told: sign({**told, "sub": "bob"}, op.key, typ="JWT"),
    "as another kind of token": lambda op, told: sign(told, op.key, typ="logout+jwt"),
}


@pytest.mark.parametrize("how", list(SIGNED_USERINFO))
@pytest.mark.spec("OIDC Core §5.3.2")
def test_signed_userinfo_is_believed_only_from_its_provider_for_us_of_this_person(
    op: FakeOp, login: Login, how: str
) -> None:
    op.userinfo = {"name": "Aline Quémeneur"}
    op.sign_userinfo = lambda told: SIGNED_USERINFO[how](op, told)
    with pytest.raises(UpstreamRefused):
        login()
    op.sign_userinfo = lambda told: sign(told, op.key, typ="JWT")
    assert login().display == "Aline Quémeneur"


@pytest.mark.parametrize("stated", ["eidas1", "", None])
def test_a_login_that_proves_less_than_was_asked_for_is_none(op: FakeOp, clock: FakeClock, stated: str | None) -> None:
    """FranceConnect states what a login proved; a browser can drop our wish from the request unseen."""
    connector = source(op, acr_values=("eidas3", "eidas2")).open(monotonic=lambda: clock().timestamp())
    login = Login(op, connector, clock)
    assert "acr_values=eidas3+eidas2" in login.leave().url or "acr_values=eidas3%20eidas2" in login.leave().url
    op.claims = {} if stated is None else {"acr": stated}
    with pytest.raises(UpstreamRefused):
        login()
    op.claims = {"acr": "eidas2"}
    assert login().authn.acr == "eidas2"
    connector.close()


@pytest.mark.spec("RFC 9207 §2.4")
def test_a_foreign_iss_stops_before_the_code_leaves(op: FakeOp, login: Login) -> None:
    op.answer_params = {"iss": "https://evil.example"}
    with pytest.raises(UpstreamRefused):
        login()
    assert "/token" not in [asked.path for asked in op.site.seen]


@pytest.mark.spec("RFC 9207 §2.4")
def test_a_foreign_iss_is_refused_even_when_none_was_announced(op: FakeOp, login: Login) -> None:
    op.metadata = {"authorization_response_iss_parameter_supported": None}
    op.answer_params = {"iss": None}
    assert login().key.subject == "aline"
    op.answer_params = {"iss": "https://evil.example"}
    with pytest.raises(UpstreamRefused):
        login()


@pytest.mark.spec("RFC 7636 §4.6")
def test_the_code_of_another_login_fails_on_its_verifier(op: FakeOp, login: Login, clock: FakeClock) -> None:
    attacker, victim = login.leave(), login.leave()
    code = op.sign_in(attacker, "attacker").params["code"]
    good = op.sign_in(victim, "victim")
    swapped = replace(good, params={**good.params, "code": code})
    with pytest.raises(TicketRefused):
        login.connector.finish(swapped, private=victim.private, now=clock())
    assert login.connector.finish(good, private=victim.private, now=clock()).key.subject == "victim"


def test_an_injected_code_would_still_fail_on_the_nonce(op: FakeOp, login: Login, clock: FakeClock) -> None:
    attacker, victim = login.leave(), login.leave()
    answer = op.sign_in(victim, "attacker")
    op.codes[answer.params["code"]]["nonce"] = attacker.private["nonce"]
    with pytest.raises(UpstreamRefused, match="nonce"):
        login.connector.finish(answer, private=victim.private, now=clock())


def test_a_forced_login_needs_the_time_of_its_proof(op: FakeOp, login: Login) -> None:
    op.without = frozenset({"auth_time"})
    assert not login().authn.proven
    with pytest.raises(UpstreamRefused):
        login(force=True)
    op.without = frozenset()
    assert login(force=True).authn.proven
    assert login().authn.proven


METADATA_FAULTS: dict[str, dict[str, Any]] = {
    "another issuer": {"issuer": "https://evil.example"},
    "no issuer": {"issuer": None},
    "no token endpoint": {"token_endpoint": None},
    "a token endpoint that is no address": {"token_endpoint": "https://[oops"},
    "a key set on disk": {"jwks_uri": "file:///etc/passwd"},
    "an endpoint with a password": {"authorization_endpoint": "https://user:pw@evil.example/"},
    "an endpoint with a fragment": {"token_endpoint": "https://a.example/#x"},
    "an endpoint with a line break": {"token_endpoint": "https://a.example/\r\nx: y"},
    "an endpoint as a number": {"jwks_uri": 7},
}


@pytest.mark.parametrize("name", list(METADATA_FAULTS))
@pytest.mark.spec("OIDC Discovery §4.3")
def test_a_poisoned_discovery_document_is_never_used(op: FakeOp, login: Login, clock: FakeClock, name: str) -> None:
    op.metadata = METADATA_FAULTS[name]
    with pytest.raises(UpstreamUnavailable):
        login()
    op.metadata = {}
    clock.advance(PAUSE_SECONDS)
    assert login().key.subject == "aline"


def test_a_discovery_document_poisoned_later_replaces_nothing(op: FakeOp, login: Login, clock: FakeClock) -> None:
    assert login().key.subject == "aline"
    op.metadata = {"issuer": "https://evil.example", "token_endpoint": "https://evil.example/token"}
    clock.advance(7200)
    assert login().key.subject == "aline"


@pytest.mark.parametrize("document", [b"[]", b"null", b"{", b"[" * 100_000, b"\xff"])
def test_a_discovery_document_that_is_no_object_is_never_used(op: FakeOp, login: Login, document: bytes) -> None:
    op.spoil = lambda path, good: Reply(body=document) if path.startswith("/.well-known") else good
    with pytest.raises(UpstreamUnavailable):
        login()


def test_a_failed_discovery_is_not_asked_again_at_once(op: FakeOp, login: Login, clock: FakeClock) -> None:
    """Threads must not queue up behind a source that hangs."""
    op.spoil = lambda path, good: Reply(404)
    for _ in range(5):
        with pytest.raises(UpstreamUnavailable):
            login()
    assert len(op.site.seen) == 1
    clock.advance(PAUSE_SECONDS)
    op.spoil = None
    assert login().key.subject == "aline"


def test_an_https_issuer_cannot_send_us_to_plain_http() -> None:
    from connectors.oidc_provider import parse_metadata

    good = {
        "issuer": "https://op.example",
        "authorization_endpoint": "https://op.example/a",
        "token_endpoint": "https://op.example/t",
        "jwks_uri": "https://op.example/j",
    }
    assert parse_metadata(json.dumps(good).encode(), issuer="https://op.example").userinfo_endpoint == ""
    for name in good.keys() - {"issuer"}:
        with pytest.raises(UpstreamRefused):
            parse_metadata(json.dumps({**good, name: "http://op.example/x"}).encode(), issuer="https://op.example")


def test_a_new_key_is_fetched_once_and_only_once_in_a_while(op: FakeOp, login: Login, clock: FakeClock) -> None:
    assert login().key.subject == "aline"
    clock.advance(REFETCH_SECONDS)
    op.key = OTHER_KEY
    assert login().key.subject == "aline"
    fetched = [asked.path for asked in op.site.seen].count("/jwks")
    op.mint = lambda claims: sign(claims, generate_key("ES256"), typ="JWT")
    for _ in range(4):
        with pytest.raises(UpstreamRefused):
            login()
    assert [asked.path for asked in op.site.seen].count("/jwks") == fetched
    op.mint = None
    assert login().key.subject == "aline"


@pytest.mark.parametrize("keys", ["{}", '{"keys": []}', '{"keys": 7}', "nonsense"])
def test_an_emptied_key_set_leaves_the_last_good_one_in_use(
    op: FakeOp, login: Login, clock: FakeClock, keys: str
) -> None:
    assert login().key.subject == "aline"
    op.spoil = lambda path, good: Reply(body=keys.encode()) if path == "/jwks" else good
    clock.advance(7200)
    assert login().key.subject == "aline"


def test_no_key_set_at_all_is_unavailable(op: FakeOp, login: Login) -> None:
    op.spoil = lambda path, good: Reply(404) if path == "/jwks" else good
    with pytest.raises(UpstreamUnavailable):
        login()


@pytest.mark.parametrize(
    ("status", "error"), [(500, UpstreamUnavailable), (401, UpstreamRefused), (302, UpstreamRefused)]
)
def test_userinfo_that_fails_lets_nobody_in(
    op: FakeOp, login: Login, status: int, error: type[UpstreamRefused | UpstreamUnavailable]
) -> None:
    op.spoil = lambda path, good: Reply(status) if path == "/userinfo" else good
    with pytest.raises(error):
        login()
    op.spoil = None
    assert login().key.subject == "aline"


def test_a_provider_without_userinfo_is_enough(op: FakeOp, login: Login) -> None:
    op.metadata = {"userinfo_endpoint": None}
    op.claims = {"name": "Aline Quemeneur"}
    assert login().display == "Aline Quemeneur"


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
@pytest.mark.spec("RFC 6749 §2.3.1")
def test_both_ways_to_prove_ourselves_work_with_an_awkward_secret(op: FakeOp, clock: FakeClock, method: str) -> None:
    made = source(op, auth_method=method).open()
    assert Login(op, made, clock)().key.subject == "aline"
    made.close()


@pytest.mark.parametrize("changes", [{"auth_method": "none"}, {"client_secret": "  "}])
def test_settings_without_a_real_client_secret_open_nothing(op: FakeOp, changes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="secret"):
        source(op, **changes).open()


@pytest.mark.parametrize("kid", ['{"kid": 7}', "[]", "{", "é"])
def test_a_header_that_names_no_key_sensibly_is_refused(op: FakeOp, login: Login, kid: str) -> None:
    import base64

    head = base64.urlsafe_b64encode(kid.encode()).rstrip(b"=").decode()
    op.mint = lambda claims: f"{head}.e30.e30"
    with pytest.raises(UpstreamRefused):
        login()


RELEASES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "two records": (
        {"FrEduCtRefId": ["{AAF}99|x|500101", "{AAF}99|x|610777"]},
        ["99$500101", "99$610777"],
    ),
    "one record, as plain text": ({"FrEduCtRefId": "{AAF}9|x|500101"}, ["09$500101"]),
    "the same twice": ({"FrEduCtRefId": ["{AAF}09|x|1", "{AAF}9|y|1"]}, ["09$1"]),
    "the older code": ({"FrEduCtRefId": ["{AAF}REN|x|2828"]}, ["14$2828"]),
    "other families of references": ({"FrEduCtRefId": ["{ECT}99|x|1", "{ECT-ENT}99|x|2", "AAF99|x|3"]}, []),
    "there but empty": ({"FrEduCtRefId": "", "FrEduCtEleveUAI": ""}, []),
    "there but a number": ({"FrEduCtRefId": 7}, []),
    "nothing": ({}, []),
}


@pytest.mark.parametrize("name", list(RELEASES))
def test_educonnect_references_are_read_strictly(op: FakeOp, clock: FakeClock, name: str) -> None:
    op.userinfo, expected = RELEASES[name]
    made = source(op, profile=EduConnectProfile(releases_references=True)).open()
    identity = Login(op, made, clock)()
    made.close()
    assert [str(reference) for reference in identity.references] == expected


CLASHES: dict[str, Callable[[], dict[str, Any]]] = {
    "pupil and guardian": lambda: {"FrEduCtPersonAffiliation": ["eleve2d", "resp1d"]},
    "more records than a human has": lambda: {"FrEduCtRefId": [f"{{AAF}}99|x|{n}" for n in range(40)]},
}


@pytest.mark.parametrize("name", list(CLASHES))
def test_educonnect_claims_that_cannot_be_one_human_are_refused(op: FakeOp, clock: FakeClock, name: str) -> None:
    made = source(op, profile=EduConnectProfile(releases_references=True)).open()
    op.userinfo = CLASHES[name]()
    with pytest.raises(UpstreamRefused):
        Login(op, made, clock)()
    op.userinfo = {"FrEduCtPersonAffiliation": ["resp1d", "resp2d"]}
    assert Login(op, made, clock)().key.subject == "aline"
    made.close()


def test_educonnect_tells_the_origin_of_the_login(op: FakeOp, clock: FakeClock) -> None:
    made = source(op, profile=EduConnectProfile()).open()
    op.userinfo = {"FrEduOrigAuth": "ECT", "FrEduCtRefId": ["{AAF}99|x|500101"]}
    login = Login(op, made, clock)
    identity = login()
    made.close()
    assert identity.authn.amr == ("origin:ECT",)
    assert identity.references == ()  # not released by this source's settings


def test_what_a_provider_says_of_roles_names_and_mail_goes_nowhere(op: FakeOp, login: Login) -> None:
    op.claims = {"role": "admin", "email": "a@example.org", "groups": ["dir"], "FrEduCtRefId": ["{AAF}99|x|1"]}
    identity = login()
    assert identity.references == ()
    assert "admin" not in repr(identity)
    assert "example.org" not in repr(identity)


def test_published_keys_are_of_the_algorithms_we_take(op: FakeOp) -> None:
    assert json.loads(public_jwk(op.key))["alg"] == "ES256"
