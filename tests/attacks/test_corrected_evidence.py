"""Two families whom a mistyped number made one: from its correction on, neither reaches the other's child.

The second mother still holds a session, an access token and a login that is linked to the first one's person.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from broker.domain.services import ClaimName
from tests import aaf
from tests.clock import FakeClock
from tests.imports import FEED_1D, Desk
from tests.oidc_stand import authorize_url, basic, redemption
from tests.oidc_stand import service as oidc_service
from tests.web_stand import Client, WebStand, open_web

INE, OTHER_INE = "990000003DK", "990000004DJ"
FIRST, SECOND = "premiere", "seconde"
SCHOOL_1D, SCHOOL_2D = "9990001X", "9990002Y"


@dataclass(frozen=True, slots=True)
class Case:
    """The broker, its feeds, and the two browsers."""

    stand: WebStand
    desk: Desk
    first: Client
    second: Client
    token: str

    def children(self, browser: Client, token: str) -> Any:
        answer = browser.get("/userinfo", Authorization=f"Bearer {token}")
        return json.loads(answer.body).get("children", []) if answer.status == 200 else answer.status

    def correct(self, folder: Path, ine: str, day: str) -> None:
        change = aaf.modify("Eleve", "20", ENTEleveINE=ine)
        self.stand.world.clock.advance(timedelta(hours=-1))  # which passes before each import of this desk
        self.desk.run(aaf.write_set(folder, mode="Delta", day=day, Eleve=[change]))
        self.stand.world.clock.advance(timedelta(seconds=31))


@pytest.fixture
def case(sqlite_url: str, clock: FakeClock, tmp_path: Path) -> Iterator[Case]:
    with open_web(sqlite_url, clock, services=(oidc_service(claims=tuple(ClaimName)),)) as stand:
        desk = Desk(stand.world.engine, clock)
        _import(desk, tmp_path)
        stand.knows(FIRST, "610777")
        stand.knows(SECOND, "500101")
        first, second = stand.client(), stand.client()
        first.sign_in("ent1", user=FIRST)
        second.sign_in("ent2", user=SECOND)
        yield Case(stand, desk, first, second, token_of(second))


def _import(desk: Desk, folder: Path) -> None:
    """Two mothers of one name, each with a child; the slip gives both children one number."""
    school = aaf.school("9001", SCHOOL_1D, kind="ECOLE ELEMENTAIRE")
    child = aaf.pupil_1d("41", "610777$10", ine=INE)
    mother = aaf.guardian("610777", degree="1D")
    desk.run(
        aaf.write_set(folder / "1", degree="1D", EtabEducNat=[school], Eleve=[child], PersRelEleve=[mother]),
        feed=FEED_1D,
    )
    other = aaf.pupil("20", "500101$10$0$1$0$0", given="Titouan", born="02/05/2018", ine=INE)
    desk.run(
        aaf.write_set(folder / "2", EtabEducNat=[aaf.school()], Eleve=[other], PersRelEleve=[aaf.guardian("500101")])
    )


def token_of(browser: Client) -> str:
    location = browser.get(authorize_url()).location
    code = dict(pair.split("=", 1) for pair in location.partition("?")[2].split("&"))["code"]
    answer = browser.send("POST", "/token", form=redemption(code), headers=basic())
    token: str = json.loads(answer.body)["access_token"]
    return token


def test_before_the_correction_both_see_both(case: Case) -> None:
    for browser in (case.first, case.second):
        page = browser.get("/").text
        assert page.count("Titouan") >= 2
    assert SCHOOL_1D in json.dumps(case.children(case.second, case.token))
    case.stand.world.clock.advance(timedelta(seconds=31))
    assert SCHOOL_1D in json.dumps(case.children(case.second, case.token))
    assert case.second.sign_in("ent2", user=SECOND).location == "/acces"


def test_after_it_no_page_token_or_login_of_the_second_reaches_the_first_s_child(case: Case, tmp_path: Path) -> None:
    case.correct(tmp_path / "x", OTHER_INE, "20260906")
    assert "Titouan" not in case.second.get("/").text
    assert case.children(case.second, case.token) == 401
    refused = case.second.sign_in("ent2", user=SECOND)
    assert "PRE-2005" in refused.location or "PRE-2005" in refused.body
    assert "Titouan" not in case.second.get("/").text


def test_after_it_the_first_reaches_her_own_alone(case: Case, tmp_path: Path) -> None:
    token = token_of(case.first)
    case.correct(tmp_path / "x", OTHER_INE, "20260906")
    told = json.dumps(case.children(case.first, token))
    assert SCHOOL_1D in told
    assert SCHOOL_2D not in told
    assert SCHOOL_2D not in json.dumps(case.children(case.first, token_of(case.first)))


def test_when_the_feed_takes_the_correction_back_all_is_as_before(case: Case, tmp_path: Path) -> None:
    case.correct(tmp_path / "x", OTHER_INE, "20260906")
    case.correct(tmp_path / "y", INE, "20260907")
    case.second.sign_in("ent2", user=SECOND)
    told = json.dumps(case.children(case.second, token_of(case.second)))
    assert SCHOOL_1D in told
    assert SCHOOL_2D in told
