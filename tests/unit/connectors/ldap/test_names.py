"""Names are compared by their components, and nothing that is no name passes for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.ldap.names import BadName, fold_value, parse_dn

ALINE = "uid=T99000a1,ou=people,dc=ent-test,dc=fr"

SPELLINGS = (
    ALINE,
    "UID=T99000a1,OU=people,DC=ent-test,DC=fr",
    "uid=t99000A1,ou=People,dc=Ent-Test,dc=FR",
    "uid = T99000a1 , ou = people , dc = ent-test , dc = fr",
    r"uid=\54\39\39000a1,ou=people,dc=ent-test,dc=fr",
    r"uid=T99000a1,ou=p\65ople,dc=ent\-test,dc=fr".replace(r"\-", "-"),
    "uid=Ｔ99000a1,ou=people,dc=ent-test,dc=fr",
)

STRANGERS = (
    "uid=T99000a1,ou=people,dc=ent-test",
    "uid=T99000a1,ou=people,dc=ent-test,dc=fr,dc=fr",
    r"uid=T99000a1\,ou=people,dc=ent-test,dc=fr",
    "uid=T99000a1+ou=people,dc=ent-test,dc=fr",
    "cn=T99000a1,ou=people,dc=ent-test,dc=fr",
    "uid=T99000a10,ou=people,dc=ent-test,dc=fr",
    r"uid=T99000a1\ ,ou=people,dc=ent-test,dc=fr".replace("a1", "a2"),
)

NO_NAMES = (
    "", " ", "\t", ",", "=", "uid", "uid=", "=x", "uid=a,", ",uid=a", "uid=a,,dc=fr", "uid=a+,dc=fr", "uid=a\\",
    "uid=a\\zz", "uid=a\\4", "uid=\\ff\\fe", "uid=a\"b", "uid=a<b", "uid=a>b", "uid=a;b", "uid=#04024869", "1=a",
    "1.=a", "u_id=a", "uid=\0", "uid=a\\00", "uid=a\nb", "uid=\\0a", "uid=\ud800", "uid=" + "a" * 1100, "üid=a",
    "uid= ",
)  # fmt: skip


@pytest.mark.parametrize("text", SPELLINGS)
def test_spellings_of_one_name_are_one_name(text: str) -> None:
    assert parse_dn(text) == parse_dn(ALINE)
    assert hash(parse_dn(text)) == hash(parse_dn(ALINE))
    assert parse_dn(text).canonical == parse_dn(ALINE).canonical


@pytest.mark.parametrize("text", STRANGERS)
def test_names_that_only_look_alike_are_others(text: str) -> None:
    assert parse_dn(text) != parse_dn(ALINE)
    assert parse_dn(text).canonical != parse_dn(ALINE).canonical


@pytest.mark.parametrize("text", NO_NAMES)
@pytest.mark.spec("RFC 4514 §3")
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(BadName):
        parse_dn(text)


def test_a_name_is_no_text() -> None:
    assert parse_dn(ALINE) != ALINE


def test_several_attributes_of_one_component_have_no_order() -> None:
    assert parse_dn("cn=a+sn=b,dc=fr") == parse_dn("SN=b + CN=a,dc=fr")


def test_a_name_stands_below_its_base_and_not_beside_it() -> None:
    name, base = parse_dn(ALINE), parse_dn("ou=people,dc=ent-test,dc=fr")
    assert name.within(base)
    assert not base.within(base)
    assert not base.within(name)
    assert not parse_dn("uid=a,ou=people,dc=ent-test,dc=fr.evil,dc=com").within(base)
    assert not parse_dn(r"uid=a\,ou=people,dc=ent-test,dc=fr").within(base)


def test_the_own_component_gives_its_value_by_its_attribute_alone() -> None:
    assert parse_dn(ALINE).value_of("UID") == "T99000a1"
    assert parse_dn(ALINE).value_of("cn") == ""
    assert parse_dn("uid=a+cn=b,dc=fr").value_of("uid") == ""


@pytest.mark.parametrize(
    "value", ["a,b", "a+b", 'a"b', "a\\b", "a<b>;=", " a ", "#a", "a  b", "é", " ", "  ", "a=b", "#", "\\"]
)
def test_a_value_survives_being_written_and_read(value: str) -> None:
    escaped = "".join(f"\\{octet:02x}" for octet in value.encode())
    name = parse_dn(f"cn={escaped},dc=fr")
    assert name.value_of("cn") == value
    assert parse_dn(name.text).value_of("cn") == value
    assert parse_dn(name.text) == name


@given(st.text(max_size=40))
def test_whatever_is_read_as_a_name_is_written_as_the_same_name(text: str) -> None:
    try:
        name = parse_dn(text)
    except BadName:
        return
    assert parse_dn(name.text) == name
    assert parse_dn(str(name)).text == name.text


def test_values_compare_without_case_and_runs_of_spaces() -> None:
    assert fold_value("  Les   TILLEULS ") == fold_value("les tilleuls")
    assert fold_value("e\u0301") == fold_value("\u00e9")
    assert fold_value("a") != fold_value("b")
