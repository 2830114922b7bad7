"""Screens without a keyboard (RFC 8628): the device asks, somebody says yes on a telephone, the device gets its tokens.

The danger is a stranger who has somebody write the code of the stranger's own device (RFC 8628 §5.4). So there is no
address with the code in it to send around, the page names the service and asks for an explicit yes, a code lives ten
minutes, and what a family lets a screen have is not renewed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from broker.domain.acts import OpenDeviceRequest
from broker.domain.errors import (
    AccessDenied,
    AuthorizationPending,
    DeviceCodeExpired,
    InvalidGrant,
    InvalidScope,
    ProtocolError,
    SlowDown,
    UnauthorizedClient,
    UnexpectedFault,
)
from broker.domain.handles import Handle, digest, new_handle, new_user_code
from broker.domain.ports import Current, DeviceRequests, Services
from broker.domain.services import GrantType
from broker.domain.sessions import DeviceRequest, Polled
from broker.protocol.answers import private_json
from broker.protocol.endpoint import Call
from broker.protocol.oidc.answers import token_refusal
from broker.protocol.oidc.client_assertions import AssertionDesk
from broker.protocol.oidc.client_auth import CREDENTIALS_CHECKS, CredentialsCheck, authenticate
from broker.protocol.oidc.provider import Client, ProviderSettings
from broker.protocol.oidc.targets import Target, check_space, check_taken, check_target, find_target
from broker.wire import oauth
from broker.wire.http import PlainResponse, parse_body

DEVICE_PAGE = "/device"
INTERVAL = 5
"""Seconds between two questions of a device, as long as it keeps to them (RFC 8628 §3.2)."""
MOST_DRAWS = 4
"""Two waiting devices with one user code of 34 bits: four times in a row, something else is wrong."""


@dataclass(frozen=True, slots=True)
class DeviceAsked:
    """What a proven client asks for a device, and the API that it names, if there is one."""

    client: Client
    form: Mapping[str, str]
    target: Target | None


DeviceCheck = Callable[[DeviceAsked], None]


def check_grant(asked: DeviceAsked) -> None:
    """The client's descriptor has this grant."""
    if GrantType.DEVICE_CODE not in asked.client.party.grant_types:
        raise UnauthorizedClient("not a client of devices")


def check_openid(asked: DeviceAsked) -> None:
    """`openid` is among the scopes: every grant of a person tells who it is."""
    if oauth.OPENID not in asked.form.get(oauth.SCOPE, "").split():
        raise InvalidScope("openid is missing")


def check_scope(asked: DeviceAsked) -> None:
    """Every scope is one of the client's."""
    if not set(asked.form.get(oauth.SCOPE, "").split()) <= set(asked.client.party.scopes):
        raise InvalidScope("not the client's")


def check_resource(asked: DeviceAsked) -> None:
    """The API that tokens are asked for is declared, open, this client's and of its space (RFC 8707 §2)."""
    check_target(asked.form, asked.target, asked.client)
    check_space(asked.target, asked.client)
    check_taken(asked.form.get(oauth.SCOPE, "").split(), asked.target)


DEVICE_CHECKS: tuple[DeviceCheck, ...] = (check_grant, check_openid, check_scope, check_resource)


@dataclass(frozen=True, slots=True)
class DeviceAuthorization:
    """The endpoint and what it works with."""

    settings: ProviderSettings
    services: Current[Services]
    requests: DeviceRequests
    assertions: AssertionDesk
    credentials_checks: tuple[CredentialsCheck, ...] = CREDENTIALS_CHECKS
    checks: tuple[DeviceCheck, ...] = DEVICE_CHECKS

    def post(self, call: Call) -> PlainResponse:
        """Give a device its two codes, to a client that is authenticated as at the token endpoint (RFC 8628 §3.1)."""
        try:
            form, services = parse_body(call.request), self.services.current()
            client = authenticate(call, form, services, self.assertions, checks=self.credentials_checks)
            asked = DeviceAsked(client, form, find_target(services, form))
            for check in self.checks:
                check(asked)
        except ProtocolError as refusal:
            return token_refusal(refusal, trace=call.trace)
        return self._open(call, asked)

    def _open(self, call: Call, asked: DeviceAsked) -> PlainResponse:
        life = self.settings.lives.current().device_code
        request = DeviceRequest(
            client_id=asked.client.party.client_id,
            scope=tuple(dict.fromkeys(asked.form[oauth.SCOPE].split())),
            expires_at=call.now + life,
            resource=asked.target.resource.uri if asked.target else "",
        )
        for _ in range(MOST_DRAWS):
            device_code, user_code = new_handle(Handle.DEVICE_CODE), new_user_code()
            act = OpenDeviceRequest(digest(device_code), digest(user_code), request, INTERVAL, call.now)
            if self.requests.open(act):
                return private_json(
                    {
                        "device_code": device_code,
                        "user_code": shown(user_code),
                        "verification_uri": self.settings.issuer + DEVICE_PAGE,
                        "expires_in": int(life.total_seconds()),
                        "interval": INTERVAL,
                    }
                )
        raise UnexpectedFault("no user code was free")


def shown(user_code: str) -> str:
    """A user code as it is read aloud: in two halves."""
    half = len(user_code) // 2
    return f"{user_code[:half]}-{user_code[half:]}"


def refusal_of(polled: Polled) -> ProtocolError:
    """What a device is told that could not redeem its code (RFC 8628 §3.5)."""
    return {
        Polled.PENDING: AuthorizationPending("nobody has decided"),
        Polled.TOO_SOON: SlowDown("asked too soon"),
        Polled.DENIED: AccessDenied("the person said no"),
        Polled.EXPIRED: DeviceCodeExpired("over, or the session of who said yes"),
        Polled.UNKNOWN: InvalidGrant("unknown"),
    }[polled]
