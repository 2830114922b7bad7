"""Is this session a good enough answer to this request? Pure: a request, a session and instants in, a step out."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from broker.domain.errors import LoginRequired
from broker.domain.sessions import Session
from broker.protocol.oidc.requests import AuthorizationRequest
from broker.wire import oauth

CLOCK_SKEW = timedelta(seconds=60)
"""How far a source's clock may be behind ours when its `auth_time` is compared with the start of a login."""

_ASK_AGAIN = frozenset({oauth.LOGIN, oauth.SELECT_ACCOUNT})


class Step(StrEnum):
    """What comes next."""

    ANSWER = "answer"
    LOGIN = "login"


def next_step(
    request: AuthorizationRequest, session: Session | None, *, now: datetime, started: datetime | None
) -> Step:
    """Decide whether to answer or to log in first. `started` is set once this request has begun a login.

    Raises `LoginRequired` where no page may be shown (`prompt=none`), and where the login that this request began
    came back without a fresh proof: asking again would turn in a circle (OIDC Core §3.1.2.1, §3.1.2.6).
    """
    if session is not None and _satisfies(request, session, now=now, started=started):
        return Step.ANSWER
    if oauth.NONE in request.prompt:
        raise LoginRequired("nobody is signed in freshly enough")
    if session is not None and started is not None and session.opened_at >= started:
        raise LoginRequired("the source gave no fresh proof")
    return Step.LOGIN


def _satisfies(request: AuthorizationRequest, session: Session, *, now: datetime, started: datetime | None) -> bool:
    authenticated = session.authn.auth_time
    if started is not None and session.opened_at >= started and authenticated >= started - CLOCK_SKEW:
        return True
    if request.prompt & _ASK_AGAIN:
        return False
    return request.max_age is None or now - authenticated <= timedelta(seconds=request.max_age)
