"""Answer, log in first, or refuse: what the session at hand means for an authorization request. Pure."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from broker.domain.errors import LoginRequired, UnmetRequirements
from broker.domain.sessions import Session
from broker.federation.steps import answers
from broker.protocol.oidc.requests import AuthorizationRequest
from broker.wire import oauth


class Verdict(StrEnum):
    """What to do with a request."""

    ANSWER = "answer"
    LOGIN = "login"
    LOGIN_ANEW = "login_anew"


def judge_session(
    request: AuthorizationRequest, session: Session | None, *, now: datetime, started: datetime | None
) -> Verdict:
    """Decide whether to answer or to log in first. `started` is set once this request has begun a login.

    Raises `LoginRequired` where no page may be shown (`prompt=none`), and where the login that this request began
    came back without a fresh proof: asking again would turn in a circle (OIDC Core §3.1.2.1, §3.1.2.6). Raises
    `UnmetRequirements` where that login has not the `acr` without which it is worth nothing to the service (§5.5.1.1).
    """
    prompt, max_age = request.prompt, request.max_age
    is_new = session is not None and started is not None and session.opened_at >= started
    if session is not None and answers(session, prompt=prompt, max_age=max_age, started=started, now=now):
        if not request.claims.acr or session.authn.acr in request.claims.acr:
            return Verdict.ANSWER
        if is_new or oauth.NONE in prompt:
            raise UnmetRequirements("no login of this person has such an acr")
        return Verdict.LOGIN_ANEW
    if oauth.NONE in prompt:
        raise LoginRequired("nobody is signed in freshly enough")
    if is_new:
        raise LoginRequired("the source gave no fresh proof")
    return Verdict.LOGIN
