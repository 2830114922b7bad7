"""The contract of `LogoutConnector`, where connectors ask over HTTP; that of SAML: `test_saml_upstream_logout`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from broker.domain.errors import UpstreamUnavailable
from broker.domain.handles import Handle, new_handle
from broker.domain.ports import LogoutConnector, Return
from tests.clock import FakeClock
from tests.contract.test_redirect_connector import BENCHES, Bench
from tests.upstreams import FakeOp, Reply

BACK = "https://preau.example/au-revoir/source/retour"
STATE = {"cas": "etat", "oidc": "state"}


@pytest.fixture(params=BENCHES)
def bench(request: pytest.FixtureRequest, clock: FakeClock) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield BENCHES[request.param](stack, clock, None, None)


def tells_of_a_logout(bench: Bench, address: str = "") -> None:
    if isinstance(bench.upstream, FakeOp):
        bench.upstream.metadata["end_session_endpoint"] = address or f"{bench.upstream.url}/fin?a=b"


def leave(bench: Bench, hint: str, state: str) -> dict[str, str]:
    """What the browser takes along."""
    connector: LogoutConnector = bench.connector
    found = connector.start_logout(hint=hint, return_url=BACK, state=state)
    assert found is not None
    assert found.comes_back
    return dict(parse_qsl(urlsplit(found.url).query))


def test_the_browser_is_led_back_with_our_state_and_nobody_else_s_counts(bench: Bench) -> None:
    tells_of_a_logout(bench)
    state = new_handle(Handle.STATE)
    asked = leave(bench, bench.log_in().logout_hint, state)
    back = asked["service"] if bench.name == "cas" else f"{asked['post_logout_redirect_uri']}?state={asked['state']}"
    assert back == f"{BACK}?{STATE[bench.name]}={state}"
    answers: tuple[tuple[dict[str, str], bool], ...] = (
        (dict(parse_qsl(urlsplit(back).query)), True), ({}, False), ({STATE[bench.name]: "x"}, False),
    )  # fmt: skip
    for params, done in answers:
        assert bench.connector.finish_logout(Return(params, back), state=state) is done


@pytest.mark.spec("RP-Initiated Logout §2")
def test_a_provider_is_shown_the_id_token_of_the_login(bench: Bench) -> None:
    tells_of_a_logout(bench)
    hint = bench.log_in().logout_hint
    asked: dict[str, Any] = leave(bench, hint, "s")
    if bench.name == "cas":
        assert hint == ""
        return
    assert (asked["id_token_hint"], asked["client_id"], asked["a"]) == (hint, bench.upstream.client_id, "b")
    assert "id_token_hint" not in leave(bench, "", "s")


def test_a_provider_that_tells_of_no_logout_has_none(bench: Bench) -> None:
    found = bench.connector.start_logout(hint="", return_url=BACK, state="s")
    assert (found is None) is (bench.name == "oidc")


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "http://ailleurs.example/fin", "https://u@ailleurs.example/"]
)
def test_an_address_of_no_use_makes_the_whole_document_unusable(clock: FakeClock, address: str) -> None:
    with ExitStack() as stack:
        bench = BENCHES["oidc"](stack, clock, None, None)
        tells_of_a_logout(bench, address)
        if address.startswith("http://"):
            assert leave(bench, "", "s")  # as every address of a provider that is itself reached in clear
            return
        with pytest.raises(UpstreamUnavailable):
            bench.connector.start_logout(hint="", return_url=BACK, state="s")


def test_a_provider_that_is_down_says_so(clock: FakeClock) -> None:
    with ExitStack() as stack:
        bench = BENCHES["oidc"](stack, clock, None, None)
        assert isinstance(bench.upstream, FakeOp)
        bench.upstream.spoil = lambda _path, _good: Reply(503)
        with pytest.raises(UpstreamUnavailable):
            bench.connector.start_logout(hint="", return_url=BACK, state="s")
