"""A session ends in another process while this one still has it in mind: nothing is issued by what is in mind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import func, select, update

from broker.accounts.seen_sessions import LONGEST
from broker.accounts.session_copy import copy_key
from broker.domain.handles import digest
from broker.federation import SIGN_IN
from broker.storage.schema import grants, sessions
from broker.wire.http import SESSION_COOKIE
from tests import builders
from tests.cas_stand import NOTES, open_cas
from tests.contract.statements import statements
from tests.oidc_stand import Answer, Browser, Stand, authorize_url, open_stand
from tests.saml_party import Message
from tests.saml_stand import open_saml

Asking = Callable[[Browser], Answer]


@contextmanager
def _cas(url: str) -> Iterator[tuple[Stand, Asking]]:
    with open_cas(url) as cas:
        yield cas.stand, lambda browser: cas.get("/login", browser, service=NOTES)


@contextmanager
def _oidc(url: str) -> Iterator[tuple[Stand, Asking]]:
    with open_stand(url) as stand:
        yield stand, lambda browser: stand.call("GET", authorize_url(), browser=browser)


@contextmanager
def _saml(url: str) -> Iterator[tuple[Stand, Asking]]:
    with open_saml(url) as saml:
        yield saml.oidc, lambda browser: saml.ask(Message(), browser)


@pytest.fixture(params=[_cas, _oidc, _saml], ids=["cas", "oidc", "saml"])
def entering(request: pytest.FixtureRequest, sql_url: str) -> Iterator[tuple[Stand, Asking]]:
    with request.param(sql_url) as opened:
        yield opened


def granted(stand: Stand) -> int:
    with stand.engine.connect() as conn:
        return conn.execute(select(func.count()).select_from(grants)).scalar_one()


def known_here_alone(stand: Stand, ask: Asking) -> Browser:
    """A browser whose session this process has in mind, and of which the store holds no copy any more."""
    browser = stand.sign_in()
    ask(browser)
    ask(browser)
    assert granted(stand) == 2
    stand.store.drop([copy_key(digest(browser.cookies[SESSION_COOKIE]))])
    return browser


def change(stand: Stand, **columns: Any) -> None:
    """What another process writes: this one is told of nothing."""
    with stand.engine.begin() as conn:
        conn.execute(update(sessions).values(**columns))


def refused(stand: Stand, answer: Answer) -> bool:
    return granted(stand) == 2 and answer.location.startswith(SIGN_IN)


def test_what_is_in_mind_spares_the_question_for_the_session(entering: tuple[Stand, Asking]) -> None:
    stand, ask = entering
    browser = known_here_alone(stand, ask)
    with statements(stand.engine) as sent:
        ask(browser)
    assert granted(stand) == 3
    assert not [text for text, _ in sent if text.startswith("SELECT sessions.sid")]


@pytest.mark.parametrize(
    "columns",
    [
        {"revoked_at": builders.NOW},
        {"idle_until": builders.NOW},
        {"ends_at": builders.NOW},
    ],
    ids=["revoked", "idle", "over"],
)
def test_a_session_that_ended_elsewhere_opens_nothing(
    entering: tuple[Stand, Asking], columns: dict[str, datetime]
) -> None:
    stand, ask = entering
    browser = known_here_alone(stand, ask)
    change(stand, **columns)
    assert refused(stand, ask(browser))


def test_a_session_that_an_undo_gave_to_another_opens_nothing(entering: tuple[Stand, Asking]) -> None:
    stand, ask = entering
    browser = known_here_alone(stand, ask)
    with stand.engine.begin() as conn:
        other = builders.add_person(conn)
    change(stand, person_id=other)
    assert refused(stand, ask(browser))


def test_two_seconds_later_the_session_is_asked_for_again(entering: tuple[Stand, Asking]) -> None:
    stand, ask = entering
    browser = known_here_alone(stand, ask)
    stand.clock.advance(LONGEST)
    with statements(stand.engine) as sent:
        ask(browser)
    assert [text for text, _ in sent if text.startswith("SELECT sessions.")]
