"""What a process has in mind of a session: two seconds, never beyond the session's own end, and within its bound."""

from __future__ import annotations

from datetime import timedelta

from broker.accounts.seen_sessions import LONGEST, SeenSessions
from broker.domain.identity import AuthnContext
from broker.domain.sessions import Device, Session
from tests.builders import NOW

MOMENT = timedelta(milliseconds=1)


def session(handle_digest: str = "a", *, left: timedelta = timedelta(minutes=20)) -> Session:
    authn = AuthnContext("low", ("pwd",), NOW, "ent1")
    return Session(
        "sid_1", handle_digest, "prs_1", "acc_1", authn, Device.SHARED, NOW, NOW + left, NOW + timedelta(hours=8)
    )


def test_a_session_is_known_for_two_seconds_and_seeing_it_again_adds_nothing() -> None:
    seen, known = SeenSessions(), session()
    seen.keep(known, now=NOW)
    assert seen.find("a", now=NOW + LONGEST - MOMENT) is known
    assert seen.find("a", now=NOW + LONGEST) is None
    assert timedelta(seconds=2) == LONGEST


def test_a_session_that_ends_sooner_is_known_until_its_end() -> None:
    seen = SeenSessions()
    seen.keep(session(left=timedelta(seconds=1)), now=NOW)
    assert seen.find("a", now=NOW + timedelta(seconds=1) - MOMENT)
    assert seen.find("a", now=NOW + timedelta(seconds=1)) is None


def test_another_handle_is_another_session_and_the_oldest_goes() -> None:
    seen = SeenSessions(most=1)
    seen.keep(session("a"), now=NOW)
    assert seen.find("b", now=NOW) is None
    seen.keep(session("b"), now=NOW)
    assert seen.find("b", now=NOW)
    assert seen.find("a", now=NOW) is None
