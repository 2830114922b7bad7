"""People's own accounts put together for a process: from settings to hashes, codes, messages and the ways in."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from broker.accounts.activation import Activation, OwnSource
from broker.accounts.hashing import HashCost, Hashing
from broker.accounts.own_login import OwnLogin
from broker.accounts.reaching import Reaching
from broker.accounts.screens import Screens
from broker.accounts.short_codes import Behind, ShortCodes
from broker.domain.clock import Clock
from broker.domain.ports import PasswordConnector
from broker.domain.ports.notify import CodeSender
from broker.federation import Federation, GuessGate, WaysIn
from broker.settings import Settings
from broker.sources import OpenOwn, own_source
from broker.storage.sealing import MasterSecret
from broker.stores import Stores
from broker.telling import open_code_sender


@dataclass(frozen=True, slots=True)
class OwnAccounts:
    """What own accounts need in one process. `sender` None: no source keeps its secrets here."""

    settings: Settings
    stores: Stores
    hashing: Hashing
    sender: CodeSender | None
    resources: ExitStack
    clock: Clock

    @property
    def opener(self) -> OpenOwn:
        """Makes the source's connector."""

        def opened(source_id: str) -> PasswordConnector:
            return OwnLogin(source_id, self.settings.issuer, self.stores.credentials, self.hashing)

        return opened

    def parts(self, federation: Federation, master: MasterSecret) -> dict[str, Any]:
        """What the pages are given of it."""
        return {"ways_in": self.ways_in(federation, master), "reaching": self.reaching}

    @property
    def reaching(self) -> Reaching | None:
        """How persons are reached, as they change it themselves; None where no source keeps its secrets here."""
        return Reaching(self.stores.contacts, self.stores.channels) if own_source(self.settings) else None

    def ways_in(self, federation: Federation, master: MasterSecret) -> WaysIn | None:
        """From codes to sessions; None where no source keeps its secrets here."""
        stated = own_source(self.settings)
        if stated is None:
            return None
        source = OwnSource(stated.id, stated.tenant, self.settings.issuer)
        stores = self.stores
        behind = Behind()
        self.resources.callback(behind.close)
        return WaysIn(
            federation=federation,
            gate=GuessGate(stores.guesses, master.derive("guesses")),
            activation=Activation(
                source, stores.credentials, stores.codes, stores.people, stores.family_facts, stores.audit, self.hashing
            ),
            short_codes=ShortCodes(
                source, stores.contacts, stores.search, stores.channels, stores.codes, self.hashing, self.sender
            ),
            screens=Screens(federation.store),
            behind=behind,
        )


def open_own_accounts(settings: Settings, stores: Stores, resources: ExitStack, *, clock: Clock) -> OwnAccounts:
    """The pool that hashes, with what stands on it; closed with `resources`."""
    hashing = Hashing(cost_of(settings))
    resources.callback(hashing.close)
    own = own_source(settings) is not None
    sender = open_code_sender(settings, stores.sms_counts, resources, clock=clock) if own else None
    return OwnAccounts(settings, stores, hashing, sender, resources, clock)


def cost_of(settings: Settings) -> HashCost:
    """What a hash costs, as the settings say."""
    stated = settings.hashing
    return HashCost(stated.memory_kib, stated.passes, stated.workers, stated.waiting)
