"""The desk over real SQL adapters, with a source of agents that says of each what the test says."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import Engine

from broker.accounts.hashing import HashCost, Hashing
from broker.accounts.screens import Screens
from broker.desk import drawing, open_rooms
from broker.domain.ports import Current, Services
from broker.federation import GuessGate, Source, SourceDescription, Sources
from broker.helpdesk.letters import DeskLetters
from broker.helpdesk.rooms import Helpdesk
from broker.helpdesk.texted import DeskTexts
from broker.notify.letter import LetterPrinter
from broker.storage.sealing import HeadSigner, MasterSecret
from broker.storage.sql_audit import SqlAudit
from broker.storage.sql_channels import SqlChannels
from broker.storage.sql_details import SqlDetails
from broker.storage.sql_grants import SqlGrants
from broker.storage.sql_links import SqlLinks
from broker.storage.sql_origins import SqlOrigins
from broker.storage.sql_people import SqlPeople
from broker.storage.sql_portraits import SqlPortraits
from broker.storage.sql_sessions import SqlSessions
from broker.storage.sql_tickets import SqlTickets
from broker.stores import Stores
from broker.telling import open_words
from tests.builders import HINTS
from tests.federations import BASE, ScriptedSource, World
from tests.own_accounts import Gateway

TENANT = "ac-test"
PHONE = "01 99 00 00 00"


def add_agents(world: World, name: str) -> None:
    """Add a source whose people are agents, who show a second factor there."""
    source = ScriptedSource(name, amr=("pwd", "otp"))
    known = [world.federation.sources.get(each.source_id) for each in world.federation.sources.descriptions()]
    world.upstreams[name] = source
    described = SourceDescription(name, TENANT, desk=True)
    world.federation = replace(world.federation, sources=Sources([*known, Source(described, source)]))


def open_desk(world: World, register: Current[Services], gate: GuessGate) -> Helpdesk:
    """Every room of the desk; letters are real ones, in French."""
    stores = stores_on(world.engine)
    screens = Screens(world.federation.store)
    rooms = open_rooms(stores, world.live_policies, register, world.federation.upstreams, gate, screens)
    hashing = Hashing(HashCost(8, 1, 1))
    draw = drawing(stores, rooms.gate, hashing)
    printer = LetterPrinter(open_words(), None)
    return replace(
        rooms,
        letters=DeskLetters(rooms.gate, stores.desk_files, printer, draw, f"{BASE}/code", PHONE),
        texts=DeskTexts(rooms.gate, stores.channels, stores.codes, hashing, Gateway()),
    )


def stores_on(engine: Engine) -> Stores:
    """The adapters on a database."""
    seal = HeadSigner(MasterSecret(b"m" * 32))
    people, grants = SqlPeople(engine), SqlGrants(engine)
    portraits = SqlPortraits(grants, people, SqlDetails(engine))
    return Stores(
        engine=engine,
        people=people,
        details=SqlDetails(engine),
        links=SqlLinks(engine, undo_for=timedelta(days=30)),
        sessions=SqlSessions(engine, HINTS),
        origins=SqlOrigins(engine, HINTS),
        grants=grants,
        portraits=portraits,
        tickets=SqlTickets(grants, portraits),
        audit=SqlAudit(engine, sign=seal.sign, check=seal.check),
        channels=SqlChannels(engine),
    )
