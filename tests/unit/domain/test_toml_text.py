"""A fault is told where it stands: each key of a TOML text has its line, whatever stands around it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.domain.toml_text import TomlUnreadable, parse_toml

TEXT = '''\
# a comment with key = "value"
first = 1
names = { fr = "a", en = "b" } # key = 2

"quoted key" = """
inside = 1
[not.a.table]
"""
'literal' = \'\'\'
also = "inside"\'\'\'
list = [
  "one = 1",
  "two",
]
a.b = 3

[operator]
name = "x"

[[parties]]
client_id = "one"

[[parties]] # the second
client_id = "two"
[parties.more]
deep = true
[[parties.inner]]
x = 1
[[parties.inner]]
x = 2
'''

LINES: tuple[tuple[tuple[str | int, ...], int], ...] = (
    (("first",), 2), (("names",), 3), (("names", "fr"), 3), (("quoted key",), 5), (("inside",), 1), (("literal",), 9),
    (("list",), 11), (("a", "b"), 15), (("operator",), 17), (("operator", "name"), 18), (("parties", 0), 20),
    (("parties", 0, "client_id"), 21), (("parties", 1), 23), (("parties", 1, "client_id"), 24),
    (("parties", 1, "absent"), 23), (("parties", 1, "more", "deep"), 26), (("parties", 1, "inner", 1, "x"), 30),
    (("absent",), 1), ((), 1),
)  # fmt: skip


@pytest.mark.parametrize(("path", "line"), LINES)
def test_every_key_has_its_line_and_a_missing_one_that_of_its_table(path: tuple[str | int, ...], line: int) -> None:
    assert parse_toml(TEXT).line(path) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [("a = 1\nb = \n", 2), ("a = 1\na = 2\n", 2), ("= 1", 1), ('a = "x', 1), ("a = 1\n\n[t]\n[t]\n", 4)],
)
def test_what_is_no_toml_is_told_with_its_line(text: str, line: int) -> None:
    with pytest.raises(TomlUnreadable) as refused:
        parse_toml(text)
    assert refused.value.line == line
    assert "(at" not in refused.value.args[0]


def test_a_text_nested_beyond_reason_is_refused_and_not_a_traceback() -> None:
    with pytest.raises(TomlUnreadable):
        parse_toml("a = " + "[" * 100_000)


def least_line(text: str) -> int:
    """The smallest line that is told of a text: of its keys, or of what is wrong with it."""
    try:
        parsed = parse_toml(text)
    except TomlUnreadable as fault:
        return fault.line
    return min((parsed.line([key]) for key in parsed.table), default=1)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    assert least_line(text) >= 1


@given(st.integers(min_value=0, max_value=len(TEXT) - 1))
def test_any_one_character_less_is_read_or_refused(place: int) -> None:
    assert least_line(TEXT[:place] + TEXT[place + 1 :]) >= 1
