"""Containment: after a theft of logins, everybody concerned is signed out, sent to prove anew, or closed, at once.

Who is concerned is said by conditions that all have to hold: people of a school, logins of a source, sign-ins of a
time; less those who are named as exceptions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

CONTAINED = "contained"
"""Why a login is closed until its person proves anew; a secret set by a letter takes it back."""
CONTAINED_SOURCE = "contained source"
"""The same, where the source itself is in doubt: only an administrator takes it back."""


class Measure(StrEnum):
    """What is done to whoever is concerned; each does what the ones before it do."""

    SESSIONS = "sessions"
    """Their sessions end everywhere."""
    REPROOF = "reproof"
    """Their logins and own secrets open nothing until they prove anew who they are, by a letter of the school."""
    CLOSE = "close"
    """Their access is closed until the desk reopens it."""


@dataclass(frozen=True, slots=True)
class Concerned:
    """Who is concerned. Empty conditions ask for nothing; `since` and `until` are about sessions that were opened.

    `school`: its pupils, their guardians, its staff. `source`: whoever has a login there (with a time: who came in by
    it then). `except_persons` by id, `except_schools` by UAI: nobody of theirs.
    """

    school: str = ""
    source: str = ""
    since: datetime | None = None
    until: datetime | None = None
    except_persons: tuple[str, ...] = ()
    except_schools: tuple[str, ...] = ()

    @property
    def is_everybody(self) -> bool:
        """Tell whether no condition is said: nobody means that."""
        return not (self.school or self.source or self.since)


@dataclass(frozen=True, slots=True)
class Extent:
    """How far a measure reaches: persons, their live sessions, their linked logins, their own live secrets."""

    persons: int
    sessions: int
    logins: int
    secrets: int


@dataclass(frozen=True, slots=True)
class Contain:
    """Carry a measure out upon the persons of `persons`, one transaction for all of them."""

    persons: tuple[str, ...]
    measure: Measure
    source: str
    tenant: str
    reason: str
    actor: str
    batch: str
    now: datetime
