"""What a logout request must satisfy, one check a rule, in the order in which they run.

`LOGOUT_CHECKS` decide whether it is the provider's own, now, for us: without that nothing of it is used.
`SESSION_CHECKS` decide whether a session is one that it names: ending anybody else's would be a way to annoy a school.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from broker.domain.errors import InvalidSamlMessage
from broker.domain.sessions import Session
from broker.protocol.oidc.id_token import names_visit
from broker.protocol.saml.message_checks import check_age, check_current, check_service, check_signature, check_time
from broker.protocol.saml.messages import Received
from broker.protocol.saml.provider import SKEW
from broker.wire.saml.received import Signature
from broker.wire.saml.requests import LogoutRequest


@dataclass(frozen=True, slots=True)
class LogoutSubmission:
    """A request, at which address of ours it came, by what name we sign, and when."""

    received: Received[LogoutRequest]
    address: str
    issuer: str
    now: datetime

    @property
    def request(self) -> LogoutRequest:
        """What was asked."""
        return self.received.message


@dataclass(frozen=True, slots=True)
class Candidate:
    """A session that may be meant. `told`: those in which this provider was told the name of the request."""

    submission: LogoutSubmission
    session: Session
    told: tuple[Session, ...]


LogoutCheck = Callable[[LogoutSubmission], None]
SessionCheck = Callable[[Candidate], bool]


def check_signed(submission: LogoutSubmission) -> None:
    """It is signed, whatever the metadata says of requests: anybody could write one (SDP-IDP26)."""
    if submission.received.signature is Signature.ABSENT:
        raise InvalidSamlMessage("a logout that nobody signed")


def check_destination(submission: LogoutSubmission) -> None:
    """It was sent to this address and says so; by SOAP it may leave that out, nothing carries it on (Bindings §3.2)."""
    stated = submission.request.destination
    optional = submission.received.binding.name == "SOAP"
    if stated != submission.address and not (optional and not stated):
        raise InvalidSamlMessage("sent to another address")


def check_until(submission: LogoutSubmission) -> None:
    """It still means something by its own words (Core §3.7.1)."""
    until = submission.request.until
    if until is not None and submission.now - until >= SKEW:
        raise InvalidSamlMessage("over by its own words")


def is_told(candidate: Candidate) -> bool:
    """The provider was told this name in a session of this visit: not another's, and not another provider's."""
    return any(each.visit == candidate.session.visit for each in candidate.told)


def is_indexed(candidate: Candidate) -> bool:
    """The index, where there is one, is that of this visit at this provider."""
    submission = candidate.submission
    client_id, stated = submission.received.provider.client_id, submission.request.session_indexes
    return not stated or any(names_visit(each, client_id, sid=candidate.session.visit) for each in stated)


def is_of_ours(candidate: Candidate) -> bool:
    """The name is ours, given to this provider: qualifiers, where there are any, say so (Core §8.3.7)."""
    submission, name = candidate.submission, candidate.submission.request.name_id
    theirs = submission.received.provider.declared.entity_id
    return name.qualifier in {"", submission.issuer} and name.sp_qualifier in {"", theirs}


LOGOUT_CHECKS: tuple[LogoutCheck, ...] = (
    check_service,
    check_current,
    check_signature,
    check_signed,
    check_destination,
    check_age,
    check_time,
    check_until,
)
SESSION_CHECKS: tuple[SessionCheck, ...] = (is_told, is_indexed, is_of_ours)
