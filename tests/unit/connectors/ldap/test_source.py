"""A login and a password: who this is, or one refusal that says nothing of why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from broker.domain.errors import CredentialsRefused, UpstreamRefused
from broker.domain.identity import AccountKey, UpstreamIdentity, UpstreamProtocol
from broker.domain.people import Reference
from connectors.ldap.entries import Entry
from connectors.ldap.names import parse_dn
from connectors.ldap.source import NOBODY, LdapSource
from connectors.sdet import MOST_REFERENCES
from tests.directories import anybody
from tests.unit.connectors.ldap.fakes import BASE, PEOPLE, FakeDirectory, person, uid

URL = "ldaps://annuaire.ent.example"
PASSWORD = "le grand cartable bleu"
NOW = datetime(2026, 9, 7, 8, 0, tzinfo=UTC)
ALINE = person("a1", ENTPersonJointure=["AC-TEST$500101", "AC-TEST$610777", "AC-AUTRE$1"], displayName="Aline Q.")


def source(*answers: Entry, directory: FakeDirectory | None = None, **changes: Any) -> LdapSource:
    found = directory or FakeDirectory(answers=answers, secrets={uid("a1"): PASSWORD})
    wanted: dict[str, Any] = {"source_id": "ent", "url": URL, "directory": found, "people": PEOPLE}
    return LdapSource(**{**wanted, "releases_references": True, "academies": {"ac-test": "99"}, **changes})


def sign_in(one: LdapSource, *, login: str = "aline", password: str = PASSWORD) -> UpstreamIdentity:
    return one.authenticate(login=login, password=password, now=NOW, admit=anybody)


def test_the_one_entry_whose_password_holds_is_who_signs_in() -> None:
    identity = sign_in(source(ALINE))
    assert identity.key == AccountKey(UpstreamProtocol.LDAP, URL, "ldap:uid", "a1")
    assert identity.references == (Reference("99", "500101"), Reference("99", "610777"))
    assert (identity.display, identity.authn.amr, identity.authn.auth_time) == ("Aline Q.", ("pwd",), NOW)
    assert (identity.authn.authority, identity.authn.proven) == ("ent", True)


def test_two_proofs_of_one_password_are_two_answers() -> None:
    assert len({sign_in(source(ALINE)).answer for _ in range(3)} - {""}) == 3


@pytest.mark.parametrize("answers", [(), (ALINE, person("a2"))], ids=["unknown", "several"])
def test_where_there_is_not_exactly_one_entry_nobody_is_asked_for_the_password(answers: Sequence[Entry]) -> None:
    directory = FakeDirectory(answers=answers, secrets={uid("a1"): PASSWORD, uid("a2"): PASSWORD})
    with pytest.raises(CredentialsRefused) as refused:
        sign_in(source(directory=directory))
    assert refused.value.code == "PRE-2012"
    assert directory.binds == [f"uid={NOBODY},{PEOPLE}"]


def test_nobody_may_be_an_entry_that_exists() -> None:
    directory = FakeDirectory()
    with pytest.raises(CredentialsRefused):
        sign_in(source(directory=directory, decoy_dn=parse_dn(f"cn=leurre,{BASE}")))
    assert directory.binds == [f"cn=leurre,{BASE}"]


def test_nobody_is_never_somebody_whatever_the_directory_says_of_it() -> None:
    directory = FakeDirectory(secrets={f"uid={NOBODY},{PEOPLE}": PASSWORD})
    with pytest.raises(CredentialsRefused):
        sign_in(source(directory=directory))


def test_every_refusal_takes_one_search_and_one_bind() -> None:
    for answers, password in (((), PASSWORD), ((ALINE,), "wrong"), ((ALINE, ALINE), PASSWORD), ((closed(),), PASSWORD)):
        directory = FakeDirectory(answers=answers, secrets={uid("a1"): PASSWORD})
        with pytest.raises(CredentialsRefused):
            sign_in(source(directory=directory), password=password)
        assert (len(directory.asked), len(directory.binds)) == (1, 1)


def closed(state: str = "BLOQUE") -> Entry:
    return replace(ALINE, attributes={**ALINE.attributes, "escopersonetatcompte": (state,)})


@pytest.mark.parametrize("state", ["BLOQUE", "DELETE", "INVALIDE", "bloque"])
def test_a_closed_account_is_refused_as_a_wrong_password_is(state: str) -> None:
    with pytest.raises(CredentialsRefused):
        sign_in(source(closed(state)))
    assert sign_in(source(closed("VALIDE"))).key.subject == "a1"


def test_a_state_that_cannot_be_read_closes_the_account() -> None:
    with pytest.raises(CredentialsRefused):
        sign_in(source(replace(ALINE, unreadable=frozenset({"escopersonetatcompte"}))))


@pytest.mark.parametrize("password", ["", " ", "\t", "\0", "a\0b", "\u00ad", "\u200b\u2060", "\ud800", "x" * 1025])
def test_a_secret_that_a_directory_may_take_for_none_is_never_sent(password: str) -> None:
    directory = FakeDirectory(answers=(ALINE,), secrets={uid("a1"): password})
    with pytest.raises(CredentialsRefused):
        sign_in(source(directory=directory), password=password)
    assert directory.binds == []
    assert directory.asked == []


@pytest.mark.parametrize("login", ["", "  ", "a\0", "a" * 300])
def test_what_nobody_has_as_a_login_is_never_asked(login: str) -> None:
    directory = FakeDirectory(answers=(ALINE,), secrets={uid("a1"): PASSWORD})
    with pytest.raises(CredentialsRefused):
        sign_in(source(directory=directory), login=login)
    assert directory.asked == []


@pytest.mark.parametrize("ids", [(), ("a1", "a2")])
def test_an_entry_without_exactly_one_id_is_nobody(ids: tuple[str, ...]) -> None:
    with pytest.raises(UpstreamRefused):
        sign_in(source(replace(ALINE, attributes={**ALINE.attributes, "uid": ids})))


def test_the_servers_own_id_may_be_the_subject() -> None:
    numbered = replace(ALINE, attributes={**ALINE.attributes, "entryuuid": ("5c2d",)})
    key = sign_in(source(numbered, subject_attribute="entryUUID")).key
    assert (key.subject_format, key.subject) == ("ldap:entryUUID", "5c2d")


def test_references_are_taken_only_where_the_source_may_speak_for_them() -> None:
    assert sign_in(source(ALINE, releases_references=False)).references == ()
    assert sign_in(source(ALINE, academies={})).references == ()


def test_more_references_than_a_human_has_are_refused() -> None:
    values = tuple(f"AC-TEST${number}" for number in range(MOST_REFERENCES + 1))
    with pytest.raises(UpstreamRefused):
        sign_in(source(replace(ALINE, attributes={**ALINE.attributes, "entpersonjointure": values})))
    fewer = replace(ALINE, attributes={**ALINE.attributes, "entpersonjointure": values[1:]})
    assert len(sign_in(source(fewer)).references) == MOST_REFERENCES


def test_a_name_to_show_is_found_where_there_is_one() -> None:
    assert sign_in(source(person("a1"))).display == "Aline QUEMENEUR"
    assert sign_in(source(person("a1", sn="", givenName="", cn="Aline"))).display == "Aline"
    assert sign_in(source(person("a1", sn="", givenName=""))).display == ""


def test_what_was_typed_stands_in_the_filter_as_a_value() -> None:
    directory = FakeDirectory(answers=(ALINE,), secrets={uid("a1"): PASSWORD})
    sign_in(source(directory=directory, login_attributes=("ENTPersonLogin", "mail")), login="a*)(uid=*")
    (question,) = directory.asked
    value = r"a\2a\29\28uid\3d\2a"
    assert str(question.filter) == f"(&(objectClass=ENTPerson)(|(ENTPersonLogin={value})(mail={value})))"
    assert question.base == PEOPLE


def test_a_guess_that_is_not_admitted_is_never_tried_at_the_account() -> None:
    directory = FakeDirectory(answers=(ALINE,), secrets={uid("a1"): PASSWORD})
    asked: list[str] = []

    def nobody_more(account: str) -> bool:
        asked.append(account)
        return False

    with pytest.raises(CredentialsRefused):
        source(directory=directory).authenticate(login="aline", password=PASSWORD, now=NOW, admit=nobody_more)
    assert asked == [f"{URL} {uid('a1')}"]
    assert directory.binds == [f"uid={NOBODY},{PEOPLE}"]


def test_a_login_of_nobody_is_counted_as_nobody_s() -> None:
    asked: list[str] = []
    with pytest.raises(CredentialsRefused):
        source(directory=FakeDirectory()).authenticate(
            login="aline", password=PASSWORD, now=NOW, admit=lambda account: not asked.append(account)
        )
    assert asked == [""]
