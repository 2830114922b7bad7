"""National names and references are read exactly, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.domain.people import Reference
from connectors.sdet import (
    ACADEMIE_CODES,
    ACADEMIE_NUMBERS,
    MOST_REFERENCES,
    distinct,
    parse_academie,
    parse_jointure,
    parse_ref_id,
)

ACADEMIES = {"AC-TEST": "99", "AC-RENNES": "14", "broken": "77"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{AAF}99|x|500101", "99$500101"),
        ("{AAF}99||500101", "99$500101"),
        ("{AAF}1|x|2828", "01$2828"),
        ("{AAF}01|x|2828", "01$2828"),
        ("{AAF}0|x|1", "00$1"),
        ("{AAF}REN|x|2828", "14$2828"),
        ("{AAF}NCY|x|2828", "12$2828"),
        ("{AAF}99|x|P500101", "99$P500101"),
        ("{AAF}99|x|00500101", "99$00500101"),
    ],
)
def test_a_ref_id_names_who_numbers_and_the_number(value: str, expected: str) -> None:
    assert str(parse_ref_id(value)) == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        "99|x|500101",
        "{aaf}99|x|500101",
        "{ECT}99|x|500101",
        "{ECT-ENT}99|x|500101",
        " {AAF}99|x|500101",
        "{AAF}99|500101",
        "{AAF}99|x|y|500101",
        "{AAF}99|x|500101|",
        "{AAF}99|x|",
        "{AAF}|x|500101",
        "{AAF}099|x|500101",
        "{AAF}77|x|500101",
        "{AAF}ren|x|500101",
        "{AAF}XXX|x|500101",
        "{AAF}99|x|-1",
        "{AAF}99|x|1.0",
        "{AAF}99|x|5 00101",
        "{AAF}99|x|500101\n",
        "{AAF}٩٩|x|500101",
        "{AAF}99|x|٥٠٠",
        "{AAF}99|x|*",
        "{AAF}99|x|500101)(uid=*",
        "{AAF}99|x|" + "1" * 21,
        "{AAF}{AAF}99|x|1",
    ],
)
def test_a_ref_id_that_is_not_exact_is_none(value: str) -> None:
    assert parse_ref_id(value) is None


def test_every_code_of_the_older_table_is_a_number_of_the_newer() -> None:
    assert set(ACADEMIE_CODES.values()) <= ACADEMIE_NUMBERS
    assert all(parse_academie(code) == number for code, number in ACADEMIE_CODES.items())


@given(st.integers(0, 9))
def test_one_digit_and_two_are_the_same_academie(digit: int) -> None:
    assert parse_academie(str(digit)) == parse_academie(f"0{digit}") == f"{digit:02}"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("AC-TEST$500101", "99$500101"),
        ("ac-test$500101", "99$500101"),
        ("AC-RENNES$2828", "14$2828"),
        ("AC-TEST$P12", "99$P12"),
    ],
)
def test_a_jointure_is_read_through_the_authorities_of_the_source(value: str, expected: str) -> None:
    assert str(parse_jointure(value, ACADEMIES)) == expected


@pytest.mark.parametrize(
    "value",
    ["", "AC-TEST", "AC-TEST$", "$500101", "AC-LYON$500101", "AC-TEST$1$2", "AC-TEST$ 1", "AC-TEST $1", "broken$1"],
)
def test_a_jointure_of_another_authority_or_shape_is_none(value: str) -> None:
    assert parse_jointure(value, ACADEMIES) is None


@given(st.text(max_size=40))
def test_no_text_makes_a_reader_fail(text: str) -> None:
    for found in (parse_ref_id(text), parse_ref_id("{AAF}" + text), parse_jointure(text, ACADEMIES)):
        assert found is None or (found.academie in ACADEMIE_NUMBERS and found.key.lstrip("P").isdigit())


def test_references_are_kept_once_in_order_and_too_many_are_none_at_all() -> None:
    a, b = Reference("99", "1"), Reference("99", "2")
    assert distinct([b, None, a, b]) == (b, a)
    most = [Reference("99", str(n)) for n in range(MOST_REFERENCES)]
    assert distinct(most) == tuple(most)
    assert distinct([*most, Reference("99", "x")]) is None
