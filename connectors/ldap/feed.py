"""The LDAP feed: a directory with the national schema as one delivery of records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from broker.domain.errors import FeedRefused, SourceCrowded, UpstreamUnavailable
from broker.domain.feed import FeedFault, FeedHeader, FeedPortion, FeedRow
from connectors.ldap.directory import Directory, Question
from connectors.ldap.filters import AnyOf, Equals
from connectors.ldap.names import Dn
from connectors.ldap.people import PERSON_ATTRIBUTES, SCHOOL_ATTRIBUTES, STAFF_CLASSES
from connectors.ldap.reading import PERSONS, SCHOOL_KEY, SCHOOLS, Reading
from connectors.ldap.snapshot import Snapshot
from connectors.ldap.ties import KnownAs, Tie

_PERSON_CLASSES = ("ENTEleve", "ENTAuxPersRelEleve", *STAFF_CLASSES)


@dataclass(slots=True)
class LdapFeed:
    """`IdentityFeed` over a directory. It has no files: `paths` is not looked at.

    `open` reads the directory whole, and everything after it speaks of that reading until `close`. `key_attribute`
    holds each entry's own id for good, as `subject_attribute` of the source does; `academies` maps numbering
    authorities to académie numbers. `today` is the day of the delivery: a directory is as old as its reading.
    """

    name: str
    directory: Directory
    people: Dn
    structures: Dn
    today: Callable[[], date]
    key_attribute: str = "uid"
    academies: Mapping[str, str] = field(default_factory=dict)
    _taken: Reading | None = field(init=False, default=None, repr=False)

    def open(self, paths: Sequence[Path]) -> FeedHeader:  # noqa: ARG002 - a directory has no files
        """Read the directory. Raises `FeedRefused` when it tells nothing at all."""
        self.close()
        reading = self._reading()
        return FeedHeader(
            academie="",
            degree="",
            complete=not reading.snapshot.losses,
            made_on=self.today(),
            covers=reading.kinds(),
            live=True,
        )

    def portions(self, paths: Sequence[Path]) -> tuple[FeedPortion, ...]:  # noqa: ARG002 - a directory has no files
        """One: names are followed across the whole directory."""
        return (FeedPortion(self.name, 0),)

    def read(self, paths: Sequence[Path], *, portion: str = "") -> Iterator[FeedRow | FeedFault]:  # noqa: ARG002 - one portion
        """What was lost, the schools, the persons."""
        reading = self._reading()
        yield from reading.losses()
        yield from reading.schools()
        yield from reading.persons(self.academies)

    def checksum(self, paths: Sequence[Path]) -> str:  # noqa: ARG002 - a directory has no files
        """SHA-256 over every entry, in an order of ours: the directory's own order does not matter."""
        return self._reading().snapshot.checksum()

    def ties(self) -> Iterator[Tie | FeedFault]:
        """Which records the directory itself calls one human, each once."""
        return self._reading().ties()

    def known_as(self) -> Iterator[KnownAs]:
        """The authoritative references of each record that has any."""
        return self._reading().known_as(self.academies)

    def close(self) -> None:
        """Forget what was read."""
        if self._taken is not None:
            self._taken.snapshot.close()
            self._taken = None

    def _reading(self) -> Reading:
        if self._taken is None:
            self._taken = Reading(self.name, self._snapshot(), self.key_attribute, self.people, self.structures)
        return self._taken

    def _snapshot(self) -> Snapshot:
        snapshot = Snapshot()
        schools = Question(self.structures, Equals("objectClass", "ENTEtablissement"), SCHOOL_ATTRIBUTES)
        classes = AnyOf(tuple(Equals("objectClass", name) for name in _PERSON_CLASSES))
        persons = Question(self.people, classes, (*PERSON_ATTRIBUTES, self.key_attribute))
        for part, question, key in ((SCHOOLS, schools, SCHOOL_KEY), (PERSONS, persons, self.key_attribute)):
            try:
                snapshot.take(part, self.directory.search(question), key_attribute=key)
            except (SourceCrowded, UpstreamUnavailable) as fault:
                snapshot.losses.append(f"not everything was read: {fault.cause}")
        if not snapshot.count(SCHOOLS) and not snapshot.count(PERSONS):
            losses = snapshot.losses or ["no entry of the national schema"]
            snapshot.close()
            raise FeedRefused(f"{self.name}: {losses[0]}")
        return snapshot
