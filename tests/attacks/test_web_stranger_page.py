"""A parent whom a court keeps away reads, letter for letter, the page of a stranger."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests import builders
from tests.clock import FakeClock
from tests.federations import BASE
from tests.web_stand import Answer, WebStand, open_web

CHANGING = re.compile(r"pin_[\w-]{43}|\d{3}-\d{4}-\d{3}|[0-9a-f]{32,64}")
"""What differs between any two requests: the login in progress, the trace number, the seals."""


@pytest.fixture
def web(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_web(sqlite_url, clock) as stand:
        stand.add_mother("Léa")
        yield stand


def restricted(web: WebStand) -> None:
    """A father with a right to see that a court has taken back."""
    with web.world.engine.begin() as conn:
        _, father = builders.add_guardian(conn, "500202")
        builders.add_guardianship(conn, father, f"{builders.FEED_2D}:90")
        builders.add_restriction(conn, father, f"{builders.FEED_2D}:90")
    web.knows("pere", "500202")


def walk(web: WebStand, user: str, language: str) -> list[Answer]:
    browser = web.client()
    first = browser.get(f"/connexion?lang={language}")
    left = browser.leave("educonnect")
    back = browser.come_back(left.location, user=user)
    return [first, left, back, browser.get(back.location), browser.get("/"), browser.get("/pourquoi")]


def plain(answer: Answer) -> tuple[object, ...]:
    headers = tuple((name, CHANGING.sub("*", value)) for name, value in answer.headers if name != "Set-Cookie")
    location = CHANGING.sub("*", answer.location.partition("state=")[0])
    kept = tuple(pair for pair in headers if pair[0] != "Location")
    return (answer.status, kept, location.replace(BASE, ""), CHANGING.sub("*", answer.body))


@pytest.mark.parametrize("language", ["fr", "en", "ar"])
def test_the_restricted_parent_and_a_stranger_get_the_same_answers(web: WebStand, language: str) -> None:
    restricted(web)
    father, stranger = walk(web, "pere", language), walk(web, "personne", language)
    assert father[3].status == 403
    assert [plain(answer) for answer in father] == [plain(answer) for answer in stranger]


def test_without_the_restriction_the_same_father_finds_the_child(web: WebStand) -> None:
    restricted(web)
    with web.world.engine.begin() as conn:
        conn.exec_driver_sql("DELETE FROM restrictions")
    browser = web.client()
    browser.sign_in(user="pere")
    assert "<bdi>Léa</bdi>" in browser.get("/").body
