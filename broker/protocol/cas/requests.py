"""Requests as CAS clients send them: read strictly, each parameter once, the address of the service by one name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from broker.domain.cas import CAS_CLIENT
from broker.domain.errors import InvalidRequest, RepeatedParameter, ServiceSuspended, UnregisteredAddress
from broker.domain.services import Service
from broker.services.cas_addresses import without_ticket
from broker.wire.http import Form

SERVICE, TARGET = "service", "TARGET"
LOGIN_PARAMETERS = (SERVICE, TARGET, "renew", "gateway", "method", "warn")
SEEN = "seen"
"""Kept with a waiting request once its person was told where the browser goes (`warn`); never read from an address."""

LOGIN = "/cas/login"
LOGIN_RESUME = "/cas/login/resume"
LOGOUT = "/cas/logout"
WARNING = "/cas/avertir"


class Method(StrEnum):
    """How a ticket gets to its service (§2.1.1 `method`)."""

    GET = "GET"
    POST = "POST"
    HEADER = "HEADER"


_METHODS = frozenset(Method)


@dataclass(frozen=True, slots=True)
class LoginAsked:
    """A request for a ticket. `url` is the address without any ticket; `services`: those that it may be for."""

    form: Form
    url: str
    services: tuple[Service, ...]

    def has(self, name: str) -> bool:
        """Tell whether a flag is set, by any value that is not empty."""
        return bool(self.form.values.get(name))

    @property
    def renew(self) -> bool:
        """The person is to prove who they are, whatever session there is (§2.1.1)."""
        return self.has("renew")

    @property
    def gateway(self) -> bool:
        """No page is shown: back without a ticket when there is no session. `renew` goes before it (S-53)."""
        return self.has("gateway") and not self.renew

    @property
    def method(self) -> Method:
        """How the ticket is to travel."""
        return Method(self.form.values.get("method", Method.GET))

    @property
    def values(self) -> Mapping[str, str]:
        """What of it is kept while it waits."""
        return {name: value for name, value in self.form.values.items() if name in LOGIN_PARAMETERS}


LoginCheck = Callable[[LoginAsked], None]
"""Refuses a request by raising; nothing is ever sent to an address before all of them passed."""


def check_once(asked: LoginAsked) -> None:
    """Raises `RepeatedParameter`: of two services, one is checked and the other gets the ticket."""
    if asked.form.repeated:
        raise RepeatedParameter("repeated parameters")


def check_one_name(asked: LoginAsked) -> None:
    """Raises `RepeatedParameter` for `service` and `TARGET` at once (§2.1.1, §4.2.1)."""
    if asked.has(SERVICE) and asked.has(TARGET):
        raise RepeatedParameter("both 'service' and 'TARGET'")


def check_method(asked: LoginAsked) -> None:
    """Raises `InvalidRequest` for a way of travelling that there is not."""
    if asked.has("method") and asked.form.values["method"] not in _METHODS:
        raise InvalidRequest("unknown method")


def check_registered(asked: LoginAsked) -> None:
    """Raises `UnregisteredAddress`: a ticket goes where a descriptor says and nowhere else (§2.2.1, S-50)."""
    if not asked.services:
        raise UnregisteredAddress("no service at this address")


def check_open(asked: LoginAsked) -> None:
    """Raises `ServiceSuspended` when an administrator closed every service at this address."""
    if all(service.is_suspended for service in asked.services):
        raise ServiceSuspended("suspended by an administrator")


LOGIN_CHECKS: tuple[LoginCheck, ...] = (check_once, check_one_name, check_method, check_registered, check_open)


def address_in(form: Form) -> str:
    """The address of the service, by whichever name it came, without a ticket; empty: none."""
    return without_ticket(form.values.get(SERVICE) or form.values.get(TARGET, ""))


def client_name(service: Service) -> str:
    """The name under which CAS logins at a service are granted."""
    return CAS_CLIENT + service.service_id
