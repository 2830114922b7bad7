"""Strict reading of one TOML table: every fault is noted with its file and line, none is stopped at."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, TypeVar

from broker.domain.toml_text import Step, TomlText

IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,63}")
LANGUAGE = re.compile(r"[a-z]{2}(-[A-Z][a-z]{3})?")
UAI = re.compile(r"[0-9]{7}[A-Z]")

E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in a descriptor that cannot be used, and where it stands (line from 1; 0: the file as a whole)."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}" if self.line else f"{self.file}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Reader:
    """Takes values out of one table of a text. `where` is the table's path in it, `faults` is added to."""

    text: TomlText
    file: str
    faults: list[Fault]
    where: tuple[Step, ...] = ()
    table: dict[str, Any] = field(default_factory=dict)

    def fault(self, reason: str, *, key: str = "") -> None:
        """Note a fault of this table, on the line of a key of it when one is named."""
        line = self.text.line((*self.where, key) if key else self.where)
        self.faults.append(Fault(self.file, line, f"{self._place}{reason}"))

    def only(self, keys: Iterable[str]) -> None:
        """Refuse keys that nobody reads: a misspelt restriction must not pass for one that is there."""
        known = sorted(keys)
        for key in sorted(self.table.keys() - set(known)):
            near = get_close_matches(key, known, n=1)
            self.fault(f"unknown key '{key}'" + (f" (is '{near[0]}' meant?)" if near else ""), key=key)

    def has(self, key: str) -> bool:
        """Tell whether the table holds a key."""
        return key in self.table

    def word(self, key: str, *, default: str | None = None) -> str:
        """A text that is not empty; what is missing is a fault unless there is a default."""
        value = self.table.get(key, default)
        if isinstance(value, str) and (value.strip() or (default == "" and not value)):
            return value
        self.fault(f"'{key}' must be a text" if key in self.table else f"'{key}' is missing", key=key)
        return ""

    def identifier(self, key: str) -> str:
        """An identifier: letters, digits, dot, dash, underscore."""
        value = self.word(key)
        if value and not IDENTIFIER.fullmatch(value):
            self.fault(f"'{key}' must be 2 to 64 letters, digits, dots, dashes or underscores", key=key)
        return value

    def flag(self, key: str) -> bool:
        """True or false; false when the key is not there."""
        value = self.table.get(key, False)
        if not isinstance(value, bool):
            self.fault(f"'{key}' must be true or false", key=key)
            return False
        return value

    def day(self, key: str) -> date | None:
        """A date as TOML writes it (2026-09-01); None when the key is not there."""
        value = self.table.get(key)
        if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
            return value
        self.fault(f"'{key}' must be a date, as 2026-09-01 without quotes", key=key)
        return None

    def words(self, key: str, *, least: int = 0) -> tuple[str, ...]:
        """A list of texts, each once."""
        value = self.table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            self.fault(f"'{key}' must be a list of texts", key=key)
            return ()
        if len(set(value)) != len(value):
            self.fault(f"'{key}' names something twice", key=key)
        if len(value) < least:
            self.fault(f"'{key}' must name at least {least}", key=key)
        return tuple(value)

    def words_by_language(self, key: str) -> dict[str, str]:
        """A table of texts by language, French among them."""
        value = self.table.get(key, {})
        if not isinstance(value, dict) or not all(isinstance(text, str) and text for text in value.values()):
            self.fault(f"'{key}' must be a table of texts by language", key=key)
            return {}
        if "fr" not in value:
            self.fault(f"'{key}' needs at least French (fr)", key=key)
        for language in sorted(value):
            if not LANGUAGE.fullmatch(language):
                self.fault(f"'{key}' knows no language '{language}'", key=key)
        return dict(value)

    def members(self, key: str, known: Callable[[str], E], *, least: int = 0) -> tuple[E, ...]:
        """A list of members of an enum."""
        found = [self._member(key, known, word) for word in self.words(key, least=least)]
        return tuple(member for member in found if member is not None)

    def member(self, key: str, known: Callable[[str], E], *, default: E) -> E:
        """One member of an enum."""
        return self._member(key, known, self.word(key, default=default.value)) or default

    def uai(self, key: str, *, default: str | None = None) -> str:
        """The national number of a school."""
        value = self.word(key, default=default)
        if value and not UAI.fullmatch(value):
            self.fault(f"'{key}': '{value}' is not a UAI (7 digits and a letter)", key=key)
        return value

    def inner(self, key: str) -> Reader | None:
        """The table under a key; None when it is not there."""
        value = self.table.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.fault(f"'{key}' must be a table ([{key}])", key=key)
            return None
        return self._at(value, key)

    def rows(self, key: str, *, least: int = 0) -> tuple[Reader, ...]:
        """A list of tables."""
        value = self.table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.fault(f"'{key}' must be a list of tables ([[{key}]])", key=key)
            return ()
        if len(value) < least:
            self.fault(f"at least {least} [[{key}]] is needed", key=key)
        return tuple(self._at(row, key, place) for place, row in enumerate(value))

    def _at(self, table: dict[str, Any], *steps: Step) -> Reader:
        return Reader(self.text, self.file, self.faults, (*self.where, *steps), table)

    @property
    def _place(self) -> str:
        names = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.where)
        return f"{names[1:]}: " if names else ""

    def _member(self, key: str, known: Callable[[str], E], word: str) -> E | None:
        try:
            return known(word)
        except ValueError:
            if word:
                self.fault(f"'{key}' knows no '{word}'", key=key)
            return None
