"""The sources people may log in with: what the broker knows of each, and its connector."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from broker.domain.errors import PageNotFound
from broker.domain.ports import LogoutConnector, PasswordConnector, RedirectConnector
from policies import Assurance, AssuranceTable


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """A source as configured. `feeds` are the only ones whose records its references may find.

    `assurance`: how surely a login there proves who the person is when the source is silent, and the most it can ever
    claim. `releases_references`: its logins carry authoritative directory keys. `second_for_staff`: whoever is staff
    shows a second factor of ours before a login there opens anything (a passphrase of our own, DESIGN §12).
    """

    source_id: str
    tenant: str
    feeds: frozenset[str] = frozenset()
    releases_references: bool = False
    assurance: Assurance = Assurance.LOW
    desk: bool = False
    """Its people are agents: they need no record, their sessions are those of staff, and its word gives posts."""
    second_for_staff: bool = False

    def level(self, acr: str, table: AssuranceTable) -> Assurance:
        """What a login with this `acr` is worth: as the table says, never above the source's own level."""
        if not acr:
            return self.assurance
        stated = table.acr.get(acr, table.silent)
        return stated if self.assurance.reaches(stated) else self.assurance


@dataclass(frozen=True, slots=True)
class Source:
    """A configured source that people are sent to, and the connector that speaks to it.

    `logout`: its own logout, where it has one. `leads_out`: whether a browser that signs out here is led through it.
    """

    description: SourceDescription
    connector: RedirectConnector
    logout: LogoutConnector | None = None
    leads_out: bool = False

    @property
    def source_id(self) -> str:
        """The source's id: part of its callback's path, so that no two sources share a callback (RFC 9700 §4.4)."""
        return self.description.source_id


@dataclass(frozen=True, slots=True)
class PasswordSource:
    """A configured source that checks what people write on a page of ours."""

    description: SourceDescription
    connector: PasswordConnector

    @property
    def source_id(self) -> str:
        """The source's id: part of the address of its page."""
        return self.description.source_id


AnySource = Source | PasswordSource


class Sources:
    """Every configured source, in the order of the settings."""

    def __init__(self, sources: Iterable[AnySource]) -> None:
        self._by_id = {source.source_id: source for source in sources}

    def get(self, source_id: str) -> AnySource:
        """The source of this id. Raises `PageNotFound`: a callback of no source is no page."""
        source = self._by_id.get(source_id)
        if source is None:
            raise PageNotFound("no such source")
        return source

    def descriptions(self) -> tuple[SourceDescription, ...]:
        """What is known of each source."""
        return tuple(source.description for source in self._by_id.values())
