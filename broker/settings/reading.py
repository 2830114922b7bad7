"""From a TOML table to frozen dataclasses, with the environment laid over it. Knows types, not what they mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


class FromEnvironment(str):
    """A value from a `PREAU_…` variable: a text, whatever its key wants."""

    __slots__ = ()


class Misfit(ValueError):
    """A value has not the shape its key wants; the text says which."""


def overlay(table: dict[str, Any], variables: Mapping[str, str], *, prefix: str) -> Iterator[str]:
    """Lay `PREFIX_A__B=value` over `table["a"]["b"]`; entries of a list of tables are named by their id.

    Yields a problem for each variable that leads nowhere. Changes `table`.
    """
    for name in sorted(variables):
        *path, last = name.removeprefix(prefix).lower().split("__")
        place: Any = table
        for step in path:
            place = _step(place, step)
        if not isinstance(place, dict) or not last:
            yield f"{name}: leads to no setting"
            continue
        place[last] = FromEnvironment(variables[name])


def _step(place: Any, step: str) -> Any:
    if isinstance(place, dict):
        return place.setdefault(step, {})
    if isinstance(place, list):
        return next((item for item in place if str(item.get("id", "")).replace("-", "_") == step), None)
    return None


class Reader:
    """Reads tables into dataclasses and keeps every problem; `root` is where relative paths start."""

    def __init__(self, *, root: Path) -> None:
        self._root = root
        self.problems: list[str] = []

    def read(self, kind: type[T], table: object, where: str = "") -> T | None:
        """Build `kind` from a table; None when a problem was found, here or inside."""
        if not isinstance(table, dict):
            self.problems.append(f"{where}: a table is wanted")
            return None
        before = len(self.problems)
        hints = get_type_hints(kind)
        known: dict[str, Field[Any]] = {item.name: item for item in fields(kind)}  # type: ignore[arg-type]
        self.problems += [_unknown(_dotted(where, str(key)), str(key), known) for key in table if key not in known]
        values: dict[str, Any] = {}
        for name, item in known.items():
            if name in table:
                values[name] = self._value(hints[name], table[name], _dotted(where, name))
            elif item.default is MISSING and item.default_factory is MISSING:
                self.problems.append(f"{_dotted(where, name)}: missing")
            elif isinstance(item.default, Path):
                values[name] = self._root / item.default
        return kind(**values) if len(self.problems) == before else None

    def _value(self, kind: Any, value: object, where: str) -> Any:
        if is_dataclass(kind):
            return self.read(kind, value, where)  # type: ignore[arg-type]
        if get_origin(kind) is tuple and is_dataclass(get_args(kind)[0]):
            return self._tables(get_args(kind)[0], value, where)
        try:
            return self._plain(kind, value)
        except Misfit as misfit:
            self.problems.append(f"{where}: {misfit.args[0]}")
            return None

    def _tables(self, kind: type[T], value: object, where: str) -> tuple[T | None, ...]:
        if not isinstance(value, list):
            self.problems.append(f"{where}: a list of tables is wanted, as [[{where}]]")
            return ()
        names = [
            str(item.get("id") or number) if isinstance(item, dict) else str(number)
            for number, item in enumerate(value, 1)
        ]
        return tuple(self.read(kind, item, f"{where}.{name}") for name, item in zip(names, value, strict=True))

    def _plain(self, kind: Any, value: object) -> Any:
        if isinstance(kind, UnionType):
            (inner,) = (part for part in get_args(kind) if part is not NoneType)
            return None if value == "" else self._plain(inner, value)
        if kind is Path:
            return self._root / Path(_text(value)).expanduser()
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            return _one_of(kind, value)
        return _PLAIN[kind](value)


def _dotted(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _unknown(where: str, key: str, known: Mapping[str, object]) -> str:
    near = get_close_matches(key, known, n=1)
    return f"{where}: unknown key" + (f" (is {near[0]} meant?)" if near else "")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Misfit("a text is wanted")
    return str(value)


def _whole(value: object) -> int:
    if isinstance(value, FromEnvironment) and value.isdecimal():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Misfit("a whole number is wanted")
    return value


def _yes_no(value: object) -> bool:
    if isinstance(value, FromEnvironment) and value in {"true", "false"}:
        return value == "true"
    if not isinstance(value, bool):
        raise Misfit("true or false is wanted")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, FromEnvironment):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise Misfit("a list of texts is wanted")
    return tuple(value)


def _text_table(value: object) -> Mapping[str, str]:
    if not isinstance(value, dict) or not all(isinstance(part, str) for part in value.values()):
        raise Misfit("a table of texts is wanted")
    return {str(key): str(part) for key, part in value.items()}


def _one_of(kind: type[StrEnum], value: object) -> StrEnum:
    if not isinstance(value, str) or str(value) not in set(kind):
        raise Misfit("one of " + ", ".join(member or '""' for member in kind) + " is wanted")
    return kind(str(value))


_PLAIN: Mapping[Any, Callable[[object], Any]] = {
    str: _text,
    int: _whole,
    bool: _yes_no,
    tuple[str, ...]: _texts,
    Mapping[str, str]: _text_table,
}
