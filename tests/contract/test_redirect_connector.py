"""The contract of `RedirectConnector`, on every connector, over HTTP and over HTTPS with an authority of our own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from broker.domain.errors import TicketRefused, UpstreamRefused, UpstreamUnavailable
from broker.domain.handles import Handle, new_handle
from broker.domain.identity import UpstreamIdentity, UpstreamProtocol
from broker.domain.people import Reference
from broker.domain.ports import Departure, RedirectConnector, Return
from connectors.cas import CasConnector, CasSource
from connectors.educonnect import EduConnectProfile
from connectors.oidc import OidcConnector, OidcSource
from connectors.outbound import OutboundLimits
from tests.certificates import ServerCertificate, ThrowAwayCa
from tests.clock import FakeClock
from tests.upstreams import FakeCas, FakeOp, Reply

RETURN_URL = "https://preau.example/retour/source"
QUICK = OutboundLimits(connect=5.0, read=1.5, whole=4.0, retries=0, pause=0.0)
MOTHER = (Reference("99", "500101"), Reference("99", "610777"))


@dataclass
class Bench:
    """A connector, and the source it speaks to."""

    name: str
    connector: CasConnector | OidcConnector
    upstream: FakeCas | FakeOp
    clock: FakeClock

    def leave(self, *, force: bool = False) -> Departure:
        connector: RedirectConnector = self.connector
        return connector.start(return_url=RETURN_URL, state=new_handle(Handle.STATE), force=force)

    def finish(self, answer: Return, departure: Departure) -> UpstreamIdentity:
        return self.connector.finish(answer, private=departure.private, now=self.clock())

    def log_in(self, user: str = "aline.quemeneur") -> UpstreamIdentity:
        departure = self.leave()
        return self.finish(self.upstream.sign_in(departure, user), departure)

    def spoil_back_channel(self, reply: Reply | None) -> None:
        """Make the call that decides (ticket validation, token) answer this instead; None repairs it."""
        if isinstance(self.upstream, FakeCas):
            self.upstream.spoil = None if reply is None else (lambda _: reply)
            return
        self.upstream.spoil = None if reply is None else (lambda path, good: reply if path == "/token" else good)


def cas_bench(stack: ExitStack, clock: FakeClock, certificate: ServerCertificate | None, ca: Path | None) -> Bench:
    upstream = FakeCas(
        certificate=certificate, attributes={"ENTPersonJointure": ("AC-TEST$500101", "ac-test$610777", "AUTRE$1")}
    )
    stack.enter_context(upstream.site)
    connector = CasSource(
        "source", upstream.url, releases_references=True, academies={"AC-TEST": "99"}, ca_file=ca, limits=QUICK
    ).open()
    stack.callback(connector.close)
    return Bench("cas", connector, upstream, clock)


def oidc_bench(stack: ExitStack, clock: FakeClock, certificate: ServerCertificate | None, ca: Path | None) -> Bench:
    upstream = FakeOp(
        clock, certificate=certificate, userinfo={"FrEduCtRefId": ["{AAF}99|x|500101", "{AAF}99|x|610777", "ECT"]}
    )
    stack.enter_context(upstream.site)
    source = OidcSource(
        "source",
        upstream.url,
        upstream.client_id,
        upstream.client_secret,
        profile=EduConnectProfile(releases_references=True),
        ca_file=ca,
        limits=QUICK,
    )
    connector = source.open()
    stack.callback(connector.close)
    return Bench("oidc", connector, upstream, clock)


BENCHES = {"cas": cas_bench, "oidc": oidc_bench}


@pytest.fixture(params=[f"{name} over {scheme}" for name in BENCHES for scheme in ("http", "https")])
def bench(request: pytest.FixtureRequest, clock: FakeClock, throw_away_ca: ThrowAwayCa) -> Iterator[Bench]:
    name, _, scheme = str(request.param).partition(" over ")
    secure = scheme == "https"
    with ExitStack() as stack:
        certificate = throw_away_ca.issue(stem="upstream") if secure else None
        yield BENCHES[name](stack, clock, certificate, throw_away_ca.certificate if secure else None)


def test_a_login_tells_who_it_is_and_by_which_records(bench: Bench) -> None:
    identity = bench.log_in("Aline.QUÉMÉNEUR")
    assert identity.key.protocol == UpstreamProtocol(bench.name)
    assert identity.key.issuer == bench.upstream.url
    assert identity.key.subject == "Aline.QUÉMÉNEUR"  # never folded
    assert identity.references == MOTHER
    assert identity.authn.authority == "source"
    assert identity.authn.auth_time == bench.clock()
    assert identity.answer


def test_two_logins_have_two_answers(bench: Bench) -> None:
    assert bench.log_in().answer != bench.log_in().answer


def test_the_browser_carries_the_state_and_never_the_verifier(bench: Bench) -> None:
    departure = bench.leave()
    assert departure.private["state"] in departure.url
    assert departure.private.get("verifier", "absent") not in departure.url


def test_a_new_proof_is_asked_for_when_wanted(bench: Bench) -> None:
    asked = {"cas": "renew=true", "oidc": "prompt=login"}[bench.name]
    assert asked not in bench.leave().url
    assert asked in bench.leave(force=True).url


def test_another_state_is_refused(bench: Bench) -> None:
    mine, theirs = bench.leave(), bench.leave()
    answer = bench.upstream.sign_in(theirs, "attacker")
    with pytest.raises(UpstreamRefused):
        bench.finish(answer, mine)
    assert bench.finish(bench.upstream.sign_in(mine, "me"), mine).key.subject == "me"


def test_no_state_at_all_is_refused(bench: Bench) -> None:
    departure = bench.leave()
    answer = bench.upstream.sign_in(departure, "me")
    bare = {name: value for name, value in answer.params.items() if name not in {"state", "etat"}}
    with pytest.raises(UpstreamRefused):
        bench.finish(replace(answer, params=bare), departure)


def test_an_answer_without_ticket_or_code_is_refused(bench: Bench) -> None:
    departure = bench.leave()
    answer = bench.upstream.sign_in(departure, "me")
    bare = {name: value for name, value in answer.params.items() if name not in {"ticket", "code"}}
    with pytest.raises(UpstreamRefused):
        bench.finish(replace(answer, params=bare), departure)
    assert bench.finish(answer, departure).key.subject == "me"


def test_an_answer_presented_twice_is_refused_by_an_honest_source(bench: Bench) -> None:
    departure = bench.leave()
    answer = bench.upstream.sign_in(departure, "me")
    bench.finish(answer, departure)
    with pytest.raises(TicketRefused):
        bench.finish(answer, departure)


def test_what_never_reached_the_source_is_not_its_word(bench: Bench) -> None:
    departure = bench.leave()
    answer = bench.upstream.sign_in(departure, "me")
    bare = {name: value for name, value in answer.params.items() if name not in {"ticket", "code"}}
    with pytest.raises(UpstreamRefused):
        bench.finish(replace(answer, params=bare), departure)
    bench.spoil_back_channel(Reply(400, b"{}"))
    with pytest.raises(UpstreamRefused):
        bench.finish(answer, departure)


def test_a_lax_source_still_gives_the_same_handle_for_the_same_answer(bench: Bench) -> None:
    """The handle is what the database claims once, whatever the source allows."""
    if isinstance(bench.upstream, FakeCas):
        bench.upstream.burns = False
    else:
        bench.upstream.one_use = False
    departure = bench.leave()
    answer = bench.upstream.sign_in(departure, "me")
    assert bench.finish(answer, departure).answer == bench.finish(answer, departure).answer


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(500, b"down"), UpstreamUnavailable),
        (Reply(503, b"down"), UpstreamUnavailable),
        (Reply(302, b"", {"location": "/elsewhere"}), UpstreamRefused),
        (Reply(400, b"{}"), UpstreamRefused),
        (Reply(200, b""), UpstreamRefused),
        (Reply(200, b"\x00\xff garbage"), UpstreamRefused),
        (Reply(200, b"<" + b"a" * 300_000), UpstreamUnavailable),
        (Reply(200, b"{}", {"content-encoding": "gzip"}), UpstreamUnavailable),
        (Reply(hang=True), UpstreamUnavailable),
        (Reply(drip=True), UpstreamUnavailable),
    ],
    ids=["500", "503", "redirect", "400", "empty", "garbage", "huge", "compressed", "hang", "drip"],
)
def test_a_failing_back_channel_lets_nobody_in_and_heals(
    bench: Bench, reply: Reply, error: type[UpstreamRefused | UpstreamUnavailable]
) -> None:
    bench.log_in()
    bench.spoil_back_channel(reply)
    with pytest.raises(error) as caught:
        bench.log_in()
    assert "ST-" not in caught.value.cause
    assert "code-" not in caught.value.cause
    bench.spoil_back_channel(None)
    assert bench.log_in().references == MOTHER


def test_a_redirected_back_channel_is_not_followed(bench: Bench) -> None:
    bench.spoil_back_channel(Reply(302, b"", {"location": f"{bench.upstream.site.url}/elsewhere"}))
    with pytest.raises(UpstreamRefused):
        bench.log_in()
    assert "/elsewhere" not in [asked.path for asked in bench.upstream.site.seen]


def test_a_source_that_is_down_is_unavailable(bench: Bench) -> None:
    departure = bench.leave()
    answer = bench.upstream.sign_in(departure, "me")
    bench.upstream.site.__exit__(None, None, None)
    with pytest.raises(UpstreamUnavailable):
        bench.finish(answer, departure)


@pytest.mark.parametrize("name", list(BENCHES))
@pytest.mark.parametrize("fault", ["another authority", "another host", "expired"])
def test_a_wrong_certificate_is_refused(
    name: str, fault: str, clock: FakeClock, throw_away_ca: ThrowAwayCa, tmp_path: Path
) -> None:
    from datetime import timedelta

    certificates = {
        "another authority": lambda: ThrowAwayCa(tmp_path).issue(stem="foreign"),
        "another host": lambda: throw_away_ca.issue(hosts=("127.0.0.30",), stem="host"),
        "expired": lambda: throw_away_ca.issue(stem="old", lifetime=timedelta(days=-1)),
    }
    with ExitStack() as stack:
        bench = BENCHES[name](stack, clock, certificates[fault](), throw_away_ca.certificate)
        with pytest.raises(UpstreamUnavailable):
            bench.log_in()
    with ExitStack() as stack:
        bench = BENCHES[name](stack, clock, throw_away_ca.issue(stem="right"), throw_away_ca.certificate)
        assert bench.log_in().references == MOTHER
