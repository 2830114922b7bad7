"""Texts that would end a parser are refused before it sees them; the same text within its bounds is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.domain.errors import PolicyError
from policies import load_book
from policies.bounds import DEEPEST, LARGEST_FILE, LONGEST_STATEMENT, MOST_JOINS, MOST_RULES, statement_fault
from policies.engine import RuleUnreadable, parse_rule
from policies.text import TomlFault, parse_toml, statements

FACT = "context.profil_served"
OPEN = 'forbid (principal, action == Action::"access", resource) when { '
AT = "override of ville/access.cedar:1: "


def problems(folder: Path, name: str, text: str) -> tuple[str, ...]:
    """What refuses a tenant's file; nothing when it is read."""
    (folder / "ville").mkdir(exist_ok=True)
    (folder / "ville" / name).write_text(text, encoding="utf-8")
    try:
        load_book(None, folder, ["ville"])
    except PolicyError as fault:
        return fault.problems
    return ()


def rule(condition: str, *, name: str = "v.closed") -> str:
    return f'@id("{name}") @reason("Fermé.") {OPEN}{condition} }};'


@pytest.mark.parametrize(
    ("within", "beyond", "reason"),
    [
        (f"{'(' * 30}{FACT}{')' * 30}", f"{'(' * 1000}{FACT}{')' * 1000}", "brackets or `if` nested deeper than 32"),
        (f"{'!(' * 30}{FACT}{')' * 30}", f"{'!(' * 32}{FACT}{')' * 32}", "brackets or `if` nested deeper than 32"),
        (
            f"{f'if {FACT} then true else ' * 32}false",
            f"{f'if {FACT} then true else ' * 33}false",
            "brackets or `if` nested deeper than 32",
        ),
        ("[true].contains(true)", f"{'[' * 500}{']' * 500}.isEmpty()", "brackets or `if` nested deeper than 32"),
        (" || ".join([FACT] * 49), " || ".join([FACT] * 52), "operators nested deeper than 50, chains too: "),
        (" && ".join([FACT] * 49), " && ".join([FACT] * 300), f"more than {MOST_JOINS} operators"),
        (FACT, f"context{'.a' * 3000} == 1", f"more than {MOST_JOINS} operators"),
        (FACT, f"{'1+' * 3000}1 == 1", f"more than {MOST_JOINS} operators"),
        (FACT, " || ".join([FACT] * 2000), f"a rule longer than {LONGEST_STATEMENT} characters"),
    ],
)
def test_a_rule_too_deep_or_too_long_is_refused_where_it_stands(
    tmp_path: Path, within: str, beyond: str, reason: str
) -> None:
    (told,) = problems(tmp_path, "access.cedar", rule(beyond))
    assert told.startswith(f"{AT}{reason}")
    assert problems(tmp_path, "access.cedar", rule(within)) == ()


def test_conditions_one_after_another_are_a_chain_to_cedar() -> None:
    assert statement_fault("when { true } " * (MOST_JOINS + 1)) == f"more than {MOST_JOINS} operators"
    assert statement_fault("when { true } " * MOST_JOINS) == ""


def test_strings_and_comments_nest_nothing() -> None:
    deep = "(" * 100 + "!" * 300
    parsed = parse_rule(f'@id("{deep}\\"{deep}") @reason("x") // {deep}\n{OPEN}{FACT} }};')
    assert parsed.annotations["id"] == f'{deep}"{deep}'
    with pytest.raises(RuleUnreadable, match="nested deeper"):
        parse_rule(f'@id("x") {deep} "')


def test_a_string_that_never_ends_is_the_rest_of_the_text() -> None:
    assert list(statements('a; b "; c;\nd;')) == [(1, "a;"), (1, 'b "; c;\nd;')]
    assert list(statements('b "\\')) == [(1, 'b "\\')]
    assert len(list(statements('"' + '\\"' * 100_000))) == 1


def test_a_file_too_large_or_with_too_many_rules_is_refused(tmp_path: Path) -> None:
    many = "x;\n" * (MOST_RULES + 1)
    told = problems(tmp_path, "access.cedar", many)
    assert told[-1] == f"override of ville/access.cedar:{MOST_RULES + 1}: more than {MOST_RULES} rules in one file"
    assert len(told) == MOST_RULES + 1
    large = "//" + "x" * LARGEST_FILE
    assert problems(tmp_path, "access.cedar", large) == (f"{AT}larger than 256 KiB",)
    assert problems(tmp_path, "access.cedar", large[:LARGEST_FILE]) == ()


def test_toml_too_deep_is_refused() -> None:
    assert parse_toml(f"a = 1\nb = {'[' * 5000}") == TomlFault(2, "a line longer than 4096 characters")
    assert parse_toml("a = " + "[\n" * 5000) == TomlFault(1, "nested too deeply")
    assert parse_toml("a." * (DEEPEST + 1) + "a = 1") == TomlFault(1, f"nested deeper than {DEEPEST}")
    assert not isinstance(parse_toml("a." * DEEPEST + "a = 1"), TomlFault)
    assert parse_toml(f"a = {'[' * 40}{']' * 40}") == TomlFault(1, f"nested deeper than {DEEPEST}")
