"""Own accounts for tests: letters, numbers and windows of people, and a gateway that keeps what it is given."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from sqlalchemy import Engine

from broker.accounts.activation import Activation, OwnSource
from broker.accounts.hashing import HashCost, Hashing
from broker.accounts.letters import Addressee, Batch, IssuedLetter, issue_letters
from broker.accounts.own_login import OwnLogin
from broker.accounts.reaching import Reaching
from broker.accounts.screens import Screens
from broker.accounts.short_codes import Behind, ShortCodes
from broker.domain.credential_acts import IssueCodes
from broker.domain.credentials import Code, CodeKind, ContactKind, LetterCode
from broker.domain.errors import UpstreamUnavailable
from broker.domain.handles import Id, new_id
from broker.domain.notices import Channel
from broker.domain.people import RecordKind
from broker.federation import GuessGate, PasswordSource, SourceDescription, Sources, WaysIn
from broker.storage import schema
from broker.storage.sql_channels import SqlChannels
from broker.storage.sql_codes import SqlCodes
from broker.storage.sql_contacts import SqlContacts
from broker.storage.sql_credentials import SqlCredentials
from broker.storage.sql_family_facts import SqlFamilyFacts
from broker.storage.sql_search import SqlSearch
from broker.storage.sql_search_index import SqlSearchIndex
from policies import load_book
from tests import builders
from tests.builders import NOW
from tests.federations import BASE, World

TENANT = "ac-test"
BORN = date(2014, 3, 7)
"""When the first child of `family` was born."""
MOBILE = "+33639981234"
TYPED = "06 39 98 12 34"
GOOD = "tournevis lagune osier"
TEST_COST = HashCost(workers=1, waiting=20)
CODES = load_book().installation.codes


@dataclass
class Gateway:
    """`CodeSender` that keeps what it is given, or that is down."""

    sent: list[tuple[Channel, str]] = field(default_factory=list)
    down: bool = False
    sends_texts: bool = True

    def reaches(self, kind: ContactKind) -> bool:
        return self.sends_texts or kind is not ContactKind.MOBILE

    def send_letter(self, to: str, code: LetterCode, *, minutes: int, uai: str) -> None:
        if self.down:
            raise UpstreamUnavailable("the gateway is down")
        self.sent.append((Channel(ContactKind.MOBILE, to), code.written))

    def send(self, channel: Channel, digits: str, *, lasts: timedelta, language: str, uai: str) -> None:
        self.sent.append((channel, digits))


def open_ways_in(world: World, gate: GuessGate, source_id: str, cost: HashCost = TEST_COST) -> WaysIn:
    """The ways in of a world, whose federation gets the source that they lead to."""
    hashing, engine = Hashing(cost), world.engine
    source, logins, codes = OwnSource(source_id, TENANT, BASE), SqlCredentials(engine), SqlCodes(engine)
    described = SourceDescription(source_id, TENANT, second_for_staff=True)
    own = PasswordSource(described, OwnLogin(source_id, BASE, logins, hashing))
    known = [world.federation.sources.get(each.source_id) for each in world.federation.sources.descriptions()]
    world.federation = replace(world.federation, sources=Sources([*known, own]))
    federation = world.federation
    activation = Activation(source, logins, codes, federation.people, SqlFamilyFacts(engine), federation.audit, hashing)
    short = ShortCodes(source, SqlContacts(engine), SqlSearch(engine), SqlChannels(engine), codes, hashing, Gateway())
    return WaysIn(federation, gate, activation, short, Screens(federation.store), Behind())


def reaching_of(ways: WaysIn) -> Reaching:
    """How persons are reached, beside their ways in."""
    return Reaching(ways.short_codes.contacts, ways.short_codes.channels)


def sent(ways: WaysIn) -> list[tuple[Channel, str]]:
    """What the gateway was given, once everything behind answers is done."""
    ways.behind.do(lambda: None)
    ways.behind._pool.submit(lambda: None).result()
    while ways.behind._places._value < 66:  # type: ignore[attr-defined]
        pass
    gateway = ways.short_codes.sender
    assert isinstance(gateway, Gateway)
    return gateway.sent


def family(engine: Engine, *, mobile: str = "", key: str = "501", given: str = "Dominique", born: date = BORN) -> str:
    """A mother of one child in a school; returns her person."""
    told = {"mobile": mobile} if mobile else {}
    with engine.begin() as conn:
        if not conn.execute(schema.schools.select()).first():
            builders.add_school(conn)
        record = builders.add_record(conn, f"G{key}", RecordKind.GUARDIAN, given=given, family="Lefevre", told=told)
        mother = builders.add_person(conn)
        builders.attach(conn, record, mother)
        child = builders.add_record(conn, f"E{key}", RecordKind.PUPIL, given="Inès", family="Lefevre", birth_date=born)
        builders.attach(conn, child, builders.add_person(conn))
        builders.add_guardianship(conn, record, child)
        builders.enrol(conn, child)
        conn.execute(schema.search_pending.insert(), [{"record_id": each} for each in (record, child)])
    SqlSearchIndex(engine).catch_up(NOW)
    return mother


def letter(engine: Engine, hashing: Hashing, person: str) -> IssuedLetter:
    """A letter for a person."""
    batch = Batch("bat_test", "cli:test", "", NOW)
    (issued,) = issue_letters(
        [Addressee(person, "0990001A", TENANT)], codes=SqlCodes(engine), hashing=hashing, table=CODES, batch=batch
    )
    return issued


def window(engine: Engine, person: str, bound: str) -> str:
    """A window of ten minutes for a person, at the screen that `bound` names; returns its id."""
    code = Code(
        new_id(Id.CODE), CodeKind.WINDOW, person, "", "0990001A", NOW, NOW + timedelta(minutes=10), 0, 3, bound=bound
    )  # fmt: skip
    SqlCodes(engine).issue(IssueCodes((code,), "acc_agent", "", (), ()))
    return code.code_id
