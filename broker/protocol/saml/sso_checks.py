"""What a request for a login must satisfy, one check a rule, in the order in which they run.

`TARGET_CHECKS` decide whether it is the provider's own, now, for us, and where an answer may be sent: what they refuse
is a page here. What `REQUEST_CHECKS` refuse is told to the provider as a status (SAML Core §3.4.1.4).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from broker.domain.errors import (
    InvalidSamlMessage,
    NameNotGiven,
    RedirectMismatch,
    UnmetRequirements,
)
from broker.domain.service_clients import Binding, Endpoint
from broker.protocol.saml.message_checks import check_age, check_current, check_service, check_signature, check_time
from broker.protocol.saml.messages import Received
from broker.protocol.saml.name_ids import chosen_format
from broker.protocol.saml.provider import IdentityProvider
from broker.wire.saml.received import Signature
from broker.wire.saml.requests import AuthnRequest


@dataclass(frozen=True, slots=True)
class Submission:
    """A request, who received it, when, and the levels that words of AuthnContext are known by."""

    received: Received[AuthnRequest]
    idp: IdentityProvider
    now: datetime
    knows_context: Callable[[str], bool]

    @property
    def request(self) -> AuthnRequest:
        """What was asked."""
        return self.received.message


SsoCheck = Callable[[Submission], None]


def check_signed(submission: Submission) -> None:
    """It is signed where the metadata or the descriptor says that requests are (SDP-IDP05)."""
    received = submission.received
    if received.provider.declared.wants_signed and received.signature is Signature.ABSENT:
        raise InvalidSamlMessage("requests of this provider are signed")


def check_destination(submission: Submission) -> None:
    """It was sent to this address, and says so where it is signed (Bindings §3.4.5.2, §3.5.5.2)."""
    stated, signed = submission.request.destination, submission.received.signature is not Signature.ABSENT
    if (stated or signed) and stated != submission.idp.addresses.sso:
        raise InvalidSamlMessage("sent to another address")


def check_acs_once(submission: Submission) -> None:
    """It names its address in one way: of two, each reader could take another (Core §3.4.1)."""
    if submission.request.acs_index is not None and (submission.request.acs_url or submission.request.binding):
        raise RedirectMismatch("an address and an index")


def check_acs(submission: Submission) -> None:
    """The address is one of the metadata, byte for byte (SDP-IDP06): an assertion is sent nowhere else."""
    acs_of(submission)


def check_binding(submission: Submission) -> None:
    """The answer goes by HTTP-POST: the only way in which an assertion leaves here."""
    if submission.request.binding not in {"", Binding.POST}:
        raise RedirectMismatch("an answer by another binding than HTTP-POST")


def check_name_format(submission: Submission) -> None:
    """The name it asks for is one that it is given."""
    chosen_format(submission.received.provider, submission.request.name_format)


def check_name_qualifier(submission: Submission) -> None:
    """It asks for a name of its own, not for one of another's or of a federation of them (Core §3.4.1.1)."""
    if submission.request.name_qualifier not in {"", submission.received.provider.declared.entity_id}:
        raise NameNotGiven("a name for somebody else")


def check_subject(submission: Submission) -> None:
    """Whoever it means is named in a way that we read; else anybody would be taken for them."""
    if submission.request.has_subject and submission.request.subject is None:
        raise NameNotGiven("a subject without a name that we read")


def check_context(submission: Submission) -> None:
    """Some proof that it asks for is one that we know the worth of."""
    asked = submission.request.contexts
    if asked and not any(map(submission.knows_context, asked)):
        raise UnmetRequirements("no AuthnContext that we know")


TARGET_CHECKS: tuple[SsoCheck, ...] = (
    check_service,
    check_current,
    check_signature,
    check_signed,
    check_destination,
    check_age,
    check_time,
    check_acs_once,
    check_acs,
    check_binding,
)
REQUEST_CHECKS: tuple[SsoCheck, ...] = (
    check_name_format,
    check_name_qualifier,
    check_subject,
    check_context,
)


def acs_of(submission: Submission) -> Endpoint:
    """Where the answer goes. Raises `RedirectMismatch`."""
    declared, request = submission.received.provider.declared, submission.request
    if not request.acs_url and request.acs_index is None:
        return declared.default_acs
    for endpoint in declared.acs:
        if request.acs_url == endpoint.location or (not request.acs_url and request.acs_index == endpoint.index):
            return endpoint
    raise RedirectMismatch("not an address of the metadata")
