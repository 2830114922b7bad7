"""The desk put together for a process: its rooms on the stores, the rules as they stand, the printer."""

from __future__ import annotations

from dataclasses import replace

from broker.accounts.hashing import Hashing
from broker.accounts.letters import Addressee, Batch, issue_letters
from broker.accounts.screens import Screens
from broker.domain.errors import every_fault
from broker.domain.handles import Id, new_id
from broker.domain.identity import LinkedAccount, UpstreamProtocol
from broker.domain.ports import Current, Services
from broker.federation import GuessGate, Upstreams
from broker.helpdesk.acts import DeskActs
from broker.helpdesk.delegating import Delegations
from broker.helpdesk.finding import Finder
from broker.helpdesk.gate import Gate
from broker.helpdesk.incident import Incidents
from broker.helpdesk.journal import Journals
from broker.helpdesk.letters import DeskLetters, Draw, Drawn, Giving
from broker.helpdesk.limits import DeskLimits
from broker.helpdesk.login_story import LoginStories
from broker.helpdesk.pairs import Pairs
from broker.helpdesk.readings import Readings
from broker.helpdesk.rooms import Helpdesk
from broker.helpdesk.sheet import Sheets
from broker.helpdesk.teacher import Teacher
from broker.helpdesk.texted import DeskTexts
from broker.helpdesk.waits import Waits
from broker.own_accounts import OwnAccounts
from broker.services.ways import Ways
from broker.sources import own_source
from broker.stores import Stores
from broker.telling import open_printer
from policies import PolicyBook

CODE_PAGE = "/code"


def open_helpdesk(
    own: OwnAccounts,
    policies: Current[PolicyBook],
    register: Current[Services],
    upstreams: Upstreams,
    guesses: GuessGate,
    screens: Screens,
) -> Helpdesk:
    """The desk. Letters and SMS lead to an account of one's own: without such a source there are none."""
    settings, stores = own.settings, own.stores
    rooms = open_rooms(stores, policies, register, upstreams, guesses, screens)
    if own_source(settings) is None:
        return rooms
    draw = drawing(stores, rooms.gate, own.hashing)
    page, phone = f"{settings.issuer}{CODE_PAGE}", settings.help_phone
    return replace(
        rooms,
        letters=DeskLetters(rooms.gate, stores.desk_files, open_printer(settings), draw, page, phone),
        texts=DeskTexts(rooms.gate, stores.channels, stores.codes, own.hashing, own.sender),
    )


def open_rooms(
    stores: Stores,
    policies: Current[PolicyBook],
    register: Current[Services],
    upstreams: Upstreams,
    guesses: GuessGate,
    screens: Screens,
) -> Helpdesk:
    """Every room of the desk but those that print and send."""
    gate = open_gate(stores, policies, guesses.key)
    readings = Readings(screens, gate.limits, stores.audit)
    waits = Waits(stores.guesses, guesses.keys_of, lambda account: _logins(stores, account))
    return Helpdesk(
        posts=stores.desk_posts,
        gate=gate,
        finder=Finder(stores.search, gate, stores.audit),
        sheets=Sheets(
            stores.people, stores.desk_files, stores.links, stores.codes, stores.standings, stores.channels,
            stores.access_notices, stores.login_faults, stores.search, waits,
            lambda now: Ways(upstreams.ways(now=now)).down, register,
        ),
        acts=DeskActs(
            gate, stores.codes, stores.links, stores.standings, stores.places, waits, stores.audit, readings,
            stores.desk_requests,
        ),
        teacher=Teacher(stores.desk_files, stores.codes, gate, readings),
        incidents=Incidents(
            LoginStories(
                stores.login_faults, stores.people, stores.guardianships, register, policies, every_fault()
            ),
            gate, stores.audit,
        ),
        pairs=Pairs(stores.desk_requests, gate, stores.standings),
        delegations=Delegations(stores.colleagues, stores.desk_posts, gate),
        journals=Journals(stores.desk_journal, gate, stores.audit),
        audit=stores.audit,
    )  # fmt: skip


def open_gate(stores: Stores, policies: Current[PolicyBook], key: bytes) -> Gate:
    """The gate before every act."""
    limits = DeskLimits(stores.guesses, stores.audit, key)
    return Gate(
        stores.people, stores.links, stores.desk_posts, stores.colleagues, stores.desk_files, stores.search,
        stores.codes, stores.contacts, stores.audit, limits, policies,
    )  # fmt: skip


def drawing(stores: Stores, gate: Gate, hashing: Hashing) -> Draw:
    """Who draws the codes of letters, and keeps them."""

    def draw(giving: Giving) -> tuple[Drawn, ...]:
        to = [Addressee(each, giving.uai, giving.tenant, giving.school) for each in giving.persons]
        batch = Batch(new_id(Id.BATCH), giving.actor, giving.trace, giving.now, giving.told, giving.answers)
        table = gate.policies.current().of(giving.tenant).codes
        issued = issue_letters(to, codes=stores.codes, hashing=hashing, table=table, batch=batch)
        return tuple(Drawn(each.person_id, each.code, each.expires_at) for each in issued)

    return draw


def _logins(stores: Stores, account: LinkedAccount) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What may have been typed for an account, and what its source calls it (`PasswordConnector.authenticate`)."""
    if account.key.protocol is not UpstreamProtocol.OWN:
        return (account.key.subject,), (account.key.subject,)
    names = tuple(stores.credentials.identifiers([account.account_id]).values())
    return names, (account.account_id,)
