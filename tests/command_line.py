"""`preau` on one installation, as an administrator types it: what it returns and what it prints."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from broker.__main__ import main
from broker.settings import load_settings
from broker.storage.engine import open_engine


@dataclass(frozen=True, slots=True)
class CommandLine:
    """An installation and what its commands print."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    @property
    def config(self) -> Path:
        """Its settings."""
        return self.folder / "preau.toml"

    def add(self, toml: str) -> None:
        """Add to its settings."""
        self.config.write_text(self.config.read_text(encoding="utf-8") + toml, encoding="utf-8")

    def json(self, *words: object, status: int = 0) -> Any:
        """The JSON that a command prints."""
        return json.loads(self.text(*words, "--json", status=status)[0])

    def text(self, *words: object, status: int = 0) -> tuple[str, str]:
        """What a command prints, on both streams."""
        self.capsys.readouterr()
        assert main([*map(str, words), "--config", str(self.config)]) == status, self.capsys.readouterr()
        captured = self.capsys.readouterr()
        return captured.out, captured.err

    def refused(self, *words: object) -> str:
        """Why a command did nothing: what it says, without whom it comes from."""
        return self.text(*words, status=1)[1].removeprefix("preau: ").strip()

    def rows(self, table: Any, *columns: str) -> list[tuple[Any, ...]]:
        """Some columns of a table, sorted."""
        engine = open_engine(load_settings(self.config, {}).database_url)
        try:
            with engine.connect() as conn:
                found = [tuple(row) for row in conn.execute(select(*(table.c[name] for name in columns)))]
        finally:
            engine.dispose()
        return sorted(found, key=repr)


HEAD = """issuer = "http://127.0.0.1:8000"
[secrets]
master_file = "secrets/master"
[[tenants]]
id = "ac-test"
name = "Académie fictive"
"""


def install(folder: Path, *, database_url: str = "", feeds: str = "") -> Path:
    """A bare installation in a folder, its database not made yet. `feeds` is TOML."""
    for name in ("secrets", "services"):
        (folder / name).mkdir(parents=True)
    (folder / "secrets" / "master").write_bytes(b"0123456789abcdef" * 2)
    (folder / "secrets" / "master").chmod(0o600)
    address = f'database_url = "{database_url}"\n' if database_url else ""
    (folder / "preau.toml").write_text(address + HEAD + feeds, encoding="utf-8")
    return folder
