"""The desk put together for a process: its rooms on the stores, the rules as they stand, the printer."""

from __future__ import annotations

from broker.domain.identity import LinkedAccount, UpstreamProtocol
from broker.domain.ports import Current
from broker.federation import GuessGate
from broker.helpdesk.acts import DeskActs
from broker.helpdesk.finding import Finder
from broker.helpdesk.gate import Gate
from broker.helpdesk.letters import DeskLetters
from broker.helpdesk.limits import DeskLimits
from broker.helpdesk.rooms import Helpdesk
from broker.helpdesk.sheet import Sheets
from broker.helpdesk.teacher import Teacher
from broker.helpdesk.waits import Waits
from broker.stores import Stores
from policies import PolicyBook


def open_helpdesk(
    stores: Stores, policies: Current[PolicyBook], guesses: GuessGate, *, letters: DeskLetters | None = None
) -> Helpdesk:
    """Every room of the desk. `letters` None: nothing is printed."""
    gate = open_gate(stores, policies, guesses.key)
    waits = Waits(stores.guesses, guesses.keys_of, lambda account: _logins(stores, account))
    return Helpdesk(
        posts=stores.desk_posts,
        gate=gate,
        finder=Finder(stores.search, gate, stores.audit),
        sheets=Sheets(
            stores.people, stores.desk_files, stores.links, stores.codes, stores.standings, stores.channels,
            stores.access_notices, stores.login_faults, stores.search, waits,
        ),
        acts=DeskActs(
            gate, stores.codes, stores.links, stores.standings, stores.places, waits, stores.audit
        ),
        teacher=Teacher(stores.desk_files, stores.codes, gate),
        audit=stores.audit,
        letters=letters,
    )  # fmt: skip


def open_gate(stores: Stores, policies: Current[PolicyBook], key: bytes) -> Gate:
    """The gate before every act."""
    limits = DeskLimits(stores.guesses, stores.audit, key)
    return Gate(
        stores.people, stores.links, stores.desk_posts, stores.desk_files, stores.search, stores.codes, stores.audit,
        limits, policies,
    )  # fmt: skip


def _logins(stores: Stores, account: LinkedAccount) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What may have been typed for an account, and what its source calls it (`PasswordConnector.authenticate`)."""
    if account.key.protocol is not UpstreamProtocol.OWN:
        return (account.key.subject,), (account.key.subject,)
    names = tuple(stores.credentials.identifiers([account.account_id]).values())
    return names, (account.account_id,)
