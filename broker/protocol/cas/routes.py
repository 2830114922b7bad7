"""The CAS server put together: every endpoint with its path, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from broker.domain.errors import UpstreamUnavailable
from broker.domain.ports import Current, EphemeralStore, Grants, Ledger, People, Portraits, Services, Tickets
from broker.federation.service_gate import ServiceGate
from broker.protocol.cas.login import Login
from broker.protocol.cas.proxies import CallBack, Proxies
from broker.protocol.cas.requests import LOGIN, LOGIN_RESUME, LOGOUT
from broker.protocol.cas.sign_out import SignOut
from broker.protocol.cas.spending import Spending
from broker.protocol.cas.validation import Validation
from broker.protocol.endpoint import Route
from broker.protocol.oidc.pending import PendingRequests
from broker.protocol.oidc.routes import Logins
from policies import PolicyBook

BASE = "/cas"
"""What a client is told as the address of the server."""


def visit_nobody(_: str) -> int:
    """Call nobody: for a server that is given no way out."""
    raise UpstreamUnavailable("no address is called here")


@dataclass(frozen=True, slots=True)
class CasParts:
    """What the server is built from."""

    issuer: str
    services: Current[Services]
    people: People
    portraits: Portraits
    grants: Grants
    tickets: Tickets
    ledger: Ledger
    store: EphemeralStore
    policies: Current[PolicyBook]
    logins: Logins
    visit: CallBack = visit_nobody


def build_cas_routes(parts: CasParts) -> tuple[Route, ...]:
    """Every endpoint of the server."""
    gate = ServiceGate(parts.people, parts.policies, parts.logins)
    pending = PendingRequests(parts.store, login=_login_time(parts.policies), resume=LOGIN_RESUME)
    login = Login(parts.services, parts.grants, parts.tickets, gate, parts.portraits, pending)
    sign_out = SignOut(parts.services, parts.logins)
    spending = Spending(parts.services, parts.grants, parts.tickets, parts.ledger, parts.policies)
    proxies = Proxies(parts.services, parts.grants, parts.tickets, gate, parts.portraits, parts.visit)
    validation = Validation(parts.issuer + BASE, spending, proxies)
    return (
        Route("GET", LOGIN, login.get, pages=True, reads_session=True, asks_again=True),
        Route("GET", LOGIN_RESUME, login.resume, pages=True, reads_session=True),
        Route("GET", LOGOUT, sign_out.get, pages=True, reads_session=True),
        Route("GET", f"{BASE}/validate", validation.first),
        Route("GET", f"{BASE}/serviceValidate", validation.second),
        Route("GET", f"{BASE}/proxyValidate", validation.second_proxied),
        Route("GET", f"{BASE}/p3/serviceValidate", validation.third),
        Route("GET", f"{BASE}/p3/proxyValidate", validation.third_proxied),
        Route("GET", f"{BASE}/proxy", validation.proxy),
        Route("POST", f"{BASE}/samlValidate", validation.saml),
    )


def _login_time(policies: Current[PolicyBook]) -> Callable[[], timedelta]:
    return lambda: policies.current().installation.sessions.interaction
