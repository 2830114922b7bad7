"""Statements and keys are found on the lines where they stand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from policies.text import TomlFault, line_of_key, parse_toml, statements


def test_statements_keep_their_first_line_and_drop_the_comments_before_them() -> None:
    text = '// a; comment\n\n@id("a;b")\npermit; // tail ;\nforbid\n;'
    assert list(statements(text)) == [(3, '@id("a;b")\npermit;'), (5, "forbid\n;")]


def test_a_last_statement_without_semicolon_is_given_as_it_is() -> None:
    assert list(statements("permit;\n\nforbid (\n")) == [(1, "permit;"), (3, "forbid (\n")]


def test_a_quote_inside_a_string_does_not_end_it() -> None:
    assert list(statements(r'a "x\";y" b;')) == [(1, r'a "x\";y" b;')]


@given(st.lists(st.sampled_from(["permit", ' "a;b" ', "// c;\n", "\n"]), max_size=12))
def test_a_text_is_cut_at_each_semicolon_outside_strings_and_comments(parts: list[str]) -> None:
    body = "".join(parts)
    assert len(list(statements(f"{body}\nx;\ny;"))) == 2


def test_a_key_is_found_on_its_line() -> None:
    text = 'first = 1\n# second = 2\n  "second" = 3\n[table]\n[[list]]\n'
    assert [line_of_key(text, key) for key in ("first", "second", "table", "list", "third")] == [1, 3, 4, 5, 0]


def test_toml_that_cannot_be_read_gives_its_reason() -> None:
    assert parse_toml("a = 1") == {"a": 1}
    assert parse_toml("a = 1\nb = = 2\n") == TomlFault(2, "Invalid value")
    assert parse_toml("a = " + "1" * 5000) != {}


def test_a_key_within_tables_is_found_by_its_path_from_the_top() -> None:
    text = 'evening = 1\n[schools]\n[schools.A]\nmorning = 2\nevening = 3\n[schools.A.exceptions]\n"2026-11-11" = 4\n'
    keys = ("evening", "schools.A.evening", "schools.A.exceptions.2026-11-11", "schools.A", "schools.A.zone", "zone")
    assert [line_of_key(text, key) for key in keys] == [1, 5, 7, 3, 3, 0]


def test_a_text_that_is_no_toml_has_no_keys() -> None:
    assert line_of_key("a = 1\nb = =", "a") == 0
