"""How a directory is reached (rules D-01, D-03, D-10), by what only each rule stops."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from broker.domain.errors import UpstreamUnavailable
from connectors.ldap import LdapDirectory
from connectors.ldap.directory import Question
from connectors.ldap.entries import Entry, Illegible
from connectors.ldap.filters import Equals
from connectors.ldap.names import parse_dn
from connectors.ldap.sealed import CERTIFICATE_REFUSED, Bounded, parse_address, trust_of
from tests import ldap_double as says
from tests.certificates import ThrowAwayCa
from tests.conftest import needs
from tests.directories import PEOPLE, QUICK, READER, Answering, Ent, Recorder, ent, recorder
from tests.ldap_double import ALINE, BIND, EXTENDED, SEARCH, Heard, but, found

pytestmark = pytest.mark.services

PASSWORD = "le grand cartable bleu"
QUESTION = Question(PEOPLE, Equals("uid", "T99000a1"), ("uid", "displayName"))


@pytest.fixture(scope="module")
def stranger() -> Iterator[Recorder]:
    with recorder() as one:
        yield one


@pytest.fixture(scope="module")
def server(throw_away_ca: ThrowAwayCa, stranger: Recorder) -> Iterator[Ent]:
    needs("slapd")
    with ent(throw_away_ca, stranger=stranger.port) as running:
        yield running


@pytest.fixture
def answering(throw_away_ca: ThrowAwayCa) -> Iterator[Answering]:
    with ExitStack() as stack:
        yield Answering(stack, throw_away_ca)


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(UpstreamUnavailable) as caught:
        act()
    assert caught.value.code == "PRE-5002"
    return caught.value.cause


def all_of(directory: LdapDirectory) -> list[Entry | Illegible]:
    return list(directory.search(QUESTION))


# ---- D-01: TLS before anything else ------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["url", "plain_url"], ids=["ldaps", "StartTLS"])
def test_the_right_certificate_is_taken_by_ldaps_and_by_starttls(server: Ent, url: str) -> None:
    directory = server.directory(url=getattr(server, url))
    assert directory.find_one(QUESTION).first("displayName") == "Aline Quéméneur"
    assert directory.check_password(parse_dn(ALINE), PASSWORD)
    directory.self_test()


@pytest.mark.parametrize("url", ["url", "plain_url"], ids=["ldaps", "StartTLS"])
def test_a_certificate_of_another_authority_is_refused(
    server: Ent, url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = ThrowAwayCa(tmp_path_factory.mktemp("other")).certificate
    directory = server.directory(url=getattr(server, url), ca_file=other)
    assert refused(lambda: directory.check_password(parse_dn(ALINE), PASSWORD)).startswith(CERTIFICATE_REFUSED)
    assert refused(directory.self_test).startswith(CERTIFICATE_REFUSED)


def test_the_authorities_of_the_system_know_nothing_of_ours(server: Ent) -> None:
    assert refused(server.directory(ca_file=None).self_test).startswith(CERTIFICATE_REFUSED)


WRONG = {"another host": {"hosts": ("127.0.0.9", "localhost")}, "expired": {"lifetime": timedelta(days=-1)}}


@pytest.mark.parametrize("fault", sorted(WRONG))
def test_a_certificate_for_another_host_or_past_its_time_is_refused(throw_away_ca: ThrowAwayCa, fault: str) -> None:
    needs("slapd")
    certificate = throw_away_ca.issue(stem="wrong", **WRONG[fault])  # type: ignore[arg-type]
    with ent(throw_away_ca, certificate=certificate) as wrong:
        for url in (wrong.url, wrong.plain_url):
            directory = wrong.directory(url=url)
            for act in (partial(directory.find_one, QUESTION), directory.self_test):
                assert refused(act).startswith(CERTIFICATE_REFUSED)


def test_the_password_never_leaves_before_the_certificate_held(
    answering: Answering, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = ThrowAwayCa(tmp_path_factory.mktemp("other"))
    one, directory = answering(says.well_behaved, ca_file=other.certificate)
    refused(lambda: directory.check_password(parse_dn(ALINE), PASSWORD))
    assert (one.calls, one.heard) == (1, [])


@pytest.mark.parametrize("code", [0, 1, 2, 52, 53])
def test_a_server_that_strips_starttls_hears_no_password(answering: Answering, code: int) -> None:
    """Whether it says yes and goes on in clear, or says no: nothing but the question is ever sent."""
    one, directory = answering(but(EXTENDED, lambda heard: [says.extended(heard, code)]), start_tls=True)
    refused(lambda: directory.check_password(parse_dn(ALINE), PASSWORD))
    assert [heard.operation for heard in one.heard if heard.operation == BIND] == []
    assert PASSWORD.encode() not in one.raw


def test_a_connection_that_is_not_sealed_is_never_bound(server: Ent, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the library to skip StartTLS in silence, the bind would still not be sent."""
    monkeypatch.setattr("ldap3.Connection.start_tls", lambda _self, read_server_info: False)
    directory = server.directory(url=server.plain_url)
    assert "not sealed" in refused(lambda: directory.check_password(parse_dn(ALINE), PASSWORD))


def test_a_plain_port_is_not_spoken_to_as_if_it_were_sealed(server: Ent) -> None:
    refused(server.directory(url=f"ldaps://{server.host}:{server.plain_port}").self_test)


@pytest.mark.parametrize(
    "url",
    ["http://h", "ldap:", "ldaps://", "h", "ldapi:///x", "ldaps://u:p@h", "ldaps://h/x", "ldaps://h?x", "ldaps://h#x",
     "ldaps://h:99999", "ldaps://h:x"],
)  # fmt: skip
def test_an_address_without_tls_or_with_more_than_a_host_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        LdapDirectory(url=url, reader_dn=READER, reader_password="secret")
    assert (parse_address("ldaps://h").port, parse_address("ldap://h/").port) == (636, 389)


def test_the_context_demands_certificate_host_and_a_tls_of_today(throw_away_ca: ThrowAwayCa) -> None:
    trust = trust_of(throw_away_ca.certificate)
    assert (trust.verify_mode, trust.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert trust.minimum_version == ssl.TLSVersion.TLSv1_2


def test_an_authority_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    empty.touch()
    for file in (empty, tmp_path / "none.pem"):
        with pytest.raises(OSError, match=r".+"):
            LdapDirectory(url="ldaps://h", reader_dn=READER, reader_password="secret", ca_file=file)


# ---- D-03: time --------------------------------------------------------------------------------------------------


def never(_heard: Heard) -> Sequence[bytes]:
    return []


def test_a_directory_that_says_nothing_is_given_up(answering: Answering) -> None:
    one, directory = answering(never)
    refused(lambda: directory.check_password(parse_dn(ALINE), PASSWORD))
    assert one.operations() == [BIND]


def test_a_listener_that_never_shakes_hands_is_given_up(throw_away_ca: ThrowAwayCa) -> None:
    with recorder() as mute:
        directory = LdapDirectory(
            url=f"ldaps://127.0.0.1:{mute.port}", reader_dn=READER, reader_password="secret", limits=QUICK
        )
        refused(directory.self_test)


def test_a_port_where_nobody_listens_is_a_directory_out_of_order() -> None:
    refused(
        LdapDirectory(url="ldaps://127.0.0.1:9", reader_dn=READER, reader_password="secret", limits=QUICK).self_test
    )


def test_a_peer_who_drips_runs_out_of_time_and_one_who_floods_out_of_room() -> None:
    """ldap3's own time-out begins anew with every octet."""

    class Wire:
        def __init__(self) -> None:
            self.waits: list[float] = []

        def settimeout(self, seconds: float) -> None:
            self.waits.append(seconds)

        def recv(self, size: int) -> bytes:
            return b"x" * size

    clock = iter([0.0, 0.5, 1.2, 1.6, 10.0, 10.1, 10.2])
    wire = Wire()
    bounded = Bounded(wire, QUICK, monotonic=lambda: next(clock))
    assert (bounded.recv(1), bounded.recv(1)) == (b"x", b"x")
    assert wire.waits == [1.0, pytest.approx(0.3)]
    with pytest.raises(TimeoutError):
        bounded.recv(1)
    bounded.restart(1.5)
    assert bounded.recv(QUICK.most_bytes)
    with pytest.raises(OSError, match="floods"):
        bounded.recv(1)
    assert not bounded.is_sealed


def test_an_answer_without_end_is_cut_off(answering: Answering) -> None:
    endless = [found] * 400
    _, directory = answering(but(SEARCH, lambda heard: [one(heard, ALINE, {"uid": ["x" * 1000]}) for one in endless]))
    refused(lambda: directory.find_one(QUESTION))


# ---- D-10: the self-test -----------------------------------------------------------------------------------------


def test_a_directory_that_would_take_any_certificate_fails_its_self_test(server: Ent) -> None:
    """Were the check of names lost, the test at start says so before anybody signs in."""
    directory = server.directory()
    directory.trust.check_hostname = False
    assert "not sealed" in refused(directory.self_test)
    directory.trust.check_hostname = True
    directory.self_test()


def test_the_self_test_refuses_a_context_that_ignores_names(server: Ent, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = server.directory()
    directory.trust.check_hostname = False
    monkeypatch.setattr(Bounded, "is_sealed", True)
    assert "another name was accepted" in refused(directory.self_test)


def test_the_self_test_believes_no_other_failure_to_be_a_refusal(
    answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory that goes away in the middle has not refused anything."""
    one, directory = answering(says.well_behaved)
    directory.self_test()
    assert one.calls == 2
    monkeypatch.setattr("connectors.ldap.sealed.CERTIFICATE_REFUSED", "something else")
    refused(directory.self_test)
