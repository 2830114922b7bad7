"""The signing keys put together for a process: where they rest, who signs with them, who looks after them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from broker.domain.clock import Clock
from broker.domain.errors import SettingsError
from broker.domain.ports import Current, Keys
from broker.domain.services import Service
from broker.protocol.oidc.key_care import KeyCare
from broker.protocol.oidc.routes import keys_wanted
from broker.protocol.oidc.signing import KeyVault, Signer
from broker.settings import Settings
from broker.storage.sealing import MasterSecret, UnsealError
from policies import PolicyBook

INSTALLATION = "preau"
"""Audit partition of what concerns no tenant: the installation's own keys."""
_SEALED_AS = "signing key"


def open_key_care(
    settings: Settings, keys: Keys, master: MasterSecret, book: Current[PolicyBook], *, actor: str = "preau"
) -> KeyCare:
    """Who takes the steps of the signing keys, by the numbers of `keys.toml`."""
    vault = KeyVault(
        keys,
        seal=partial(master.seal, purpose=_SEALED_AS),
        unseal=partial(master.unseal, purpose=_SEALED_AS),
        tenant=INSTALLATION,
    )
    return KeyCare(
        vault,
        lambda: book.current().installation.keys.times,
        settings.rotate_keys,
        actor,
        saml_times=lambda: book.current().installation.keys.saml_times,
    )


def open_signer(care: KeyCare, services: Iterable[Service], *, registration: bool = False, clock: Clock) -> Signer:
    """The keys that sign and those announced, made at the first start; `registration`: those of any client, too.

    Raises `SettingsError` when another master secret sealed them.
    """
    try:
        signer = Signer(care.vault, wanted=keys_wanted(services, registration=registration), clock=clock)
    except UnsealError as fault:
        raise SettingsError(("secrets.master_file: the signing keys were sealed under another secret",)) from fault
    care.announce(clock())
    signer.refresh()
    return signer
