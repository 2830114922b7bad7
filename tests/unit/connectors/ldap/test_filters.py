"""What a person types is a value in a filter, whatever characters it is made of."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.ldap.filters import LONGEST_LOGIN, AllOf, AnyOf, BadLogin, Equals, escaped, login_of

_SAFE = re.compile(r"(?:[A-Za-z0-9]|\\[0-9a-f]{2})*")


@given(st.text(max_size=60).filter(lambda text: "\ud800" not in text and text.isprintable()))
@pytest.mark.spec("RFC 4515 §3")
def test_nothing_typed_is_left_to_be_grammar(text: str) -> None:
    assert _SAFE.fullmatch(escaped(text))


def test_special_characters_become_octets() -> None:
    assert escaped("o'brien, *(x)\\\0") == r"o\27brien\2c\20\2a\28x\29\5c\00"
    assert escaped("é") == r"\c3\a9"


def test_two_spellings_of_a_letter_are_escaped_alike() -> None:
    assert escaped("e\u0301") == escaped("\u00e9")


@pytest.mark.parametrize("value", [["a", "b"], b"a", None, 1, {"a": 1}])
def test_only_text_is_escaped(value: object) -> None:
    with pytest.raises(TypeError):
        escaped(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "uid)(x", "uid=*", "1uid", "u id", "uid;binary", "uid:dn:", "*", "a" * 65])
def test_a_name_that_is_no_attribute_makes_no_filter(name: str) -> None:
    with pytest.raises(ValueError, match="attribute"):
        Equals(name, "x")


def test_parts_are_joined() -> None:
    one, two = Equals("uid", "a"), Equals("mail", "b")
    assert str(AllOf((one, AnyOf((one, two))))) == "(&(uid=a)(|(uid=a)(mail=b)))"


@pytest.mark.parametrize(
    "typed",
    ["", " ", "\t\n", "a\0b", "a\nb", "a\u200bb", "a\u202eb", "\ud800", "\ufeff", "\ue000", "a" * (LONGEST_LOGIN + 1)],
)
def test_what_nobody_has_as_a_login_is_not_asked_for(typed: str) -> None:
    with pytest.raises(BadLogin):
        login_of(typed)


def test_a_login_is_taken_without_the_spaces_around_it() -> None:
    assert login_of("  e\u0301loi\u0308se ") == "\u00e9lo\u00efse"
    assert login_of("a" * LONGEST_LOGIN) == "a" * LONGEST_LOGIN
