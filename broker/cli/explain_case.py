"""The case a command explains: one person, one service, one instant, as a request would find them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain

from broker.cli.whom import person_meant
from broker.declared import read_register
from broker.domain.identity import AccountState, LinkedAccount
from broker.domain.people import ChildCard, PersonView
from broker.domain.services import Service
from broker.domain.standings import InForce, Standing, StandingKind, StandingState
from broker.services.access import Moment
from broker.services.ways import Way, Ways
from broker.settings import Settings, SourceSettings
from broker.stores import Stores
from policies import Assurance


class NoSuchCase(LookupError):
    """Something named is not there; the text says what."""


@dataclass(frozen=True, slots=True)
class Case:
    """What a decision is made from. `source`: the id of the source that is taken to be logged in with.

    `closed`: what of the person, the login and the source is suspended, so that no session opens.
    """

    service: Service
    person: PersonView
    children: tuple[ChildCard, ...]
    moment: Moment
    source: str
    closed: tuple[Standing, ...] = ()


@dataclass(frozen=True, slots=True)
class _Desk:
    """What a case is found with."""

    settings: Settings
    stores: Stores
    now: datetime

    def meant(self, who: str) -> str:
        try:
            return person_meant(who, self.settings, self.stores)
        except LookupError as fault:
            raise NoSuchCase(fault.args[0]) from None

    def person(self, who: str) -> PersonView:
        found = self.stores.people.person(self.meant(who), now=self.now)
        if found is None:
            raise NoSuchCase(f"no person {who} with a live record")
        return found

    def children(self, person: PersonView, child_id: str) -> tuple[ChildCard, ...]:
        cards = self.stores.people.children_of(person.person_id, now=self.now)
        if not child_id:
            return cards
        own = tuple(card for card in cards if card.child_id == self.meant(child_id))
        if not own:
            raise NoSuchCase(f"{person.person_id} sees no child {child_id}")
        return own

    def source(self, person: PersonView, source_id: str) -> SourceSettings | None:
        """The source named, else where the person's linked logins prove most; None for a person who has none."""
        by_id = {source.id: source for source in self.settings.sources}
        if source_id:
            if source_id not in by_id:
                raise NoSuchCase(f"no source {source_id}; there are: {', '.join(sorted(by_id)) or 'none'}")
            return by_id[source_id]
        linked = [by_id[each.source_id] for each in self.linked(person) if each.source_id in by_id]
        return max(linked, key=lambda source: list(Assurance).index(source.assurance), default=None)

    def linked(self, person: PersonView) -> Sequence[LinkedAccount]:
        accounts = self.stores.links.accounts_of(person.person_id)
        return [each for each in accounts if each.state is AccountState.LINKED]

    def moment(self, person: PersonView, source: SourceSettings | None, in_force: InForce) -> Moment:
        """How surely that login proves the person. Only sources that an administrator closed are known to be down."""
        if source is None:
            return Moment(Assurance.NONE, self.now)
        linked_at = (each.linked_at for each in self.linked(person) if each.source_id == source.id)
        closed = {each.id: in_force.closed_since(each.id) for each in self.settings.sources}
        ways = (
            Way(each.id, each.assurance, closed[each.id], closed=closed[each.id] is not None)
            for each in self.settings.sources
        )
        return Moment(source.assurance, self.now, Ways(tuple(ways), min(linked_at, default=None)))

    def closed(self, person: PersonView, source: SourceSettings | None) -> tuple[Standing, ...]:
        """What would keep a session from opening: the person, the source, or every login of the person there."""
        if source is None:
            return self._suspended(StandingKind.PERSON, person.person_id)
        links = [each for each in self.linked(person) if each.source_id == source.id]
        by_link = [self._suspended(StandingKind.LINK, each.account_id) for each in links]
        return (
            *self._suspended(StandingKind.PERSON, person.person_id),
            *self._suspended(StandingKind.SOURCE, source.id),
            *(chain.from_iterable(by_link) if all(by_link) else ()),
        )

    def _suspended(self, kind: StandingKind, subject: str) -> tuple[Standing, ...]:
        rows = self.stores.standings.history(kind, subject)
        return tuple(row for row in rows if row.state is StandingState.SUSPENDED and row.stands_at(self.now))


def find_case(settings: Settings, stores: Stores, args: argparse.Namespace, *, now: datetime) -> Case:
    """Find what the arguments name. Raises `NoSuchCase`."""
    desk, in_force = _Desk(settings, stores, now), stores.standings.in_force()
    register = read_register(settings).standing(in_force)
    service = register.by_id(args.service)
    if service is None:
        known = ", ".join(sorted(each.service_id for each in register.all())) or "none"
        raise NoSuchCase(f"no service {args.service}; there are: {known}")
    person, child = desk.person(args.person), getattr(args, "child", None) or ""
    source = desk.source(person, getattr(args, "source", None) or "")
    return Case(
        service=service,
        person=replace(person, pupil_at=()) if child else person,
        children=desk.children(person, child),
        moment=desk.moment(person, source, in_force),
        source=source.id if source else "",
        closed=desk.closed(person, source),
    )
