"""The API that tokens are asked for (RFC 8707): one at most, that this client may ask for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from broker.domain.errors import InvalidScope, InvalidTarget
from broker.domain.ports import Services
from broker.domain.services import Resource, Service
from broker.protocol.oidc.provider import Client
from broker.wire import oauth


@dataclass(frozen=True, slots=True)
class Target:
    """An API and the service that offers it."""

    service: Service
    resource: Resource


def find_target(services: Services, values: Mapping[str, str]) -> Target | None:
    """The API that a request names; None when it names none, or one that nobody declared."""
    uri = values.get(oauth.RESOURCE, "")
    service = services.by_resource(uri) if uri else None
    resource = service.resource(uri) if service else None
    return Target(service, resource) if service and resource else None


def check_target(values: Mapping[str, str], target: Target | None, client: Client) -> None:
    """What is named is declared, open, and this client's to ask for; what is not told apart is refused alike."""
    if not values.get(oauth.RESOURCE):
        return
    if target is None or client.party.client_id not in target.resource.clients:
        raise InvalidTarget("no API that this client may ask for")
    if target.service.is_suspended:
        raise InvalidTarget("the service of the API is suspended")


def taken(scope: Iterable[str], target: Target | None) -> tuple[str, ...]:
    """What of a scope is told to the API: what it takes itself (RFC 9068 §3); for no API in particular, all of it."""
    return tuple(word for word in scope if target is None or word in target.resource.scopes)


def check_taken(scope: Iterable[str], target: Target | None) -> None:
    """Something is left of the scope at the API.

    Less than was asked is given, and said (RFC 6749 §3.3): `openid` speaks to us, and no API need take it. Raises
    `InvalidScope`.
    """
    if target is not None and not taken(scope, target):
        raise InvalidScope("the API takes none of these scopes")


def check_space(target: Target | None, client: Client) -> None:
    """Between two services of one space only: who is staff here and a parent there is not to be put side by side."""
    if target is not None and target.service.space is not client.service.space:
        raise InvalidTarget("an API of another space")
