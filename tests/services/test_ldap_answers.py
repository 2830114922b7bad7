"""What a directory answers (rules D-02, D-04, D-05, D-07 to D-09), by what only each rule stops."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import pytest
from ldap3.core.exceptions import LDAPConnectionIsReadOnlyError

from broker.domain.errors import SourceCrowded, UpstreamUnavailable
from connectors.ldap import LdapDirectory, LdapLimits
from connectors.ldap.directory import LONGEST_PASSWORD, BadSecret, NotOne, Question, secret_of
from connectors.ldap.entries import Entry, Illegible
from connectors.ldap.filters import Equals
from connectors.ldap.names import parse_dn
from connectors.ldap.sealed import Credentials, connected
from tests import ldap_double as says
from tests.certificates import ThrowAwayCa
from tests.conftest import needs
from tests.directories import ELSEWHERE, PEOPLE, QUICK, READER, Answering, Ent, Recorder, ent, recorder
from tests.ldap_double import ALINE, BIND, SEARCH, Answer, Heard, bound, but, done, found

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


# ---- D-02: referrals ---------------------------------------------------------------------------------------------


def test_a_branch_that_refers_elsewhere_is_not_followed(server: Ent, stranger: Recorder) -> None:
    elsewhere = replace(QUESTION, base=ELSEWHERE)
    below = replace(QUESTION, base=parse_dn(f"ou=ailleurs,{ELSEWHERE}"))
    for question in (elsewhere, below):
        refused(partial(server.directory().find_one, question))
        refused(partial(lambda asked: list(server.directory().search(asked)), question))
    assert not server.directory().check_password(parse_dn(f"uid=x,ou=ailleurs,{ELSEWHERE}"), PASSWORD)
    assert (stranger.calls, bytes(stranger.heard)) == (0, b"")
    assert server.directory().find_one(QUESTION).only("uid") == "T99000a1"


REFERRALS: dict[str, Callable[[str], Answer]] = {
    "bind": lambda uri: but(BIND, lambda heard: [bound(heard, 10, [uri])]),
    "search": lambda uri: but(SEARCH, lambda heard: [done(heard, 10, referrals=[uri], cookie=b"")]),
    "part of the answer": lambda uri: but(
        SEARCH, lambda heard: [found(heard, ALINE, says.ALINES), says.referred(heard, uri), done(heard, cookie=b"")]
    ),
    "success with a referral": lambda uri: but(SEARCH, lambda heard: [says.referred(heard, uri), done(heard)]),
}


@pytest.mark.parametrize("where", sorted(REFERRALS))
def test_no_referral_is_followed_and_none_counts_as_an_answer(answering: Answering, where: str) -> None:
    with recorder() as attacker:
        _, directory = answering(REFERRALS[where](f"ldap://127.0.0.1:{attacker.port}/{ALINE}"))
        refused(lambda: directory.find_one(QUESTION))
        refused(lambda: all_of(directory))
        if where == "bind":
            refused(lambda: directory.check_password(parse_dn(ALINE), PASSWORD))
        assert (attacker.calls, bytes(attacker.heard)) == (0, b"")
    _, good = answering(says.well_behaved)
    assert good.check_password(parse_dn(ALINE), PASSWORD)


def test_every_connection_is_made_with_what_ldap3_leaves_open_closed(server: Ent) -> None:
    """Each of these stands beside another guard that hides it: hosts to follow, and the bounds of the socket itself."""
    directory = server.directory(limits=LdapLimits(connect=7, receive=8))
    reader = Credentials(READER, server.secret.encode())
    with connected(directory.address, directory.trust, directory.limits, credentials=reader) as connection:
        assert (connection.auto_referrals, connection.server.allowed_referral_hosts) == (False, [])
        assert (connection.server.connect_timeout, connection.receive_timeout) == (7, 8)
        assert (connection.raise_exceptions, connection.read_only, connection.server.get_info) == (
            True,
            True,
            "NO_INFO",
        )


# ---- D-04: read-only, failures raised ----------------------------------------------------------------------------


def test_a_connection_can_change_nothing(server: Ent) -> None:
    directory = server.directory()
    reader = Credentials(READER, server.secret.encode())
    with connected(directory.address, directory.trust, directory.limits, credentials=reader) as connection:
        assert connection.bind(read_server_info=False)
        with pytest.raises(LDAPConnectionIsReadOnlyError):
            connection.delete(ALINE)


@pytest.mark.parametrize("code", [1, 2, 3, 4, 10, 11, 14, 32, 50, 51, 52, 53, 80, 123])
def test_a_search_that_did_not_succeed_is_never_an_empty_answer(answering: Answering, code: int) -> None:
    """Four of these codes raise nothing in ldap3, whatever it is told."""
    _, directory = answering(but(SEARCH, lambda heard: [done(heard, code, cookie=b"")]))
    if code == 4:
        with pytest.raises(NotOne):
            directory.find_one(QUESTION)
    else:
        refused(lambda: directory.find_one(QUESTION))
    refused(lambda: all_of(directory))


@pytest.mark.parametrize("code", [19, 32, 48, 49, 50, 53])
def test_a_directory_that_says_no_says_no(answering: Answering, code: int) -> None:
    _, directory = answering(but(BIND, lambda heard: [bound(heard, code)]))
    assert directory.check_password(parse_dn(ALINE), PASSWORD) is False


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 34, 51, 52, 80, 118, 123])
def test_a_directory_that_says_anything_else_is_out_of_order(answering: Answering, code: int) -> None:
    _, directory = answering(but(BIND, lambda heard: [bound(heard, code)]))
    refused(lambda: directory.check_password(parse_dn(ALINE), PASSWORD))


GARBAGE: dict[str, Callable[[Heard], Sequence[bytes]]] = {
    "no ber": lambda _heard: [b"HTTP/1.1 200 OK\r\n\r\n"],
    "zeros": lambda _heard: [b"\0" * 64],
    "nested": lambda _heard: [says.message(1, b"\x61" + b"\x30\x80" * 40)],
    "huge length": lambda _heard: [b"\x30\x84\x7f\xff\xff\xff" + b"\x02\x01\x01"],
    "another number": lambda heard: [bound(replace(heard, number=heard.number + 7))],
    "success of a search": lambda heard: [done(heard)],
    "success of an extension": lambda heard: [says.extended(heard)],
    "no result": lambda heard: [says.message(heard.number, says.tlv(0x61))],
    "unknown result": lambda heard: [says.message(heard.number, says.tlv(0x61, says.tlv(0x0A, b"\x7e"), b"\4\0\4\0"))],
    "goodbye": lambda _heard: [b""],
    "notice of disconnection": lambda _heard: [
        says.message(0, says.tlv(0x78, says.tlv(0x0A, b"\0"), b"\4\0\4\0", says.tlv(0x8A, b"1.3.6.1.4.1.1466.20036")))
    ],
    "half a message": lambda heard: [bound(heard)[:-3], b""],
}


@pytest.mark.parametrize("what", sorted(GARBAGE))
def test_an_answer_that_makes_no_sense_is_never_a_success(answering: Answering, what: str) -> None:
    _, directory = answering(but(BIND, GARBAGE[what]))
    refused(lambda: directory.check_password(parse_dn(ALINE), PASSWORD))


def test_a_search_is_ended_by_the_result_of_a_search_alone(answering: Answering) -> None:
    _, directory = answering(but(SEARCH, lambda heard: [found(heard, ALINE, says.ALINES), bound(heard)]))
    refused(lambda: directory.find_one(QUESTION))
    refused(lambda: all_of(directory))


# ---- D-05: secrets -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "password", ["", " ", "\t \n", "\0", "secret\0", "\u00ad", "\u200b", "\ufe0f", "\u2028", "\ud800"]
)
@pytest.mark.spec("RFC 4513 §5.1.2")
def test_a_password_that_may_be_none_reaches_no_directory(answering: Answering, password: str) -> None:
    """The double lets everybody in: only our own refusal stops it."""
    one, directory = answering(says.well_behaved)
    with pytest.raises(BadSecret):
        directory.check_password(parse_dn(ALINE), password)
    assert one.calls == 0
    assert directory.check_password(parse_dn(ALINE), "x" + password.replace("\0", "").replace("\ud800", ""))


def test_a_password_is_sent_octet_for_octet(answering: Answering) -> None:
    """ldap3 prepares text (RFC 4013), and would turn this one into another."""
    one, directory = answering(says.well_behaved)
    odd = "\u2168 é\u00ad\u00a0x"
    assert directory.check_password(parse_dn(ALINE), odd)
    assert odd.encode() in bytes(one.raw)
    with pytest.raises(BadSecret):
        secret_of("x" * (LONGEST_PASSWORD + 1))


def test_our_own_account_needs_a_password_and_a_name() -> None:
    for name, password in (("", "secret"), (READER, ""), (READER, " ")):
        with pytest.raises(ValueError, match=r".+"):
            LdapDirectory(url="ldaps://h", reader_dn=name, reader_password=password)


def test_secrets_are_not_printed(server: Ent) -> None:
    assert server.secret not in repr(server.directory())
    assert "secret" not in repr(Credentials("cn=x", b"secret"))


# ---- D-07: exactly one entry, then that entry --------------------------------------------------------------------


def test_none_and_several_are_told_apart_for_the_log_alone(server: Ent) -> None:
    for value, reason in (("nobody", "no entry"), ("double.emploi", "several entries")):
        with pytest.raises(NotOne, match=reason):
            server.directory().find_one(replace(QUESTION, filter=Equals("ENTPersonLogin", value)))


@pytest.mark.parametrize(
    "dn", ["uid=x,ou=admins,dc=ent-test,dc=fr", "", "not a name", b"\xff", "ou=people,dc=ent-test,dc=fr", "uid=a\0"]
)
def test_an_entry_from_elsewhere_or_without_a_name_is_never_bound_as(answering: Answering, dn: str | bytes) -> None:
    """To bind as an empty name always succeeds: it is an anonymous bind."""
    one, directory = answering(but(SEARCH, lambda heard: [found(heard, dn, says.ALINES), done(heard)]))
    refused(lambda: directory.find_one(QUESTION))
    assert one.operations().count(BIND) == 1
    _, good = answering(says.well_behaved)
    assert str(good.find_one(QUESTION).dn) == ALINE


def test_a_user_binds_on_a_connection_of_his_own_which_then_ends(answering: Answering) -> None:
    one, directory = answering(says.well_behaved)
    directory.find_one(QUESTION)
    directory.check_password(parse_dn(ALINE), PASSWORD)
    one.settle()
    assert one.calls == 2
    assert one.operations() == [BIND, SEARCH, says.UNBIND, BIND, says.UNBIND]


# ---- D-08: bounded -----------------------------------------------------------------------------------------------


def test_more_than_the_bound_are_turned_away_and_places_come_back(answering: Answering) -> None:
    entered, leave = threading.Event(), threading.Event()

    def slow(heard: Heard) -> Sequence[bytes]:
        entered.set()
        leave.wait(5)
        return [bound(heard)]

    _, directory = answering(but(BIND, slow), limits=LdapLimits(at_once=1))
    results: list[bool] = []
    thread = threading.Thread(target=lambda: results.append(directory.check_password(parse_dn(ALINE), PASSWORD)))
    thread.start()
    entered.wait(5)
    with pytest.raises(SourceCrowded, match="too many"):
        directory.check_password(parse_dn(ALINE), PASSWORD)
    leave.set()
    thread.join(5)
    assert results == [True]
    assert directory.check_password(parse_dn(ALINE), PASSWORD)


# ---- D-09: size --------------------------------------------------------------------------------------------------


def test_a_third_entry_is_never_asked_for(answering: Answering) -> None:
    one, directory = answering(but(SEARCH, lambda heard: [found(heard, ALINE, {}), done(heard, 4)]))
    with pytest.raises(NotOne, match="several"):
        directory.find_one(QUESTION)
    search = next(heard.octets for heard in one.heard if heard.operation == SEARCH)
    # the whole branch, aliases not followed, two entries, so many seconds (RFC 4511 §4.5.1)
    assert b"\x0a\x01\x02\x0a\x01\x00\x02\x01\x02\x02\x01" + bytes([QUICK.search_seconds]) in search


def test_pages_are_followed_to_the_end(server: Ent) -> None:
    persons = Question(PEOPLE, Equals("objectClass", "ENTPerson"), ("uid",))
    limits = LdapLimits(page=3)
    paged = list(server.directory(limits=limits).search(persons))
    assert len(paged) == len({str(one.dn) for one in paged if isinstance(one, Entry)}) > 10


def test_a_size_limit_tells_that_not_everything_was_told(server: Ent) -> None:
    persons = Question(PEOPLE, Equals("objectClass", "ENTPerson"), ("uid",))
    small = server.directory(reader_dn="cn=petit-lecteur,dc=ent-test,dc=fr")
    assert "4" in refused(lambda: list(small.search(persons)))


@pytest.mark.parametrize("entries", [0, 1])
def test_pages_that_never_end_are_given_up(answering: Answering, entries: int) -> None:
    one, directory = answering(
        but(SEARCH, lambda heard: [*[found(heard, ALINE, {})] * entries, done(heard, cookie=b"again")])
    )
    assert "without end" in refused(lambda: all_of(directory))
    one.settle()
    assert one.operations().count(SEARCH) == QUICK.most_entries + 1


def test_a_directory_that_does_not_page_is_not_believed_to_have_told_everything(answering: Answering) -> None:
    _, directory = answering(but(SEARCH, lambda heard: [found(heard, ALINE, {}), done(heard)]))
    assert "pages" in refused(lambda: all_of(directory))


def test_what_was_told_before_a_directory_died_was_told(answering: Answering) -> None:
    cookies = iter([b"more"])
    _, directory = answering(
        but(SEARCH, lambda heard: [found(heard, ALINE, says.ALINES), done(heard, cookie=next(cookies, b""))][:2])
    )
    assert len(all_of(directory)) == 2
    turns = iter([True])
    _, dying = answering(
        but(
            SEARCH,
            lambda heard: [found(heard, ALINE, says.ALINES), done(heard, cookie=b"more")] if next(turns, 0) else [b""],
        )
    )
    search = dying.search(QUESTION)
    assert isinstance(next(search), Entry)
    refused(lambda: next(search))


def test_values_that_are_no_text_and_doubled_attributes_are_not_taken(answering: Answering) -> None:
    odd: dict[str, list[str | bytes]] = {
        "uid": [b"\xff"],
        "sn": ["a", "", " b "],
        "SN": ["c"],
        "cn": ["x\0y"],
        "mail": [" "],
        "l": ["x"] * 2001,
    }
    _, directory = answering(but(SEARCH, lambda heard: [found(heard, ALINE, odd), done(heard)]))
    entry = directory.find_one(QUESTION)
    assert entry.unreadable >= {"uid", "cn", "l"}
    assert (entry.all("uid"), entry.all("mail")) == ((), ())
