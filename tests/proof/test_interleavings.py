"""Ten thousand walks of two and three people at one browser: no identity is ever crossed."""

from __future__ import annotations

from random import Random

import pytest

from tests.clock import FakeClock
from tests.interleavings import ACTS_A_WALK, open_household, walks
from tests.proof.evidence import Proof, prove

pytestmark = [pytest.mark.proof, pytest.mark.timeout(0)]

WALKS = 50

PROOF = Proof(
    name="interleavings",
    what=(
        f"Two (in one walk of three: three) people at one browser profile, a sign-in and then {ACTS_A_WALK} acts drawn "
        "from a seed: signing in over each other, three services that ask silently, anew, with a hint or for more "
        "proof, passwords typed by another than began, returns that come late or twice, waiting requests, the history, "
        "old forms, codes and refresh tokens redeemed late or twice, sign-out here and at a service, the computer left "
        "on. After every act the session, the pages, every code, token and userinfo answer is of who came in last, or "
        "nobody's; nothing of a session that was ended lives longer than its copies may"
    ),
    count=10_000,
    seed=20261130,
    covers=(
        "broker/federation",
        "broker/protocol/oidc",
        "broker/accounts/session_copy.py",
        "broker/accounts/session_life.py",
        "broker/storage/sql_grants.py",
        "broker/storage/sql_sessions.py",
        "broker/web/cookies.py",
        "broker/web/door.py",
        "broker/web/forms.py",
        "broker/web/sign_in.py",
        "broker/web/sign_out.py",
        "broker/web/visitor.py",
        "tests/interleavings.py",
    ),
)


def test_no_identity_is_crossed(sqlite_url: str) -> None:
    with open_household(sqlite_url, FakeClock()) as home:

        def batch(random: Random) -> int:
            assert walks(home, random, count=WALKS), "walks in which nothing happened cross nobody"
            return WALKS

        prove(PROOF, batch)
