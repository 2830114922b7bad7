"""Every check of a logout request has a request that only it stops, and passes once that one fault is gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from broker.domain.identity import AuthnContext
from broker.domain.services import SelfRegistered, Service, ServiceState
from broker.domain.sessions import Device, Session
from broker.protocol.oidc import end_session_checks as checks
from broker.protocol.oidc.end_session_checks import (
    RETURN_CHECKS,
    SENDER_CHECKS,
    SESSION_CHECKS,
    LogoutCheck,
    LogoutRequest,
    NotProven,
    passes,
)
from broker.protocol.oidc.id_token import sid_for
from broker.protocol.oidc.provider import Client
from broker.wire.jose import SignedClaims
from tests.builders import NOW
from tests.logouts import GOODBYE, listening

ALL = (*SENDER_CHECKS, *SESSION_CHECKS, *RETURN_CHECKS)
SESSION = Session(
    "sid_2", "h", "prs_1", "acc_1", AuthnContext("low", (), NOW, "ent1"), Device.SHARED, NOW,
    NOW + timedelta(hours=1), NOW + timedelta(hours=1), continues="sid_1",
)  # fmt: skip
HINT = SignedClaims({"aud": "cantine", "sub": "s", "sid": sid_for("cantine", sid="sid_1")})
VALUES = {"post_logout_redirect_uri": GOODBYE, "client_id": "cantine", "state": "s"}


def client(service: Service) -> Client:
    return Client(service, service.parties[0])


GOOD = LogoutRequest(VALUES, HINT, client(listening("cantine")), SESSION)


def values(**changes: str) -> dict[str, Any]:
    return {"values": {**VALUES, **changes}}


VECTORS: tuple[tuple[LogoutCheck, dict[str, Any]], ...] = (
    (checks.check_client_id, values(client_id="bourses")),
    (checks.check_service, {"client": client(replace(listening("cantine"), state=ServiceState.SUSPENDED))}),
    (checks.check_session, {"session": replace(SESSION, continues="")}),
    (checks.check_session, {"session": None}),
    (checks.check_session, {"hint": SignedClaims({**HINT, "sid": sid_for("bourses", sid="sid_1")})}),
    (checks.check_session, {"hint": SignedClaims({**HINT, "sid": "sid_1"})}),
    (checks.check_session, {"hint": SignedClaims({"aud": "cantine", "sub": "s"})}),
    (checks.check_return_uri, values(post_logout_redirect_uri=GOODBYE + "/")),
    (checks.check_return_uri, values(post_logout_redirect_uri=GOODBYE + "?a=b")),
    (checks.check_return_uri, values(post_logout_redirect_uri="https://cantine.example/retour")),
    (checks.check_return_uri, values(post_logout_redirect_uri="")),
    (checks.check_state, values(state="x" * 4097)),
)


def test_a_good_request_passes_every_check() -> None:
    assert all(passes((check,), GOOD) for check in ALL)
    assert passes(SENDER_CHECKS, replace(GOOD, values={})), "client_id may be left out"


@pytest.mark.parametrize(("check", "changes"), VECTORS)
def test_a_request_is_stopped_by_that_check_alone(check: LogoutCheck, changes: dict[str, Any]) -> None:
    request = replace(GOOD, **changes)
    with pytest.raises(NotProven):
        check(request)
    assert [each for each in ALL if not passes((each,), request)] == [check]


def test_without_a_hint_nothing_of_it_is_believed() -> None:
    """What stands on the hint falls with it: these vectors are stopped by several checks."""
    bare = replace(GOOD, hint=None, client=None)
    assert [each for each in ALL if not passes((each,), bare)] == [
        checks.check_hint, checks.check_client, checks.check_client_id, checks.check_service, checks.check_session,
        checks.check_return_uri,
    ]  # fmt: skip
    gone = replace(GOOD, client=None, values={"state": "s"})
    assert not passes((checks.check_client,), gone)


def test_nobody_is_led_to_a_client_that_registered_itself_without_a_session_to_end() -> None:
    registered = replace(listening("cantine"), registered=SelfRegistered("cantine.example", NOW))
    request = replace(GOOD, client=client(registered), session=None)
    assert [each for each in ALL if not passes((each,), request)] == [checks.check_session, checks.check_stranger]
    assert all(passes((check,), replace(request, session=SESSION)) for check in ALL)


def test_every_check_has_a_vector() -> None:
    stopped_with_others = {checks.check_hint, checks.check_client, checks.check_stranger}
    assert {check for check, _ in VECTORS} | stopped_with_others == set(ALL)
