"""What arrives at our SAML addresses, taken apart: who sent it, and whether a key of theirs vouches for it.

Nothing is decided here. A message that no key vouches for is read too, because a service may not sign its requests:
`Received.signature` says which, and the checks decide what that is worth. What a key vouches for is read from the very
bytes that were verified (`broker.wire.saml.received`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from broker.domain.errors import InvalidSamlMessage, UnknownProvider
from broker.domain.ports import Services
from broker.domain.service_clients import Binding
from broker.protocol.saml.provider import Provider
from broker.wire.saml.received import Kind, Opened, Signature, open_post, open_redirect, open_soap
from broker.wire.saml.refusals import SamlRefused
from broker.wire.saml.requests import AuthnRequest, LogoutAnswer, LogoutRequest

Message = TypeVar("Message", AuthnRequest, LogoutRequest, LogoutAnswer)


@dataclass(frozen=True, slots=True)
class Carried:
    """A message as it came: the query of a redirect, the body of a form or of an envelope."""

    binding: Binding
    raw: str

    @property
    def values(self) -> Mapping[str, str]:
        """What is kept of it while it waits: all of it, to be read and checked again."""
        return {"binding": self.binding.value, "raw": self.raw}


@dataclass(frozen=True, slots=True)
class Received(Generic[Message]):
    """A message of a provider of the register."""

    provider: Provider
    message: Message
    signature: Signature
    binding: Binding
    relay_state: str = ""


def carried_again(values: Mapping[str, str]) -> Carried:
    """The message that was kept."""
    return Carried(Binding(values["binding"]), values["raw"])


def receive(carried: Carried, kind: Kind[Message], services: Services) -> Received[Message]:
    """Read a message and look for who sent it. Raises `InvalidSamlMessage`, `UnknownProvider`."""
    try:
        opened = _open(carried, kind)
        provider = _provider(services, opened.issuer)
        message, signature = opened.read(provider.declared.signing)
    except SamlRefused as fault:
        raise InvalidSamlMessage(str(fault)) from fault
    return Received(provider, message, signature, carried.binding, opened.relay_state)


def _open(carried: Carried, kind: Kind[Message]) -> Opened[Message]:
    if carried.binding is Binding.REDIRECT:
        return open_redirect(carried.raw, kind)
    raw = carried.raw.encode()
    return open_post(raw, kind) if carried.binding is Binding.POST else open_soap(raw, kind)


def _provider(services: Services, entity_id: str) -> Provider:
    service = services.by_entity(entity_id)
    if service is None or service.saml is None:
        raise UnknownProvider("no service provider of the register")
    return Provider(service, service.saml)
