"""What must hold of a verified assertion before it is anybody's login here (SAML Profiles §4.1.4.3).

Each check is one function of one tuple, so that a test can take it out and see which attack comes in.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from broker.domain.errors import AnswerTooOld
from broker.wire.saml import Refusal, SamlRefused
from broker.wire.saml.statements import AuthnStatement, Confirmation, Statements

CLOCK_SKEW = timedelta(minutes=3)
"""How far a provider's clock may be from ours, either way (SDP-G01)."""
OLDEST = timedelta(minutes=10)
"""An answer older than this was left lying about."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the answer to this question must say."""

    provider: str
    audience: str
    acs: str
    request_id: str
    now: datetime


Check = Callable[[Statements, Expected], None]


def check_issuer(said: Statements, wanted: Expected) -> None:
    """The provider that was asked, in the assertion and round it; another one may share its keys."""
    if said.issuer != wanted.provider or said.envelope.issuer not in {"", wanted.provider}:
        raise SamlRefused(Refusal.ISSUER)


def check_destination(said: Statements, wanted: Expected) -> None:
    """The response was made for this address of ours (SAML Bindings §3.5.5.2)."""
    if said.envelope.destination != wanted.acs:
        raise SamlRefused(Refusal.DESTINATION)


def check_reply(said: Statements, wanted: Expected) -> None:
    """It answers the question that this browser took along: no other one's, and no question at all is refused too."""
    if not hmac.compare_digest(said.envelope.in_response_to.encode(), wanted.request_id.encode()):
        raise SamlRefused(Refusal.IN_RESPONSE_TO)


def check_issued(said: Statements, wanted: Expected) -> None:
    """Made a moment ago. Raises `AnswerTooOld` where a person only has to begin again."""
    for issued in (said.issued, said.envelope.issued):
        if issued > wanted.now + CLOCK_SKEW:
            raise SamlRefused(Refusal.TIME, "issued in the future")
        if issued < wanted.now - OLDEST:
            raise AnswerTooOld("a response of more than ten minutes")


def check_confirmation(said: Statements, wanted: Expected) -> None:  # noqa: ARG001 - part of the seam
    """Exactly one bearer confirmation: with two, readers differ in which one they hold to."""
    if len(said.confirmations) != 1:
        raise SamlRefused(Refusal.CONFIRMATION)


def check_recipient(said: Statements, wanted: Expected) -> None:
    """The assertion may be used at this address of ours."""
    if _bearer(said).recipient != wanted.acs:
        raise SamlRefused(Refusal.RECIPIENT)


def check_confirmed_reply(said: Statements, wanted: Expected) -> None:
    """The assertion itself names the question: the response round it may not have been signed."""
    if not hmac.compare_digest(_bearer(said).in_response_to.encode(), wanted.request_id.encode()):
        raise SamlRefused(Refusal.IN_RESPONSE_TO)


def check_confirmation_time(said: Statements, wanted: Expected) -> None:
    """It may be used until then, and from now on: a bearer confirmation has an end and no beginning."""
    end = _bearer(said).not_on_or_after
    if _bearer(said).not_before is not None or end is None or wanted.now - CLOCK_SKEW >= end:
        raise SamlRefused(Refusal.TIME, "confirmation")


def check_audience(said: Statements, wanted: Expected) -> None:
    """Made for us. No restriction at all is refused: such an assertion would be good everywhere."""
    if not said.audiences or not all(wanted.audience in each for each in said.audiences):
        raise SamlRefused(Refusal.AUDIENCE)


def check_begun(said: Statements, wanted: Expected) -> None:
    """Good already."""
    if said.not_before is not None and wanted.now + CLOCK_SKEW < said.not_before:
        raise SamlRefused(Refusal.TIME, "not yet")


def check_not_over(said: Statements, wanted: Expected) -> None:
    """Still good."""
    if said.not_on_or_after is not None and wanted.now - CLOCK_SKEW >= said.not_on_or_after:
        raise SamlRefused(Refusal.TIME, "over")


def check_authn(said: Statements, wanted: Expected) -> None:  # noqa: ARG001 - part of the seam
    """One statement that somebody proved who they are: attributes alone are no login."""
    if len(said.authn) != 1:
        raise SamlRefused(Refusal.AUTHN)


def check_authn_time(said: Statements, wanted: Expected) -> None:
    """The proof was made in the past: a time to come would stay fresh for as long."""
    if _proof(said).instant > wanted.now + CLOCK_SKEW:
        raise SamlRefused(Refusal.TIME, "proof in the future")


def check_session_end(said: Statements, wanted: Expected) -> None:
    """The provider's own session is not over."""
    end = _proof(said).session_ends
    if end is not None and wanted.now - CLOCK_SKEW >= end:
        raise SamlRefused(Refusal.TIME, "session over")


ACCEPTANCE_CHECKS: tuple[Check, ...] = (
    check_issuer,
    check_destination,
    check_reply,
    check_issued,
    check_confirmation,
    check_recipient,
    check_confirmed_reply,
    check_confirmation_time,
    check_audience,
    check_begun,
    check_not_over,
    check_authn,
    check_authn_time,
    check_session_end,
)


def _bearer(said: Statements) -> Confirmation:
    """The first confirmation, of which `check_confirmation` lets there be no second."""
    if not said.confirmations:
        raise SamlRefused(Refusal.CONFIRMATION)
    return said.confirmations[0]


def _proof(said: Statements) -> AuthnStatement:
    """The first proof, of which `check_authn` lets there be no second."""
    if not said.authn:
        raise SamlRefused(Refusal.AUTHN)
    return said.authn[0]
