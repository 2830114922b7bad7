"""Is a session a good enough answer? Every combination that matters, as a table (OIDC Core §3.1.2.1)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from broker.domain.errors import LoginRequired
from broker.domain.identity import AuthnContext
from broker.domain.sessions import Device, Session
from broker.protocol.oidc.freshness import Verdict, judge_session
from broker.protocol.oidc.requests import find_client, read_request
from broker.services.register import Register
from broker.wire.http import Form
from tests.builders import NOW
from tests.oidc_stand import SERVICES, authorization

YEAR = timedelta(days=365)
REFUSED = "refused"


def session(*, age: int = 0, opened_ago: int | None = None, proven: bool = True) -> Session:
    """A session whose proof is `age` seconds old, opened `opened_ago` seconds ago (as long, when not said)."""
    authn = AuthnContext("low", (), NOW - timedelta(seconds=age), "ent1", proven)
    opened = NOW - timedelta(seconds=age if opened_ago is None else opened_ago)
    return Session("sid_1", "d", "prs_1", "acc_1", authn, Device.SHARED, opened, NOW + YEAR, NOW + YEAR)


def step(found: Session | None, *, began_ago: int | None = None, **changes: str) -> str:
    request = read_request(find_client(Register(SERVICES), Form(authorization(**changes))))
    started = None if began_ago is None else NOW - timedelta(seconds=began_ago)
    try:
        return judge_session(request, found, now=NOW, started=started)
    except LoginRequired:
        return REFUSED


@pytest.mark.parametrize(
    ("found", "asked", "began_ago", "expected"),
    [
        (None, {}, None, Verdict.LOGIN),
        (None, {"prompt": "none"}, None, REFUSED),
        (None, {}, 30, Verdict.LOGIN),
        (session(age=9999), {}, None, Verdict.ANSWER),
        (session(age=9999), {"prompt": "none"}, None, Verdict.ANSWER),
        (session(age=9999), {"prompt": "consent"}, None, Verdict.ANSWER),
        (session(), {"prompt": "login"}, None, Verdict.LOGIN),
        (session(), {"prompt": "select_account"}, None, Verdict.LOGIN),
        (session(), {"prompt": "login consent"}, None, Verdict.LOGIN),
        (session(age=61), {"max_age": "60"}, None, Verdict.LOGIN),
        (session(age=60), {"max_age": "60"}, None, Verdict.ANSWER),
        (session(age=61), {"max_age": "60", "prompt": "none"}, None, REFUSED),
        (session(age=1), {"max_age": "0"}, None, Verdict.LOGIN),
        # after the login that the request began
        (session(age=10), {"prompt": "login"}, 30, Verdict.ANSWER),
        (session(age=10), {"max_age": "0"}, 30, Verdict.ANSWER),
        (session(age=10), {"prompt": "select_account"}, 30, Verdict.ANSWER),
        (session(age=30), {"prompt": "login"}, 30, Verdict.ANSWER),
        # an old session was there already and nobody logged in: ask again
        (session(age=31), {"prompt": "login"}, 30, Verdict.LOGIN),
        (session(age=9999), {"max_age": "60"}, 30, Verdict.LOGIN),
        # a login since then whose proof is older is no fresh proof, and asking again would not help
        (session(age=30, opened_ago=10), {"prompt": "login"}, 30, Verdict.ANSWER),
        (session(age=31, opened_ago=10), {"prompt": "login"}, 30, REFUSED),
        (session(age=9999, opened_ago=10), {"max_age": "60"}, 30, REFUSED),
        (session(age=9999, opened_ago=10), {}, 30, Verdict.ANSWER),
        # a login whose age is not known is fresh for nobody
        (session(proven=False), {}, None, Verdict.ANSWER),
        (session(proven=False), {"max_age": "60"}, None, Verdict.LOGIN),
        (session(proven=False), {"max_age": "60", "prompt": "none"}, None, REFUSED),
        (session(age=10, proven=False), {"prompt": "login"}, 30, REFUSED),
        (session(age=10, proven=False), {"max_age": "0"}, 30, REFUSED),
    ],
)  # fmt: skip
def test_what_the_session_means(
    found: Session | None, asked: dict[str, str], began_ago: int | None, expected: str
) -> None:
    assert step(found, began_ago=began_ago, **asked) == expected


def test_a_session_of_the_future_is_not_fresher_than_the_present() -> None:
    ahead = replace(session(), authn=AuthnContext("low", (), NOW + timedelta(seconds=5), "ent1"))
    assert step(ahead, max_age="1") is Verdict.ANSWER
    assert step(ahead, prompt="login") is Verdict.LOGIN
