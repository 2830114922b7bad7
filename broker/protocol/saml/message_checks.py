"""What every message of a provider must satisfy, be it for a login or a logout; each endpoint adds its own."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from broker.domain.errors import InvalidSamlMessage, ServiceSuspended, UnknownProvider
from broker.protocol.saml.messages import Received
from broker.protocol.saml.provider import MESSAGE_LIFE, SKEW
from broker.wire.saml.received import Signature


class Dated(Protocol):
    """A request that says when it was made."""

    @property
    def issued_at(self) -> datetime:
        """When."""
        ...


class Arrived(Protocol):
    """A request that came, and when."""

    @property
    def received(self) -> Received[Any]:
        """As it was read, beside who sent it."""
        ...

    @property
    def request(self) -> Dated:
        """What was asked."""
        ...

    @property
    def now(self) -> datetime:
        """When it came."""
        ...


def check_service(arrived: Arrived) -> None:
    """The service is not suspended: it ends nothing, and nobody is sent to it, not even with a refusal."""
    if arrived.received.provider.service.is_suspended:
        raise ServiceSuspended("suspended by an administrator")


def check_current(arrived: Arrived) -> None:
    """Its metadata are still good (S-41): after their end nobody vouches for its addresses and keys."""
    if arrived.received.provider.declared.is_over(arrived.now):
        raise UnknownProvider("its metadata have ended")


def check_signature(arrived: Arrived) -> None:
    """A signature that is there holds (SDP-IDP04): whoever strips or bends one is not the provider."""
    if arrived.received.signature is Signature.BAD:
        raise InvalidSamlMessage("a signature that does not hold")


def check_age(arrived: Arrived) -> None:
    """It was made a moment ago: one that somebody kept starts nothing, and ends no later session."""
    if arrived.now - arrived.request.issued_at > MESSAGE_LIFE:
        raise InvalidSamlMessage("too old")


def check_time(arrived: Arrived) -> None:
    """It was not made in a time to come."""
    if arrived.request.issued_at - arrived.now > SKEW:
        raise InvalidSamlMessage("made in the future")
