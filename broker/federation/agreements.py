"""What a person said yes to: that their browser is led to a client that registered itself, which nobody checked.

Without that such a client would get a stable subject of whoever is signed in, unseen, and a link to us would lead
anywhere. Asked once a visit; what the store loses is asked again.
"""

from __future__ import annotations

from dataclasses import dataclass

from broker.domain.handles import digest
from broker.domain.ports import EphemeralStore
from broker.domain.services import Service
from broker.domain.sessions import Session

AGREE = "/accord"
AGREED_SECONDS = 12 * 3600
"""On a device of one's own a visit lasts longer: then it is asked again."""


@dataclass(frozen=True, slots=True)
class Agreements:
    """Yeses over the ephemeral store."""

    store: EphemeralStore

    def missing(self, service: Service, session: Session | None) -> bool:
        """Tell whether to ask before the browser is led to this service. Raises `UnavailableError`: then nobody is."""
        if service.registered is None:
            return False
        return session is None or self.store.get(_key(service, session)) is None

    def give(self, service: Service, session: Session) -> None:
        """Keep a yes. Raises `UnavailableError`."""
        self.store.put(_key(service, session), b"1", ttl=AGREED_SECONDS)


def _key(service: Service, session: Session) -> str:
    """A yes is for the addresses that the person was told of: one that registers others is asked for again."""
    uris = sorted(uri for party in service.parties for uri in party.redirect_uris)
    return f"agreed:{digest(' '.join((session.visit, service.service_id, *uris)))}"
