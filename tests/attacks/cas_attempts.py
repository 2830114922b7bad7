"""CAS requests that are prepared while all is open, then tried (`test_disabled_flags`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.web_stand import UAI, Client, WebStand

AT_CAS = "https://cantine.example/cas/"
CAS_VALIDATIONS = tuple(
    f"/cas/{path}"
    for path in ("validate", "serviceValidate", "proxyValidate", "p3/serviceValidate", "p3/proxyValidate")
)

Attempt = Callable[[], bool]


class Town(Protocol):
    """What they need of a town."""

    stand: WebStand

    def signed_in(self) -> Client:
        """A browser in which somebody is signed in."""
        ...


def cas_login(town: Town) -> Attempt:
    client = town.signed_in()
    return lambda: "ticket=ST-" in client.get(f"/cas/login?{urlencode({'service': AT_CAS})}").location


def cas_resume(town: Town) -> Attempt:
    client = town.signed_in()
    warned = client.get(f"/cas/login?{urlencode({'service': AT_CAS, 'warn': '1'})}")
    waiting = dict(parse_qsl(urlsplit(warned.location).query))["i"]
    return lambda: "ticket=ST-" in client.get(f"/cas/login/resume?i={waiting}").location


def cas_validation(path: str) -> Callable[[Town], Attempt]:
    def prepare(town: Town) -> Attempt:
        client = town.signed_in()
        location = client.get(f"/cas/login?{urlencode({'service': AT_CAS})}").location
        ticket = dict(parse_qsl(urlsplit(location).query))["ticket"]

        def attempt() -> bool:
            told = client.get(f"{path}?{urlencode({'service': AT_CAS, 'ticket': ticket})}").body
            return told.startswith("yes") if path == "/cas/validate" else UAI in told

        return attempt

    return prepare
