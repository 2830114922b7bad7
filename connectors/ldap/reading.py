"""One reading of a directory, told as records, faults and ties.

What is told of an entry that cannot be taken is the component that names it, where that is its key, and nothing else of
a person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from broker.domain import feed
from broker.domain.feed import FeedFault, FeedRow, PersonRecord, Removal
from broker.domain.people import RecordKind, Reference
from broker.domain.school import holds_ine, ine_is_plausible, uai_is_plausible
from connectors import sdet
from connectors.feed_values import Malformed, feed_key, key_told
from connectors.ldap.entries import Entry
from connectors.ldap.names import BadName, Dn, parse_dn
from connectors.ldap.people import Nowhere, check_one_sort, kinds_of, person_of, record_key, relations_of, school_of
from connectors.ldap.snapshot import Snapshot
from connectors.ldap.ties import KnownAs, Nature, Tie, stated_ties

SCHOOLS = 0
PERSONS = 1
SCHOOL_KEY = "ENTStructureSIREN"

_STATE = "ESCOPersonEtatCompte"
_GONE = "DELETE"
"""Assumed of the local extension: such an entry only waits for being removed. Its record is withdrawn."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A snapshot and how to read it: the attribute that holds a person's key, and below which names entries stand."""

    name: str
    snapshot: Snapshot
    key_attribute: str
    people: Dn
    structures: Dn

    def kinds(self) -> frozenset[str]:
        """The kinds there is an entry of: what a directory hides from us must not look like people who left."""
        found = {kind.value for entry in self.snapshot.entries(PERSONS) for kind in kinds_of(entry)}
        return frozenset(found | {"school"} if self.snapshot.count(SCHOOLS) else found)

    def losses(self) -> Iterator[FeedFault]:
        """What is not known to be told: it makes the set incomplete."""
        reasons = [*self.snapshot.losses, *["an entry whose name cannot be read"] * self.snapshot.illegible]
        yield from (FeedFault(self.name, 0, reason, breaks=True) for reason in reasons)

    def schools(self) -> Iterator[FeedRow | FeedFault]:
        """The schools, in the order of their names."""
        for entry in self.snapshot.entries(SCHOOLS):
            key = entry.only(SCHOOL_KEY)
            place = self._place(entry, SCHOOL_KEY)
            try:
                self._check_key(SCHOOLS, key)
                school = school_of(entry)
            except Malformed as reason:
                kept = key_told(key)
                yield FeedFault(place, 0, str(reason), kind="school", key=kept, breaks=not kept)
                continue
            if not uai_is_plausible(school.uai):
                yield FeedFault(place, 0, f"the check letter of UAI {school.uai} does not hold", warning=True)
            yield FeedRow(place, 0, school, addition=True)

    def persons(self, academies: Mapping[str, str]) -> Iterator[FeedRow | FeedFault]:
        """The persons, in the order of their names; two records where one is a parent and staff.

        Each with what its entry states of who is one human with it, by its authorities' numbers (`academies`).
        """
        for entry in self.snapshot.entries(PERSONS):
            own = entry.only(self.key_attribute)
            place = self._place(entry, self.key_attribute)
            said = list(self._ties(entry))
            yield from (one for one in said if isinstance(one, FeedFault))
            same = _same_humans([one for one in said if isinstance(one, Tie)], self._references(entry, academies))
            for kind in kinds_of(entry):
                try:
                    self._check_key(PERSONS, own)
                    for one in self._record(entry, kind, own, place):
                        yield _with_ties(one, same)
                except Malformed as reason:
                    kept = _record_told(own, kind)
                    yield FeedFault(place, 0, str(reason), kind=kind.value, key=kept, breaks=not kept)

    def ties(self) -> Iterator[Tie | FeedFault]:
        """Which records the directory itself calls one human, each once."""
        told: set[Tie] = set()
        for entry in self.snapshot.entries(PERSONS):
            for tie in self._ties(entry):
                if isinstance(tie, FeedFault):
                    yield tie
                elif tie not in told:
                    told.add(tie)
                    yield tie

    def known_as(self, academies: Mapping[str, str]) -> Iterator[KnownAs]:
        """The authoritative references of each record that has any."""
        for entry in self.snapshot.entries(PERSONS):
            own = entry.only(self.key_attribute)
            references = self._references(entry, academies)
            if references and self._is_sound(entry, own):
                yield from (KnownAs(kind, record_key(own, kind), references) for kind in kinds_of(entry))

    def _record(self, entry: Entry, kind: RecordKind, own: str, place: str) -> Iterator[FeedRow | FeedFault]:
        if _GONE in {value.upper() for value in entry.all(_STATE)}:
            check_one_sort(entry)
            yield FeedRow(place, 0, Removal(kind, record_key(own, kind)), addition=False)
            return
        record = person_of(entry, kind, own, school=self._school_key)
        if record.ine and not ine_is_plausible(record.ine):
            yield FeedFault(place, 0, "the check letters of the INE do not hold", warning=True)
        if kind is not RecordKind.PUPIL:
            yield FeedRow(place, 0, record, addition=True)
            return
        try:
            relations = relations_of(entry, own, lambda value: self._adult_key(value, beside=own))
            record = record._replace(relations=relations)
        except Nowhere as reason:
            # An adult who moved in the directory must not lose a child by it: what stood beside the pupil stays.
            record = record._replace(stated=record.stated - {"relations"})
            yield FeedFault(place, 0, f"{reason}: those beside the pupil were left as they stood", warning=True)
        yield FeedRow(place, 0, record, addition="relations" in record.stated)

    def _ties(self, entry: Entry) -> Iterator[Tie | FeedFault]:
        own = entry.only(self.key_attribute)
        kinds = kinds_of(entry)
        if not kinds or not self._is_sound(entry, own):
            return
        if kinds == (RecordKind.GUARDIAN, RecordKind.STAFF):
            yield Tie(Nature.ONE_ENTRY, own, record_key(own, RecordKind.STAFF))
        pupil = kinds == (RecordKind.PUPIL,)
        for tie in stated_ties(entry, record_key(own, kinds[0]), lambda value: self._main_key(value, pupil=pupil)):
            if isinstance(tie, Malformed):
                yield FeedFault(self._place(entry, self.key_attribute), 0, str(tie), warning=True)
            else:
                yield tie

    def _references(self, entry: Entry, academies: Mapping[str, str]) -> tuple[Reference, ...]:
        return sdet.distinct(sdet.parse_jointure(value, academies) for value in entry.all(sdet.JOINTURE)) or ()

    def _is_sound(self, entry: Entry, own: str) -> bool:
        try:
            self._check_key(PERSONS, own)
            check_one_sort(entry)
            return all(record_key(own, kind) for kind in kinds_of(entry))
        except Malformed:
            return False

    def _check_key(self, part: int, key: str) -> None:
        if not key:
            raise Malformed("an entry without its key, or with several")
        feed_key(key)
        if self.snapshot.bearers(part, key) > 1:
            raise Malformed("two entries of one key: nobody can tell them apart, what stood was left")

    def _adult_key(self, value: str, *, beside: str) -> str:
        """The key of a guardian's record that a name in a pupil's entry leads to. Raises `Malformed`, `Nowhere`.

        One who is gone is named all the same, as in AAF: a right of nobody opens nothing.
        """
        name = _name_in(value)
        entry = self.snapshot.at(PERSONS, name)
        if entry is None:
            return self._key_in(name, PERSONS, self.key_attribute, self.people)
        key = self._key_of(entry)
        if RecordKind.PUPIL in kinds_of(entry) and key != beside:
            raise Malformed("another pupil where an adult should stand")
        return key

    def _main_key(self, value: str, *, pupil: bool) -> str:
        """The key of the first record of an entry of the same sort. Raises `Malformed`, `Nowhere`."""
        entry = self.snapshot.at(PERSONS, _name_in(value))
        if entry is None:
            raise Nowhere("a name that leads to no entry")
        kinds = kinds_of(entry)
        if not kinds:
            raise Malformed("an entry tied to one that is no person of the schema")
        if (RecordKind.PUPIL in kinds) is not pupil:
            raise Malformed("a pupil and an adult tied to each other")
        return record_key(self._key_of(entry), kinds[0])

    def _key_of(self, entry: Entry) -> str:
        own = entry.only(self.key_attribute)
        self._check_key(PERSONS, own)
        check_one_sort(entry)
        return own

    def _school_key(self, value: str) -> str:
        name = _name_in(value)
        entry = self.snapshot.at(SCHOOLS, name)
        if entry is None:
            return self._key_in(name, SCHOOLS, SCHOOL_KEY, self.structures)
        self._check_key(SCHOOLS, entry.only(SCHOOL_KEY))
        return entry.only(SCHOOL_KEY)

    def _key_in(self, name: Dn, part: int, attribute: str, base: Dn) -> str:
        """The key that the name of an absent entry says itself, if no other entry bears it. Raises `Nowhere`."""
        key = name.value_of(attribute)
        if not key or not name.within(base) or self.snapshot.bearers(part, key):
            raise Nowhere("a name that leads to no entry")
        return feed_key(key)

    def _place(self, entry: Entry, attribute: str) -> str:
        """What names an entry to the operator: its key, never a name, a pupil's number, nor a text that no key is."""
        key = key_told(entry.dn.value_of(attribute)) or key_told(entry.only(attribute))
        return f"{attribute}={key}" if key and not holds_ine(key) else self.name


def _same_humans(ties: Iterable[Tie], references: Iterable[Reference]) -> Callable[[str], tuple[feed.Tie, ...]]:
    """For a record of an entry, by its key: whom the entry calls one human with it."""

    def of(key: str) -> tuple[feed.Tie, ...]:
        mine = (tie for tie in ties if key in {tie.main, tie.other})
        own = (feed.Tie(tie.nature.value, tie.other if key == tie.main else tie.main) for tie in mine)
        return (*own, *(feed.Tie("reference", str(one)) for one in references))

    return of


def _with_ties(row: FeedRow | FeedFault, same: Callable[[str], tuple[feed.Tie, ...]]) -> FeedRow | FeedFault:
    if isinstance(row, FeedFault) or not isinstance(row.record, PersonRecord):
        return row
    return row._replace(record=row.record._replace(ties=same(row.record.key)))


def _record_told(own: str, kind: RecordKind) -> str:
    """The key of the record that is told to be malformed; empty when no record has such a key."""
    try:
        return record_key(own, kind)
    except Malformed:
        return ""


def _name_in(value: str) -> Dn:
    try:
        return parse_dn(value)
    except BadName as error:
        raise Malformed("a value that should name an entry and does not") from error
