"""Error pages: what a person reads when something is refused or broken, always with a trace number.

Three audiences: the page says what happened, whose fault it is not and what to do next; the log gets the cause under
the same trace number; nothing of the cause reaches the page.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from urllib.parse import urlencode

from flask import Response, current_app, g
from werkzeug.exceptions import HTTPException

from broker.domain.errors import (
    AlreadyUsed,
    BadPageRequest,
    HashingCrowded,
    LinkSuspended,
    LinkUndone,
    LoginExpired,
    PageNotFound,
    PreauError,
    SourceCrowded,
    SourceSuspended,
    StepUpNeeded,
    TooManyRequests,
    UnexpectedFault,
    UnknownPerson,
    UpstreamRefused,
    UpstreamUnavailable,
)
from broker.federation import local_path
from broker.web.fault_notes import EXTENSION, FaultNotes
from broker.web.forms import seal_notice
from broker.web.render import page, see_other
from broker.web.visitor import NotSignedIn, current_visitor

log = logging.getLogger(__name__)

START = "/connexion"
STEP_UP = "/connexion?but=acces"
NOTICE_FIELDS = ("c", "n", "r")
"""What the address of a notice holds beside its seal: code, trace number, way back."""

_RESTARTS = (
    LoginExpired, AlreadyUsed, UpstreamRefused, UpstreamUnavailable, LinkUndone, LinkSuspended, SourceSuspended,
    SourceCrowded, HashingCrowded, UnknownPerson,
)  # fmt: skip
"""After these the way on is another sign-in, not the portal."""

_HTTP_STATUSES: Mapping[int, type[PreauError]] = {404: PageNotFound, 405: BadPageRequest, 413: BadPageRequest}


def record_fault(fault: PreauError) -> None:
    """Write the cause to the log and keep it for whoever helps, under the trace number that the person reads."""
    kind = type(fault)
    details = {"trace": current_visitor().trace, "code": kind.code, "cause": fault.cause}
    log.log(kind.level, "request refused", extra=details)
    notes: FaultNotes = current_app.extensions[EXTENSION]
    notes.note(fault)


def fault_page(kind: type[PreauError], *, trace: str, restart: str = "", status: int = 0) -> Response:
    """The page of one kind of error: made of the kind, the trace number and the way on, the same for everybody."""
    g.is_fault = True
    template = "unknown_person.html" if kind is UnknownPerson else "fault.html"
    again = issubclass(kind, (*_RESTARTS, StepUpNeeded))
    usual = STEP_UP if kind is StepUpNeeded else START if again else "/"
    way_on = restart or usual
    answer = page(
        template, status=status or kind.status, fault=kind, trace=trace, way_on=local_path(way_on), again=again
    )
    if issubclass(kind, HashingCrowded):
        answer.retry_after = kind.retry_after
    return answer


def notice_redirect(fault: PreauError, *, key: bytes) -> Response:
    """Lead this browser to the page of an error, away from an address that holds a code or ticket."""
    record_fault(fault)
    visitor = current_visitor()
    told = (type(fault).code, visitor.trace, fault.restart)
    seal = seal_notice(key, told, browser=visitor.browser)
    return see_other("/avis?" + urlencode({**dict(zip(NOTICE_FIELDS, told, strict=True)), "s": seal}))


def show_fault(fault: PreauError) -> Response:
    """Answer with the error's page."""
    record_fault(fault)
    response = fault_page(type(fault), trace=current_visitor().trace, restart=fault.restart)
    if isinstance(fault, TooManyRequests):
        response.retry_after = fault.retry_after
    return response


def show_sign_in(_: NotSignedIn) -> Response:
    """Lead whoever is not signed in to the sign-in page."""
    return see_other(START)


def show_http_fault(fault: HTTPException) -> Response:
    """Answer for what the framework refused, in our words and with its status."""
    status = fault.code or 500
    kind = _HTTP_STATUSES.get(status, BadPageRequest if status < 500 else UnexpectedFault)  # noqa: PLR2004
    record_fault(kind(f"HTTP {status}"))
    response = fault_page(kind, trace=current_visitor().trace, status=status)
    response.headers.update({name: value for name, value in fault.get_headers() if name == "Allow"})
    return response


def show_unexpected(fault: Exception) -> Response:
    """Answer for a fault of ours: the log gets everything, the page nothing but the trace number."""
    trace = current_visitor().trace
    log.error("unexpected fault", exc_info=fault, extra={"trace": trace, "code": UnexpectedFault.code})
    return fault_page(UnexpectedFault, trace=trace)
