"""Our own reading of forms says what the standard library's says, of whatever text."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from hypothesis import given
from hypothesis import strategies as st

from broker.domain.errors import InvalidRequest
from broker.wire.http import MOST_PARAMETERS, parse_form, with_parameters

ENCODED = st.text(alphabet="ab=&%+2Fé;09cC3A\x00\x7f", max_size=40)
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=8)


def by_library(encoded: str) -> list[tuple[str, str]] | None:
    try:
        return parse_qsl(encoded, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except ValueError:
        return None


@given(ENCODED)
def test_a_form_is_read_as_the_library_reads_it(encoded: str) -> None:
    expected = by_library(encoded)
    if expected is not None and any(not (name.isprintable() and value.isprintable()) for name, value in expected):
        expected = None
    try:
        form = parse_form(encoded)
    except InvalidRequest:
        assert expected is None
        return
    assert expected is not None
    names = [name for name, _ in expected]
    assert form.repeated == {name for name in names if names.count(name) > 1}
    assert form.values == {name: value for name, value in expected if value and names.count(name) == 1}


def test_a_form_of_too_many_parameters_is_refused() -> None:
    most = "&".join(f"p{place}=1" for place in range(MOST_PARAMETERS))
    assert len(parse_form(most).values) == MOST_PARAMETERS
    try:
        parse_form(f"{most}&one=1")
    except InvalidRequest:
        return
    raise AssertionError("taken")


@given(st.dictionaries(NAMES, NAMES, min_size=1, max_size=4))
def test_parameters_are_added_as_the_library_writes_them(parameters: dict[str, str]) -> None:
    assert (
        with_parameters("https://service.example/cb", parameters)
        == f"https://service.example/cb?{urlencode(parameters)}"
    )
    assert with_parameters("https://service.example/cb?a=1", parameters).startswith("https://service.example/cb?a=1&")
