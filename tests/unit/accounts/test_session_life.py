"""Sessions end when the table of numbers says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.accounts.session_copy import decode_session, encode_session
from broker.accounts.session_life import (
    TOUCH_EVERY,
    SessionLife,
    first_limits,
    is_fresh,
    life_of,
    next_idle,
    offline_of,
)
from broker.domain.identity import AuthnContext
from broker.domain.people import RecordKind, Space
from broker.domain.sessions import Device, Offline, Session
from policies import load

NOW = datetime(2026, 9, 1, 8, tzinfo=UTC)
LIMITS = load().sessions
G, P, S = RecordKind.GUARDIAN, RecordKind.PUPIL, RecordKind.STAFF


def session(**changes: object) -> Session:
    fields: dict[str, object] = {
        "sid": "sid_1",
        "handle_digest": "d1",
        "person_id": "prs_1",
        "account_id": "acc_1",
        "authn": AuthnContext("low", ("pwd", "origin:ECT"), NOW, "educonnect"),
        "device": Device.SHARED,
        "opened_at": NOW,
        "idle_until": NOW + timedelta(minutes=20),
        "ends_at": NOW + timedelta(hours=12),
    }
    return Session(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("device", "kinds", "idle", "absolute"),
    [
        (Device.SHARED, {G}, timedelta(minutes=20), timedelta(hours=12)),
        (Device.SHARED, {P}, timedelta(minutes=20), timedelta(hours=8)),
        (Device.SHARED, set(), timedelta(minutes=20), timedelta(hours=12)),
        (Device.OWN, {G}, None, timedelta(days=30)),
        (Device.OWN, {P}, None, timedelta(days=30)),
        (Device.SHARED, {S}, timedelta(minutes=15), timedelta(hours=8)),
        (Device.OWN, {S}, timedelta(minutes=15), timedelta(hours=8)),
        (Device.OWN, {S, G}, timedelta(minutes=15), timedelta(hours=8)),
    ],
)
def test_the_strictest_role_and_the_device_set_the_limits(
    device: Device, kinds: set[RecordKind], idle: timedelta | None, absolute: timedelta
) -> None:
    assert life_of(device, frozenset(kinds), LIMITS) == SessionLife(idle, absolute)


def test_a_session_without_idle_limit_is_idle_only_at_its_end() -> None:
    assert first_limits(SessionLife(None, timedelta(days=30)), now=NOW) == (NOW + timedelta(days=30),) * 2


def test_an_idle_limit_never_passes_the_absolute_one() -> None:
    life = SessionLife(timedelta(hours=20), timedelta(hours=12))
    assert first_limits(life, now=NOW) == (NOW + timedelta(hours=12),) * 2


@given(st.integers(0, 13 * 3600))
def test_a_touch_moves_forward_by_a_minute_at_least_and_never_past_the_end(seconds: int) -> None:
    life = SessionLife(timedelta(minutes=20), timedelta(hours=12))
    moved = next_idle(session(), life, now=NOW + timedelta(seconds=seconds))
    if moved is None:
        assert seconds < TOUCH_EVERY.total_seconds()
    else:
        assert session().idle_until + TOUCH_EVERY <= moved <= session().ends_at


def test_a_role_that_became_stricter_never_moves_a_limit_back() -> None:
    assert next_idle(session(), SessionLife(timedelta(minutes=15), timedelta(hours=8)), now=NOW) is None


@pytest.mark.parametrize(("seconds", "fresh"), [(0, True), (300, True), (301, False)])
def test_a_proof_is_fresh_for_five_minutes(seconds: int, fresh: bool) -> None:
    assert is_fresh(session(), within=LIMITS.step_up, now=NOW + timedelta(seconds=seconds)) is fresh


def test_a_login_of_unknown_age_is_never_fresh() -> None:
    unknown = session(authn=replace(session().authn, proven=False))
    assert not is_fresh(unknown, within=LIMITS.step_up, now=NOW)


@pytest.mark.parametrize("proven", [True, False])
def test_a_copy_reads_back_as_the_session_it_was(proven: bool) -> None:
    kept = session(authn=replace(session().authn, proven=proven))
    assert decode_session(encode_session(kept), handle_digest="d1") == kept


@pytest.mark.parametrize(
    "copy",
    [
        None,
        b"",
        b"nonsense",
        b"[]",
        b"{}",
        b'{"kind": "Interaction"}',
        encode_session(session(handle_digest="d2")),
        encode_session(session()).replace(b"+00:00", b""),
        encode_session(session()).replace(b"shared", b"stolen"),
        encode_session(session()).replace(b"session/2", b"session/0"),
    ],
)
def test_a_copy_of_anything_else_counts_as_absent(copy: bytes | None) -> None:
    """A store that mixes up replies must not sign one person in as another."""
    assert decode_session(copy, handle_digest="d1") is None


@pytest.mark.parametrize(
    ("device", "kinds", "space", "idle"),
    [
        (Device.OWN, {G}, Space.FAMILY, timedelta(hours=12)),
        (Device.OWN, {P}, Space.FAMILY, timedelta(hours=12)),
        (Device.OWN, {S}, Space.STAFF, timedelta(hours=8)),
        (Device.OWN, {G, S}, Space.FAMILY, timedelta(hours=8)),
        (Device.SHARED, {S}, Space.STAFF, timedelta(hours=8)),
        (Device.SHARED, {G, S}, Space.FAMILY, None),
        (Device.SHARED, {G}, Space.STAFF, None),
        (Device.SHARED, {G}, Space.FAMILY, None),
        (Device.SHARED, {P}, Space.FAMILY, None),
    ],
)
def test_a_service_renews_by_itself_on_an_own_device_or_for_staff(
    device: Device, kinds: set[RecordKind], space: Space, idle: timedelta | None
) -> None:
    found = offline_of(device, frozenset(kinds), space, LIMITS, now=NOW)
    assert found == (Offline(idle, NOW + timedelta(days=30)) if idle else None)
