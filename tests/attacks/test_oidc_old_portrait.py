"""A person's rights end while a process still remembers them: no code, no token, no claim by what is remembered."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import update

from broker.domain.sessions import Device
from broker.storage.schema import guardianships
from tests.oidc_stand import Browser, Stand, authorize_url, basic, get_code, open_stand, redemption, service

pytestmark = pytest.mark.services

OFFLINE = "openid profile school children offline_access"


@pytest.fixture
def stand(postgres_url: str) -> Iterator[Stand]:
    with open_stand(postgres_url, services=(service(more_scopes=("offline_access",)),)) as opened:
        yield opened


@pytest.fixture
def browser(stand: Stand) -> Browser:
    """A mother who was here a moment ago: this process remembers her, and issues a code in one statement."""
    known = stand.sign_in(device=Device.OWN)
    assert get_code(stand, known)
    assert get_code(stand, known)
    return known


def lose_every_right(stand: Stand) -> None:
    with stand.engine.begin() as conn:
        conn.execute(update(guardianships).values(until=stand.clock()))


def test_whoever_lost_every_right_gets_no_code(stand: Stand, browser: Browser) -> None:
    lose_every_right(stand)
    answer = stand.call("GET", authorize_url(), browser=browser)
    assert answer.told["error"] == "access_denied"
    assert "code" not in answer.told


def test_whoever_lost_every_right_renews_nothing(stand: Stand, browser: Browser) -> None:
    code = get_code(stand, browser, scope=OFFLINE)
    token = stand.call("POST", "/token", headers=basic(), form=redemption(code)).json["refresh_token"]
    lose_every_right(stand)
    form = {"grant_type": "refresh_token", "refresh_token": token}
    answer = stand.call("POST", "/token", headers=basic(), form=form)
    assert (answer.status, answer.json["error"]) == (400, "invalid_grant")


def test_userinfo_tells_of_no_child_whose_right_ended(stand: Stand, browser: Browser) -> None:
    code = get_code(stand, browser)
    token = stand.call("POST", "/token", headers=basic(), form=redemption(code)).json["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    told = [stand.call("GET", "/userinfo", headers=bearer).json for _ in range(2)]
    assert [len(each["children"]) for each in told] == [2, 2]
    lose_every_right(stand)
    assert "children" not in stand.call("GET", "/userinfo", headers=bearer).json


def test_a_revoked_token_tells_nothing_from_its_very_revocation(stand: Stand, browser: Browser) -> None:
    """No copy of a token is kept anywhere: there is nothing that could outlive its row."""
    code = get_code(stand, browser)
    token = stand.call("POST", "/token", headers=basic(), form=redemption(code)).json["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert stand.call("GET", "/userinfo", headers=bearer).status == 200
    stand.call("POST", "/revoke", headers=basic(), form={"token": token})
    assert stand.call("GET", "/userinfo", headers=bearer).status == 401
