"""The one screen of the desk as values: who, children, means, what the person sees now, journal. Never a secret.

Of other schools only that there are children; of telephones the end; of a court's decision only the right that is left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from broker.domain.access_notices import AccessNotice
from broker.domain.audit import AuditEvent
from broker.domain.credentials import Code, CodeKind, ContactKind
from broker.domain.desk_file import FiledAdult
from broker.domain.identity import AccountState, LinkedAccount
from broker.domain.names import fold
from broker.domain.people import PersonName, RecordKind
from broker.domain.ports import (
    AccessNotices,
    Codes,
    Current,
    DeskFiles,
    Links,
    LoginFaults,
    People,
    Search,
    Services,
    Standings,
)
from broker.domain.ports.notify import Channels
from broker.domain.search import MOST_ROWS, read_asked
from broker.domain.standings import StandingKind
from broker.helpdesk.agents import Agent
from broker.helpdesk.situation import Signs, Situation, minutes_left, situation_of
from broker.helpdesk.waits import Waits

SHOWN = 12
YEARS = timedelta(days=3 * 365)


@dataclass(frozen=True, slots=True)
class SheetChild:
    """A child of the person. Outside the agent's schools only that it exists: no name, no school."""

    given: str = ""
    class_label: str = ""
    school: str = ""
    inside: bool = False
    sees: bool = False
    acts: bool = False


@dataclass(frozen=True, slots=True)
class SheetLetter:
    """A letter by its number. `state`: live, used, ended."""

    number: str
    at: datetime
    state: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """Everything that the screen shows of one account."""

    person_id: str
    name: PersonName
    kinds: frozenset[RecordKind]
    homonyms: int
    closed: bool
    last_success: LinkedAccount | None
    tries: int
    children: tuple[SheetChild, ...]
    adults: tuple[FiledAdult, ...]
    accounts: tuple[LinkedAccount, ...]
    mobile_end: str
    has_mail: bool
    letters: tuple[SheetLetter, ...]
    situation: Situation
    minutes: int
    told: tuple[AccessNotice, ...]
    journal: tuple[AuditEvent, ...]
    school: str
    uai: str
    closed_services: tuple[Mapping[str, str], ...]
    """Names by language: what is closed there by an administrator is not the account's fault (ux §6)."""


@dataclass(frozen=True, slots=True)
class Sheets:
    """Builds sheets."""

    people: People
    files: DeskFiles
    links: Links
    codes: Codes
    standings: Standings
    channels: Channels
    notices: AccessNotices
    faults: LoginFaults
    search: Search
    waits: Waits
    down: Callable[[datetime], frozenset[str]]
    """Sources that are known to be down, or closed, at a moment."""
    register: Current[Services]

    def names(self, person_id: str) -> frozenset[str]:
        """What opens a homonym's sheet, folded: a child's given name, or, of a pupil, an adult's."""
        children = {fold(each.given) for each in self.files.children(person_id)}
        return frozenset(children | {fold(each.name.given) for each in self.files.adults(person_id)})

    def homonyms(self, agent: Agent, name: PersonName) -> int:
        """How many persons of exactly this name the agent covers."""
        found = self.search.find(read_asked(f"{name.family} {name.given}"), agent.scope, after="", limit=MOST_ROWS)
        wanted = fold(f"{name.family} {name.given}")
        return 0 if found.near else len({hit.person_id for hit in found.rows if hit.name_key == wanted})

    def build(self, agent: Agent, person_id: str, *, now: datetime) -> Sheet | None:
        """The sheet of a living person; None when no live record speaks of them."""
        person = self.people.person(person_id, now=now)
        if person is None:
            return None
        accounts = self.links.accounts_of(person_id)
        linked = tuple(each for each in accounts if each.state is AccountState.LINKED)
        codes = self.codes.of_person(person_id)
        wait = self.waits.of_accounts(linked, now=now)
        closed = self._is_closed(StandingKind.PERSON, person_id)
        reached = self.channels.reached(person_id, now=now)
        mobiles = [each.to for each in reached.channels if each.kind is ContactKind.MOBILE]
        children = self._children(agent, person_id, now=now)
        signs = Signs(
            closed=closed,
            login_closed=any(self._is_closed(StandingKind.LINK, each.account_id) for each in linked),
            window_until=_window(codes, now=now),
            wait_until=wait.until,
            letter_live=any(each.kind is CodeKind.LETTER and each.is_live(now) for each in codes),
            letter_over=any(each.kind is CodeKind.LETTER and each.used_at is None for each in codes),
            came=any(each.last_used for each in linked),
            sees=RecordKind.GUARDIAN not in person.kinds or any(each.sees for each in children),
            source_down=_last_source(linked) in self.down(now),
        )
        situation = situation_of(signs, now=now)
        schools = self.search.schools_of(person_id) & agent.scope
        uai = min(schools, default="")
        return Sheet(
            person_id=person_id,
            name=person.name,
            kinds=person.kinds,
            homonyms=self.homonyms(agent, person.name),
            closed=closed,
            last_success=max((each for each in linked if each.last_used), key=_last_used, default=None),
            tries=wait.tries,
            children=children,
            adults=self.files.adults(person_id) if RecordKind.PUPIL in person.kinds else (),
            accounts=linked,
            mobile_end=mobiles[0][-2:] if mobiles else "",
            has_mail=any(each.kind is ContactKind.MAIL for each in reached.channels),
            letters=tuple(_letter(each, now=now) for each in codes if each.kind is CodeKind.LETTER)[:SHOWN],
            situation=situation,
            minutes=minutes_left(signs.wait_until, now=now),
            told=self.notices.of_person(person_id, limit=SHOWN),
            journal=self.faults.events_of([person_id], since=now - YEARS, until=now, limit=SHOWN),
            school=agent.places.get(uai, ""),
            uai=uai,
            closed_services=self._closed_services(schools),
        )  # fmt: skip

    def _children(self, agent: Agent, person_id: str, *, now: datetime) -> tuple[SheetChild, ...]:
        seen = {card.child_id: card for card in self.people.children_of(person_id, now=now)}
        told: list[SheetChild] = []
        for child in self.files.children(person_id):
            card = seen.get(child.child_id)
            sees, acts = card is not None, bool(card and card.may_act)
            inside = child.uai in agent.covers
            named = (child.given, child.class_label, child.school) if inside else ("", "", "")
            told.append(SheetChild(*named, inside=inside, sees=sees, acts=acts))
        return tuple(told)

    def _closed_services(self, schools: frozenset[str]) -> tuple[Mapping[str, str], ...]:
        closed = (each for each in self.register.current().all() if each.is_suspended)
        return tuple(each.names for each in closed if not each.schools or each.schools & schools)

    def _is_closed(self, kind: StandingKind, subject: str) -> bool:
        return any(each.is_closure for each in self.standings.history(kind, subject))


def _last_source(linked: tuple[LinkedAccount, ...]) -> str:
    last = max(linked, key=_last_used, default=None)
    return last.source_id if last else ""


def _last_used(account: LinkedAccount) -> datetime:
    return account.last_used or account.linked_at


def _window(codes: tuple[Code, ...], *, now: datetime) -> datetime | None:
    live = (each.expires_at for each in codes if each.kind is CodeKind.WINDOW and each.is_live(now))
    return max(live, default=None)


def _letter(code: Code, *, now: datetime) -> SheetLetter:
    if code.used_at is not None:
        return SheetLetter(code.locator, code.used_at, "used")
    return SheetLetter(code.locator, code.issued_at, "live" if code.is_live(now) else "ended")
