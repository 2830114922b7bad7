"""Signing in with an ENT's own login, against a real slapd with the national schema."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from broker.domain.errors import CredentialsRefused, UpstreamRefused, UpstreamUnavailable
from broker.domain.identity import UpstreamProtocol
from broker.domain.people import Reference
from tests.certificates import ThrowAwayCa
from tests.conftest import needs
from tests.directories import ELSEWHERE, NOW, Ent, Recorder, anybody, ent, recorder

pytestmark = pytest.mark.services

PASSWORD = "le grand cartable bleu"


@pytest.fixture(scope="module")
def stranger() -> Iterator[Recorder]:
    with recorder() as one:
        yield one


@pytest.fixture(scope="module")
def server(throw_away_ca: ThrowAwayCa, stranger: Recorder) -> Iterator[Ent]:
    needs("slapd")
    with ent(throw_away_ca, stranger=stranger.port) as running:
        yield running


def refusal(server: Ent, login: str, password: str) -> CredentialsRefused:
    with pytest.raises(CredentialsRefused) as refused:
        server.source().authenticate(login=login, password=password, now=NOW, admit=anybody)
    return refused.value


@pytest.mark.parametrize("url", ["url", "plain_url"], ids=["ldaps", "StartTLS"])
def test_a_mother_signs_in_and_brings_both_her_keys(server: Ent, url: str) -> None:
    source = server.source(directory=server.directory(url=getattr(server, url)))
    identity = source.authenticate(login="Aline.Quemeneur", password=PASSWORD, now=NOW, admit=anybody)
    assert (identity.key.protocol, identity.key.issuer) == (UpstreamProtocol.LDAP, server.url)
    assert (identity.key.subject_format, identity.key.subject) == ("ldap:uid", "T99000a1")
    assert identity.references == (Reference("99", "500101"), Reference("99", "610777"))
    assert identity.display == "Aline Quéméneur"


@pytest.mark.parametrize(
    ("login", "password", "subject"),
    [
        ("o'brien, *(x)", "parenthese et etoile", "T99000s1"),
        ("éloïse.désiré", "petits accents", "T99000s2"),
        ("e\u0301loi\u0308se.de\u0301sire\u0301", "petits accents", "T99000s2"),
        ("ruben.leroy", "é à et ü", "T99000a3"),
    ],
)
def test_a_login_or_password_of_any_characters_finds_its_own_entry(
    server: Ent, login: str, password: str, subject: str
) -> None:
    assert server.source().authenticate(login=login, password=password, now=NOW, admit=anybody).key.subject == subject


def test_the_subject_may_be_the_servers_own_number(server: Ent) -> None:
    """`entryUUID` comes only where it is asked for by name."""
    source = server.source(subject_attribute="entryUUID")
    key = source.authenticate(login="aline.quemeneur", password=PASSWORD, now=NOW, admit=anybody).key
    assert (key.subject_format, len(key.subject)) == ("ldap:entryUUID", 36)


REFUSED = {
    "unknown": ("nobody", PASSWORD),
    "wrong password": ("aline.quemeneur", "le petit cartable bleu"),
    "several": ("double.emploi", "deux fois le meme"),
    "BLOQUE": ("compte.bloque", "compte ferme"),
    "INVALIDE": ("compte.invalide", "compte ferme"),
    "DELETE": ("ruben.leroy.ancien", "ancien compte"),
    "empty": ("aline.quemeneur", ""),
    "blank": ("aline.quemeneur", "   "),
    "nul": ("aline.quemeneur", PASSWORD + "\0"),
    "wildcard": ("aline.*", PASSWORD),
}


def test_every_refusal_looks_the_same(server: Ent) -> None:
    told = {(type(one), one.code, one.status, one.title, one.sentence, one.next_step) for one in _refusals(server)}
    assert len(told) == 1
    causes = {one.cause for one in _refusals(server)}
    assert not any(word in cause for cause in causes for word in ("aline", "cartable", "T99000"))


def _refusals(server: Ent) -> Iterator[CredentialsRefused]:
    return (refusal(server, login, password) for login, password in REFUSED.values())


def test_two_ids_are_nobodys(server: Ent) -> None:
    with pytest.raises(UpstreamRefused):
        server.source().authenticate(login="deux.numeros", password="deux numeros", now=NOW, admit=anybody)


def test_a_branch_that_refers_to_a_stranger_is_out_of_order_and_the_stranger_hears_nothing(
    server: Ent, stranger: Recorder
) -> None:
    with pytest.raises(UpstreamUnavailable):
        server.source(people=ELSEWHERE).authenticate(login="aline.quemeneur", password=PASSWORD, now=NOW, admit=anybody)
    assert (stranger.calls, bytes(stranger.heard)) == (0, b"")


def test_a_directory_that_knows_us_no_more_is_out_of_order(server: Ent) -> None:
    directory = server.directory(reader_password="another")
    with pytest.raises(UpstreamUnavailable):
        server.source(directory=directory).authenticate(
            login="aline.quemeneur", password=PASSWORD, now=NOW, admit=anybody
        )


def test_a_source_of_another_directory_makes_other_accounts(server: Ent) -> None:
    other = replace(server.source(), url="ldaps://autre.example")
    one = server.source().authenticate(login="aline.quemeneur", password=PASSWORD, now=NOW, admit=anybody)
    assert other.authenticate(login="aline.quemeneur", password=PASSWORD, now=NOW, admit=anybody).key != one.key
