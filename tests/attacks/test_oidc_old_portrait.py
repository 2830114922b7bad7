"""A person's rights end while a process still remembers them: no code, no token, no claim by what is remembered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import update

from broker.domain.people import Profil
from broker.domain.services import Resource, Service
from broker.domain.sessions import Device
from broker.services.register import Register
from broker.storage.schema import guardianships
from tests.contract.statements import statements
from tests.oidc_stand import Browser, Stand, authorize_url, basic, get_code, open_stand, redemption, service

pytestmark = pytest.mark.services

OFFLINE = "openid profile school children offline_access"
MENUS = "https://menus.example/api"
CANTINE = service(more_scopes=("offline_access",))


def menus(**changes: Any) -> Service:
    """A service whose API the canteen may ask for."""
    return service(
        "menus", resources=(Resource(MENUS, "menus", frozenset({"cantine"}), frozenset({"openid"})),), **changes
    )


@pytest.fixture
def stand(postgres_url: str) -> Iterator[Stand]:
    with open_stand(postgres_url, services=(CANTINE, menus())) as opened:
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


# ---- the API of another service ------------------------------------------------------------------------------------


def get_tokens_for_api(stand: Stand, browser: Browser) -> Any:
    code = get_code(stand, browser, scope=OFFLINE, resource=MENUS)
    return stand.call("POST", "/token", headers=basic(), form=redemption(code)).json


def close_menus(stand: Stand) -> None:
    """From now on it is for pupils: no reload of this process, no new login."""
    stand.register.value = Register((CANTINE, menus(profils=frozenset({Profil.ELEVE}))))


def test_a_token_for_an_api_is_for_it_alone_though_its_person_is_remembered(stand: Stand, browser: Browser) -> None:
    token = get_tokens_for_api(stand, browser)["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert stand.call("GET", "/userinfo", headers=bearer).json["error"] == "invalid_token"
    told = stand.call("POST", "/introspect", headers=basic("menus"), form={"token": token}).json
    assert told["aud"] == MENUS
    with statements(stand.engine) as sent:
        get_code(stand, browser, resource=MENUS)
    assert len(sent) == 2, "the person is read, and the code issued"


def test_whom_the_service_of_the_api_lets_in_no_more_gets_no_code_for_it(stand: Stand, browser: Browser) -> None:
    assert get_tokens_for_api(stand, browser)["access_token"]
    close_menus(stand)
    answer = stand.call("GET", authorize_url(resource=MENUS), browser=browser)
    assert answer.told["error"] == "access_denied"
    assert get_code(stand, browser)


def test_whom_the_service_of_the_api_lets_in_no_more_renews_nothing(stand: Stand, browser: Browser) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": get_tokens_for_api(stand, browser)["refresh_token"]}
    with statements(stand.engine) as sent:
        form["refresh_token"] = stand.call("POST", "/token", headers=basic(), form=form).json["refresh_token"]
    assert len(sent) == 1, "both services weigh the person whom the act drew"
    close_menus(stand)
    assert stand.call("POST", "/token", headers=basic(), form=form).json["error"] == "invalid_grant"


def test_userinfo_tells_of_no_right_to_act_that_ended(stand: Stand, browser: Browser) -> None:
    code = get_code(stand, browser)
    token = stand.call("POST", "/token", headers=basic(), form=redemption(code)).json["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    told = [stand.call("GET", "/userinfo", headers=bearer).json["children"] for _ in range(2)]
    assert [[child["rights"] for child in each] for each in told] == [[["see", "act"]] * 2] * 2
    with stand.engine.begin() as conn:
        conn.execute(update(guardianships).values(may_act=False))
    left = stand.call("GET", "/userinfo", headers=bearer).json["children"]
    assert [child["rights"] for child in left] == [["see"]] * 2
