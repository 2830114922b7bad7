"""Settings from `preau.toml` and the environment, whole or not at all."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from broker.domain.errors import SettingsError
from broker.settings.checks import check_settings
from broker.settings.reading import Reader, overlay
from broker.settings.secret_files import read_secret, secret_fault
from broker.settings.values import Settings

PREFIX = "PREAU_"
NOT_SETTINGS = frozenset({"PREAU_CONFIG", "PREAU_SKIP_SERVICES"})
"""Variables of the same prefix that other parts read: the file to load, and the test run's own switch."""


def load_settings(
    path: Path | None,
    environ: Mapping[str, str],
    *,
    also: Callable[[Settings], Iterable[str]] = lambda _: (),
) -> Settings:
    """Read the settings of `path` (else `PREAU_CONFIG`, else ./preau.toml), overridden by the environment.

    `also` names faults that only its caller can see in sound values; they are told with the others.
    Raises `SettingsError` with every problem found.
    """
    file = path or Path(environ.get("PREAU_CONFIG", "preau.toml"))
    table, unreadable = _read_toml(file)
    if unreadable:
        raise SettingsError((unreadable,))
    problems = list(overlay(table, _overrides(environ), prefix=PREFIX))
    reader = Reader(root=file.resolve().parent)
    settings = reader.read(Settings, table)
    problems += reader.problems
    if settings is not None:
        problems += _address_faults(settings)
    if settings is not None and not problems:
        settings = _with_addresses(settings)
    if settings is not None:
        problems += [*check_settings(settings), *also(settings)]
    if problems or settings is None:
        raise SettingsError(tuple(f"{file}: {problem}" for problem in problems))
    return settings


def _read_toml(file: Path) -> tuple[dict[str, Any], str]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8")), ""
    except FileNotFoundError:
        return {}, f"{file}: no such file (start from preau.example.toml, or name yours with --config)"
    except (OSError, UnicodeDecodeError):
        return {}, f"{file}: cannot be read as UTF-8 text"
    except tomllib.TOMLDecodeError as fault:
        return {}, f"{file}: {fault}"


def _overrides(environ: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in environ.items() if key.startswith(PREFIX) and key not in NOT_SETTINGS}


def _address_faults(settings: Settings) -> Iterator[str]:
    for name, path in (("database_url_file", settings.database_url_file), ("redis_url_file", settings.redis_url_file)):
        if path is None:
            continue
        if not path.is_file():
            yield f"{name}: {path} is not a file"
        elif fault := secret_fault(path):
            yield f"{name}: {path} {fault}"


def _with_addresses(settings: Settings) -> Settings:
    """Fill in the addresses of the stores: from their files, and SQLite in the data folder when nothing is said."""
    database = read_secret(settings.database_url_file) if settings.database_url_file else settings.database_url
    redis = read_secret(settings.redis_url_file) if settings.redis_url_file else settings.redis_url
    return replace(
        settings, database_url=database or f"sqlite:///{settings.data_dir / 'preau.sqlite'}", redis_url=redis
    )
