"""The invented people that an integrator may sign in as, read from the file that the settings name (`sandbox_file`).

The demo town writes it; an académie may write one for its own trial installation. Where there is none, no page shows
any account.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from broker.domain.errors import SettingsError


@dataclass(frozen=True, slots=True)
class SandboxPerson:
    """Somebody invented. `places`: where the login works; `story`: what the case shows, in French."""

    name: str
    login: str
    places: tuple[str, ...]
    story: str


@dataclass(frozen=True, slots=True)
class SandboxFamily:
    """A case: its number, what it is about (in French), and who can sign in."""

    number: str
    title: str
    people: tuple[SandboxPerson, ...]


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Every family, and the one password of all."""

    password: str
    families: tuple[SandboxFamily, ...]


def read_sandbox(path: Path) -> Sandbox:
    """Read the file. Raises `SettingsError`.

    JSON: `{"password", "families": [{"number", "title", "people": [{"name", "login", "places", "story"}]}]}`.
    """
    try:
        table = json.loads(path.read_text("utf-8"))
        return Sandbox(str(table["password"]), tuple(map(_family, table["families"])))
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise SettingsError((f"sandbox_file: {path} cannot be used ({type(fault).__name__})",)) from fault


def _family(table: dict[str, object]) -> SandboxFamily:
    people = table["people"]
    if not isinstance(people, list):
        raise TypeError("a list of people is wanted")
    return SandboxFamily(str(table["number"]), str(table["title"]), tuple(map(_person, people)))


def _person(table: dict[str, object]) -> SandboxPerson:
    places = table["places"]
    if not isinstance(places, list):
        raise TypeError("a list of places is wanted")
    return SandboxPerson(str(table["name"]), str(table["login"]), tuple(map(str, places)), str(table["story"]))
