"""The SAML identity provider of a process: who we are, what signs for us, what its endpoints work with."""

from __future__ import annotations

from dataclasses import dataclass

from broker.domain.ports import Current
from broker.federation import Federation
from broker.live import Part
from broker.protocol.oidc.routes import ProviderParts
from broker.protocol.oidc.signing import KeyVault, Signer
from broker.protocol.saml.keys import SamlKeys
from broker.protocol.saml.provider import IdentityProvider
from broker.protocol.saml.routes import SamlParts
from broker.settings import Settings
from broker.stores import Stores
from policies import PolicyBook


@dataclass(frozen=True, slots=True)
class SamlIdentity:
    """Who we are in SAML, and what signs for us."""

    idp: IdentityProvider
    keys: SamlKeys


def open_saml_identity(settings: Settings, book: Current[PolicyBook], vault: KeyVault, signer: Signer) -> SamlIdentity:
    """The identity of this installation; its keys are made when somebody first asks."""
    idp = IdentityProvider(settings.issuer, Part(book, lambda book: book.installation.sessions))
    return SamlIdentity(idp, SamlKeys(vault, signer, name=settings.issuer))


def saml_parts(provider: ProviderParts, stores: Stores, saml: SamlIdentity, federation: Federation) -> SamlParts:
    """What the endpoints are built from."""
    return SamlParts(
        idp=saml.idp,
        services=provider.services,
        people=stores.people,
        portraits=stores.portraits,
        grants=stores.grants,
        details=stores.details,
        provider_logins=stores.provider_logins,
        ledger=stores.ledger,
        store=provider.store,
        policies=provider.policies,
        keys=saml.keys,
        logins=federation,
    )
