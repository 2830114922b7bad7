"""Two or three people at one browser in any order: nothing of one is ever another's, and the walk would see it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

import pytest

from broker.federation.live_sessions import LiveSessions
from broker.protocol.oidc import authorize, end_session
from broker.storage import sql_sessions
from broker.web import forms, pages
from tests.clock import FakeClock
from tests.interleavings import Act, Household, Walk, open_household, walks

WALKS = 80
UNTIL_SEEN = 100
HAPPENS = (
    "came in", "after somebody else", "codes", "tokens", "told", "refused", "signed out", "ended by a service",
    "pages of somebody",
)  # fmt: skip


@pytest.fixture
def home(sqlite_url: str, clock: FakeClock) -> Iterator[Household]:
    with open_household(sqlite_url, clock) as opened:
        yield opened


def test_nothing_of_one_is_ever_anothers(home: Household) -> None:
    tally = walks(home, Random(1), count=WALKS)
    assert [what for what in HAPPENS if not tally[what]] == []


def _hints_mean_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(authorize, "names_another", lambda *_: False)


def _forms_of_any_session(patch: pytest.MonkeyPatch) -> None:
    token = forms.form_token
    for module in (forms, pages):
        patch.setattr(module, "form_token", lambda key, *, browser, session: token(key, browser=browser, session=""))


def _any_hint_ends_the_session(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(end_session, "passes", lambda _checks, _request: True)


def _one_copy_for_all(patch: pytest.MonkeyPatch) -> None:
    """The class of CVE-2023-28858: whoever asks is answered what somebody else's request was, and nobody looks."""

    def last(self: LiveSessions, asked: str) -> bytes | None:
        copy = self.store.get("copy")
        return json.dumps({**json.loads(copy), "handle": asked}).encode() if copy else None

    patch.setattr(LiveSessions, "_copy", last)
    patch.setattr("broker.federation.live_sessions.copy_key", lambda _digest: "copy")


def _the_first_session_goes_on(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sql_sessions, "_revoke", lambda *_args, **_more: [])


SLIPS: tuple[tuple[Callable[[pytest.MonkeyPatch], None], tuple[Act, ...]], ...] = (
    (_hints_mean_nothing, (Walk.sign_in, Walk.ask_service, Walk.redeem)),
    (_forms_of_any_session, (Walk.sign_in, Walk.sign_out, Walk.send_again)),
    (_any_hint_ends_the_session, (Walk.sign_in, Walk.ask_service, Walk.redeem, Walk.sign_out_at_service)),
    (_one_copy_for_all, (Walk.sign_in, Walk.sign_out, Walk.go_back)),
    (_the_first_session_goes_on, (Walk.sign_in, Walk.wait)),
)
"""What is broken, and the acts that meet it soonest."""


@pytest.mark.parametrize(("slip", "acts"), SLIPS, ids=lambda value: getattr(value, "__name__", "").strip("_"))
def test_a_walk_sees_what_it_is_there_to_see(
    home: Household, monkeypatch: pytest.MonkeyPatch, slip: Any, acts: Sequence[Act]
) -> None:
    slip(monkeypatch)
    with pytest.raises(AssertionError):
        walks(home, Random(1), count=UNTIL_SEEN, acts=acts)
