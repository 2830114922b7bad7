"""What a service is told of a logout, and what its answers mean (OIDC Back-Channel Logout §2.4 to §2.8)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl

import pytest
from joserfc import jws

from broker.domain.errors import UpstreamUnavailable
from broker.domain.keys import KeyPurpose
from broker.domain.logouts import Logout, LogoutUntold, Untold
from broker.live import Part
from broker.protocol.oidc.back_channel import BackChannel, logout_claims
from broker.protocol.oidc.front_channel import frame_addresses
from broker.protocol.oidc.id_token import sid_for
from broker.protocol.oidc.provider import ProviderSettings
from broker.protocol.oidc.signing import KeyRing
from broker.services.register import Register
from broker.wire.jose import (
    Refusal,
    TokenRefused,
    export_jwks,
    generate_key,
    jwks_from_json,
    public_jwk,
    sign,
    verify_own_id_token,
)
from policies import load_book
from tests.clock import FakeClock
from tests.logouts import listening, no_post
from tests.settable import Settable

ISSUER = "https://preau.example"
KEY = generate_key("ES256")
JWKS = export_jwks([public_jwk(KEY)])
RING = KeyRing({(KeyPurpose.LOGOUT_TOKEN, "ES256"): KEY}, jwks_from_json(JWKS), jwks_from_json(JWKS), JWKS)
SETTINGS = ProviderSettings(ISSUER, Part(Settable(load_book()), lambda book: book.installation.sessions))
SERVICES = (
    listening("cantine", back="https://cantine.example/fin"),
    listening("cahier", front="https://cahier.example/sortie"),
)


class OneKey:
    def ring(self) -> KeyRing:
        return RING


@dataclass
class Posted:
    """Takes what is posted, and answers."""

    status: int = 200
    sent: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, url: str, body: str) -> int:
        self.sent.append((url, body))
        return self.status


def notifier(posted: Posted) -> BackChannel:
    return BackChannel(SETTINGS, Settable(Register(SERVICES)), OneKey(), posted, no_post)  # type: ignore[arg-type]


LOGOUT = Logout("sid_1", "cantine", "subject-1")


@pytest.mark.parametrize("status", [200, 204])
def test_a_service_confirms(clock: FakeClock, status: int) -> None:
    posted = Posted(status)
    notifier(posted).notify(LOGOUT, now=clock())
    notifier(posted).notify(LOGOUT, now=clock())
    assert [url for url, _ in posted.sent] == ["https://cantine.example/fin"] * 2
    first, second = (dict(parse_qsl(body)) for _, body in posted.sent)
    assert first.keys() == {"logout_token"}
    assert first != second, "each try is a token of its own"


def test_a_client_that_registered_itself_is_told_by_the_strangers_way(clock: FakeClock) -> None:
    party = replace(SERVICES[0].parties[0], self_registered=True)
    register = Settable(Register((replace(SERVICES[0], parties=(party,)),)))
    posted = Posted()
    strange = BackChannel(SETTINGS, register, OneKey(), no_post, posted)  # type: ignore[arg-type]
    strange.notify(LOGOUT, now=clock())
    assert len(posted.sent) == 1


@pytest.mark.parametrize("status", [201, 202, 302, 307, 401, 403, 404, 408, 429, 500, 501, 503])
def test_any_other_answer_is_none_and_it_is_tried_again(clock: FakeClock, status: int) -> None:
    with pytest.raises(UpstreamUnavailable):
        notifier(Posted(status)).notify(LOGOUT, now=clock())


def test_a_service_that_read_and_refused_is_not_asked_again(clock: FakeClock) -> None:
    with pytest.raises(LogoutUntold) as told:
        notifier(Posted(400)).notify(LOGOUT, now=clock())
    assert told.value.why is Untold.REFUSED


@pytest.mark.parametrize("client_id", ["cahier", "nobody"])
def test_a_client_without_an_address_cannot_be_told(clock: FakeClock, client_id: str) -> None:
    posted = Posted()
    with pytest.raises(LogoutUntold) as told:
        notifier(posted).notify(Logout("sid_1", client_id, "s"), now=clock())
    assert told.value.why is Untold.NO_ADDRESS
    assert posted.sent == []


def test_each_client_is_told_its_own_name_of_the_session(clock: FakeClock) -> None:
    claims = logout_claims(LOGOUT, SETTINGS, now=clock())
    assert claims["sid"] == sid_for("cantine", sid="sid_1") != sid_for("cahier", sid="sid_1")
    assert "nonce" not in claims
    assert "sid_1" not in str(claims)


@pytest.mark.spec("Back-Channel Logout §2.4")
def test_a_logout_token_is_no_hint_and_an_id_token_is_no_logout_token(clock: FakeClock) -> None:
    posted = Posted()
    notifier(posted).notify(LOGOUT, now=clock())
    token = dict(parse_qsl(posted.sent[0][1]))["logout_token"]
    with pytest.raises(TokenRefused) as refused:
        verify_own_id_token(token, RING.verifying, issuer=ISSUER)
    assert refused.value.reason is Refusal.TYP
    claims = logout_claims(LOGOUT, SETTINGS, now=clock())
    assert verify_own_id_token(sign(claims, KEY, typ="JWT"), RING.verifying, issuer=ISSUER), "the type alone stops it"
    assert jws.extract_compact(token.encode()).headers()["typ"] == "logout+jwt"


def test_a_hint_for_several_clients_is_none_of_ours() -> None:
    several = sign({"iss": ISSUER, "sub": "s", "aud": ["cantine", "cahier"]}, KEY, typ="JWT")
    with pytest.raises(TokenRefused) as refused:
        verify_own_id_token(several, RING.verifying, issuer=ISSUER)
    assert refused.value.reason is Refusal.AUD
    one = sign({"iss": ISSUER, "sub": "s", "aud": "cantine"}, KEY, typ="JWT")
    assert verify_own_id_token(one, RING.verifying, issuer=ISSUER)["aud"] == "cantine"


def test_only_who_registered_an_address_is_framed() -> None:
    told = [(service.parties[0], "") for service in SERVICES]
    (frame,) = frame_addresses(told, issuer=ISSUER, visit="sid_1")
    sid = sid_for("cahier", sid="sid_1")
    assert frame == f"https://cahier.example/sortie?iss=https%3A%2F%2Fpreau.example&sid={sid}"
