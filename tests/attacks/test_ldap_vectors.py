"""A-24: injection into filters and names, empty binds, hostile referrals, lying certificates, at the LDAP source.

Each vector is refused by its code, or finds exactly the one rightful entry; each family's request passes once its fault
is repaired; and where our own check is taken away, the directory lets the family in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from broker.domain.errors import CredentialsRefused, PreauError, UpstreamUnavailable
from broker.domain.identity import UpstreamIdentity
from connectors.ldap import LdapDirectory, LdapLimits, LdapSource
from connectors.ldap.names import parse_dn
from connectors.ldap.sealed import CERTIFICATE_REFUSED
from tests import ldap_double as says
from tests.attacks.ldap_vectors import (
    BIND_BROKEN,
    BIND_REFUSED,
    CERTIFICATES,
    LOGIN,
    LOGINS,
    NAMES,
    PASSWORD,
    REFERRALS,
    SECRETS,
    SUBJECT,
)  # fmt: skip
from tests.certificates import ThrowAwayCa
from tests.conftest import needs
from tests.directories import NOW, PEOPLE, READER, Ent, anybody, ent, recorder
from tests.ldap_double import ALINE, ALINES, BIND, SEARCH, Double, Heard, bound, but, done, found

pytestmark = pytest.mark.services

TYPED = [(family, name) for family, vectors in LOGINS.items() for name in vectors]
OPERATIONS = ("bind", "search", "part")


@pytest.fixture(scope="module")
def server(throw_away_ca: ThrowAwayCa) -> Iterator[Ent]:
    needs("slapd")
    with ent(throw_away_ca) as running:
        yield running


@dataclass
class Stage:
    """A directory whose answers the test changes, and a source over it."""

    double: Double
    source: LdapSource

    def sign_in(self, answer: says.Answer = says.well_behaved) -> UpstreamIdentity:
        self.double.answer = answer
        self.double.heard.clear()
        return self.source.authenticate(login=LOGIN, password=PASSWORD, now=NOW, admit=anybody)

    def binds_as(self, dn: str) -> int:
        return sum(one.operation == BIND and dn.encode() in one.octets for one in self.double.heard)


def staged(port: int, ca: Path, **changes: Any) -> LdapSource:
    url = f"ldaps://127.0.0.1:{port}"
    limits = LdapLimits(connect=2, receive=2, whole=4.0)
    directory = LdapDirectory(url=url, reader_dn=READER, reader_password="secret", ca_file=ca, limits=limits)
    return LdapSource(source_id="ent", url=url, directory=directory, people=PEOPLE, **changes)


@pytest.fixture(scope="module")
def stage(throw_away_ca: ThrowAwayCa) -> Iterator[Stage]:
    with says.double(says.well_behaved, certificate=throw_away_ca.issue(stem="stage")) as double:
        yield Stage(double, staged(double.port, throw_away_ca.certificate))


def test_the_family_has_five_hundred_vectors_and_more() -> None:
    typed = {text for vectors in LOGINS.values() for text in vectors.values()}
    answered = len(set(NAMES)) + len(REFERRALS) * len(OPERATIONS) + len(BIND_BROKEN) + len(BIND_REFUSED)
    assert len(typed) + len(set(SECRETS.values())) + answered + len(CERTIFICATES) >= 700
    assert len(TYPED) == len(set(TYPED))


def outcome_of(server: Ent, login: str) -> str:
    """The code of the refusal, or who signed in."""
    try:
        return server.source().authenticate(login=login, password=PASSWORD, now=NOW, admit=anybody).key.subject
    except PreauError as refused:
        return refused.code


# ---- what is typed: a real directory -----------------------------------------------------------------------------


@pytest.mark.parametrize(("family", "name"), TYPED)
def test_whatever_is_typed_as_a_login_finds_nobody_else(server: Ent, family: str, name: str) -> None:
    """Where the directory takes two spellings for one login, the one entry it finds is the rightful one."""
    outcome = outcome_of(server, LOGINS[family][name])
    assert outcome == CredentialsRefused.code or (family == "unicode" and outcome == SUBJECT)


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_no_password_but_the_right_one_opens_the_account(server: Ent, name: str) -> None:
    with pytest.raises(CredentialsRefused) as refused:
        server.source().authenticate(login=LOGIN, password=SECRETS[name], now=NOW, admit=anybody)
    assert refused.value.code == "PRE-2012"


@pytest.mark.parametrize("family", [*LOGINS, "secrets"])
def test_the_same_request_passes_once_its_fault_is_repaired(server: Ent, family: str) -> None:
    identity = server.source().authenticate(login=f" {LOGIN.upper()} ", password=PASSWORD, now=NOW, admit=anybody)
    assert identity.key.subject == SUBJECT


@pytest.mark.parametrize(("family", "at_least"), [("grammar", 4), ("wildcards", 15)])
def test_without_escaping_the_directory_would_let_them_in(
    server: Ent, monkeypatch: pytest.MonkeyPatch, family: str, at_least: int
) -> None:
    """Those that then lead to her entry alone; the others find a neighbour beside it, and are several."""
    monkeypatch.setattr("connectors.ldap.filters.escaped", str)
    outcomes = [outcome_of(server, login) for login in LOGINS[family].values()]
    assert outcomes.count(SUBJECT) >= at_least


# ---- what is typed: a directory that lets everybody in ------------------------------------------------------------


UNSENT = [name for name, text in SECRETS.items() if "\0" in text or not text.strip() or name.startswith("nothing but")]


@pytest.mark.parametrize("name", UNSENT)
def test_a_secret_that_may_be_none_is_sent_to_no_directory(stage: Stage, name: str) -> None:
    """The double takes any password: only our own refusal stands in the way."""
    stage.double.heard.clear()
    stage.double.answer = says.well_behaved
    with pytest.raises(CredentialsRefused):
        stage.source.authenticate(login=LOGIN, password=SECRETS[name], now=NOW, admit=anybody)
    assert stage.double.heard == []
    shown = SECRETS[name].replace("\0", "") + "x"
    assert stage.source.authenticate(login=LOGIN, password=shown, now=NOW, admit=anybody).key.subject == SUBJECT


# ---- what a hostile directory answers ----------------------------------------------------------------------------


@pytest.mark.parametrize("dn", NAMES, ids=ascii)
def test_an_entry_by_a_wrong_name_is_never_bound_as(stage: Stage, dn: str) -> None:
    def answer(heard: Heard) -> Sequence[bytes]:
        return [found(heard, dn.encode("utf-8", "surrogatepass"), ALINES), done(heard)]

    with pytest.raises(UpstreamUnavailable) as refused:
        stage.sign_in(but(SEARCH, answer))
    assert refused.value.code == "PRE-5002"
    assert [one.operation for one in stage.double.heard].count(BIND) == 1
    assert stage.sign_in().key.subject == SUBJECT
    assert stage.binds_as(ALINE) == 1


REFERRING: dict[str, Callable[[str], says.Answer]] = {
    "bind": lambda uri: but(BIND, lambda heard: [bound(heard, 10, [uri])]),
    "search": lambda uri: but(SEARCH, lambda heard: [done(heard, 10, referrals=[uri])]),
    "part": lambda uri: but(
        SEARCH, lambda heard: [found(heard, ALINE, ALINES), says.referred(heard, uri), done(heard)]
    ),
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("uri", REFERRALS)
def test_no_referral_is_followed(stage: Stage, uri: str, operation: str) -> None:
    with recorder() as attacker:
        with pytest.raises(UpstreamUnavailable) as refused:
            stage.sign_in(REFERRING[operation](uri.format(port=attacker.port)))
        assert refused.value.code == "PRE-5002"
        assert (attacker.calls, bytes(attacker.heard)) == (0, b"")
    assert stage.sign_in().key.subject == SUBJECT


def of_aline(code: int, referrals: Sequence[str] = ()) -> says.Answer:
    """Our own reader may bind; Aline gets this."""
    return but(BIND, lambda heard: [bound(heard, code if ALINE.encode() in heard.octets else 0, referrals)])


@pytest.mark.parametrize("code", BIND_REFUSED)
def test_a_bind_that_is_refused_signs_nobody_in(stage: Stage, code: int) -> None:
    with pytest.raises(CredentialsRefused) as refused:
        stage.sign_in(of_aline(code))
    assert refused.value.code == "PRE-2012"
    assert stage.sign_in(of_aline(0)).key.subject == SUBJECT


@pytest.mark.parametrize("code", BIND_BROKEN)
def test_a_bind_with_any_other_outcome_signs_nobody_in(stage: Stage, code: int) -> None:
    with pytest.raises(UpstreamUnavailable) as refused:
        stage.sign_in(of_aline(code))
    assert refused.value.code == "PRE-5002"
    assert stage.sign_in(of_aline(0)).key.subject == SUBJECT


# ---- certificates ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", sorted(CERTIFICATES))
def test_a_certificate_with_one_fault_is_refused_before_anything_is_said(
    throw_away_ca: ThrowAwayCa, fault: str
) -> None:
    with ExitStack() as stack:
        wrong = throw_away_ca.issue(stem="fault", **CERTIFICATES[fault])  # type: ignore[arg-type]
        liar = stack.enter_context(says.double(says.well_behaved, certificate=wrong))
        with pytest.raises(UpstreamUnavailable) as refused:
            Stage(liar, staged(liar.port, throw_away_ca.certificate)).sign_in()
        assert refused.value.cause.startswith(CERTIFICATE_REFUSED)
        assert liar.heard == []
        good = stack.enter_context(says.double(says.well_behaved, certificate=throw_away_ca.issue(stem="good")))
        assert Stage(good, staged(good.port, throw_away_ca.certificate)).sign_in().key.subject == SUBJECT


def test_a_good_certificate_of_a_strangers_authority_is_refused(
    throw_away_ca: ThrowAwayCa, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stranger = ThrowAwayCa(tmp_path_factory.mktemp("stranger"))
    with says.double(says.well_behaved, certificate=stranger.issue()) as liar:
        with pytest.raises(UpstreamUnavailable):
            Stage(liar, staged(liar.port, throw_away_ca.certificate)).sign_in()
        assert liar.heard == []
        assert Stage(liar, staged(liar.port, stranger.certificate)).sign_in().key.subject == SUBJECT


def test_nobody_is_a_name_below_the_people(stage: Stage) -> None:
    """Where the search finds none, the password goes to a name that is nobody's; success there counts for nothing."""
    with pytest.raises(CredentialsRefused):
        stage.sign_in(but(SEARCH, lambda heard: [done(heard)]))
    nobody = parse_dn(f"uid=preau-nobody-has-this-name,{PEOPLE}")
    assert stage.binds_as(str(nobody)) == 1
    assert stage.binds_as(ALINE) == 0
