"""The page after a sign-out: for each service of the visit, whether it confirmed that it closed its own session."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from broker.domain.logouts import Notice, NoticeState
from broker.domain.ports import Services
from broker.domain.services import RelyingParty, Service
from broker.services.logout_ways import LogoutWay, logout_way


class ReceiptState(StrEnum):
    """What a service answered, from the best to the worst."""

    CONFIRMED = "confirmed"
    SHOWN = "shown"
    """Told by this very page, in the person's browser: nothing comes back from there."""
    WAITING = "waiting"
    UNTOLD = "untold"
    """Refused, or silent for so long that it is not told any more."""
    NO_ADDRESS = "no_address"
    """It never said where to tell it."""


_ORDER = tuple(ReceiptState)
_ANSWERED = {
    NoticeState.CONFIRMED: ReceiptState.CONFIRMED,
    NoticeState.WAITING: ReceiptState.WAITING,
    NoticeState.UNTOLD: ReceiptState.UNTOLD,
}


@dataclass(frozen=True, slots=True)
class Receipt:
    """One service and the worst of what its clients answered."""

    service: Service
    state: ReceiptState


@dataclass(frozen=True, slots=True)
class Receipts:
    """`shown` and `providers`: the clients that the page itself tells, by OpenID Connect and by SAML.

    One for each school in play, which `shown` names; none of a suspended service: nobody is sent there.
    """

    services: tuple[Receipt, ...]
    shown: tuple[tuple[RelyingParty, str], ...]
    providers: tuple[tuple[Service, Notice], ...] = ()

    @property
    def waiting(self) -> bool:
        """Tell whether some service has not answered yet."""
        return any(receipt.state is ReceiptState.WAITING for receipt in self.services)


def build_receipts(notices: Iterable[Notice], register: Services) -> Receipts:
    """Build the page from what the outbox knows of each client; a client that left the register is on no page."""
    states: dict[str, list[ReceiptState]] = {}
    services: dict[str, Service] = {}
    shown: dict[tuple[str, str], tuple[RelyingParty, str]] = {}
    providers: dict[tuple[str, str], tuple[Service, Notice]] = {}
    for notice in notices:
        service = register.by_client(notice.client_id)
        if service is None:
            continue
        party, way = service.party(notice.client_id), logout_way(service, notice.client_id)
        services[service.service_id] = service
        states.setdefault(service.service_id, []).append(_state(notice, way))
        if service.is_suspended:
            continue
        if party is not None and party.frontchannel_logout_uri:
            shown[notice.client_id, notice.school] = party, notice.school
        if party is None and way is LogoutWay.FRONT:
            providers[notice.client_id, notice.school] = service, notice
    told = (Receipt(service, max(states[name], key=_ORDER.index)) for name, service in services.items())
    return Receipts(tuple(told), tuple(shown.values()), tuple(providers.values()))


def _state(notice: Notice, way: LogoutWay) -> ReceiptState:
    if way is LogoutWay.BACK:
        return _ANSWERED[notice.state]
    return ReceiptState.SHOWN if way is LogoutWay.FRONT else ReceiptState.NO_ADDRESS
