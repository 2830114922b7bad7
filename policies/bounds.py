"""Sizes that a policy file keeps to, looked at before any parser sees it: a parser too deep in a text ends the process.

Cedar's parser answers a thousand nested parentheses by a stack overflow that Python cannot catch, and passes no policy
nested deeper than 128 levels of JSON. A person can read none of what is refused here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

LARGEST_FILE = 256 * 1024
"""Bytes."""
MOST_RULES = 2000
"""In one file."""
LONGEST_STATEMENT = 8192
"""Characters of a rule."""
LONGEST_LINE = 4096
"""Characters of a line of TOML: a key stands on one line, and each of its dots is a table within a table."""
DEEPEST = 32
"""Brackets within brackets, an `if` within an `if`, tables within tables."""
MOST_JOINS = 256
"""Operators of one rule: Cedar nests a chain of them one within the other."""
_MOST_DOTS = 2 * MOST_JOINS
_DEEPEST_BODY = 100
"""Levels of a condition in Cedar's JSON, two for each operator: what is asked of Cedar adds some, and it reads 128."""

_WORD = re.compile(
    r"""//[^\n]*|"(?:\\.|[^"\\])*+(?:"|\\?\Z)|\|\||&&|[-!+*](?!=)|\b(?:if|when|unless)\b|[][(){}.]""", re.DOTALL
)
_JOINS = frozenset({"||", "&&", "!", "+", "-", "*", "when", "unless"})


def statement_fault(text: str) -> str:
    """Why a Cedar statement is too large or too deep to be given to Cedar; empty when it is not."""
    if len(text) > LONGEST_STATEMENT:
        return f"a rule longer than {LONGEST_STATEMENT} characters"
    depth = deepest = joins = ifs = dots = 0
    for match in _WORD.finditer(text):
        word = match[0]
        depth += (word in "([{") - (word in ")]}")
        deepest = max(deepest, depth)
        joins += word in _JOINS
        ifs += word == "if"
        dots += word == "."
    if deepest > DEEPEST or ifs > DEEPEST:
        return f"brackets or `if` nested deeper than {DEEPEST}"
    return f"more than {MOST_JOINS} operators" if joins > MOST_JOINS or dots > _MOST_DOTS else ""


def body_fault(body: Mapping[str, Any]) -> str:
    """Why a parsed rule cannot be told to Cedar again; empty when it can."""
    if any(is_deeper(condition, _DEEPEST_BODY) for condition in body["conditions"]):
        return f"operators nested deeper than {_DEEPEST_BODY // 2}, chains too: split the rule, or list values in [ ]"
    return ""


def toml_faults(text: str) -> Iterator[tuple[int, str]]:
    """Lines that are too long for the TOML parser, from 1."""
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > LONGEST_LINE:
            yield number, f"a line longer than {LONGEST_LINE} characters"


def is_deeper(value: object, most: int) -> bool:
    """Tell whether lists and tables stand deeper within each other than `most`; by levels, never by recursion."""
    level = [value]
    for _ in range(most + 1):
        level = [inner for each in level for inner in _within(each)]
        if not level:
            return False
    return True


def _within(value: object) -> Iterator[object]:
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return (each for each in inner if isinstance(each, Mapping | list))
