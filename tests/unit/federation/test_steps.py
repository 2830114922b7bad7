"""What comes next in a login, case by case."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from broker.domain.errors import LoginRequired, PageNotFound
from broker.domain.identity import AuthnContext
from broker.domain.sessions import Device, Session
from broker.federation.linking import Refuse
from broker.federation.logins import Interaction, LoginRequest
from broker.federation.sources import Source, SourceDescription, Sources
from broker.federation.steps import ChooseSource, Decisions, Done, GoUpstream, StepUp, next_step
from policies import Assurance, load

NOW = datetime(2026, 9, 14, 8, tzinfo=UTC)
START = NOW - timedelta(minutes=2)
A, B = (SourceDescription(name, "t") for name in ("a", "b"))


def session(*, auth: datetime = START - timedelta(hours=1), opened: datetime | None = None, by: str = "a") -> Session:
    authn = AuthnContext("low", (), auth, by)
    ends = NOW + timedelta(hours=1)
    return Session("sid", "d", "prs", "acc", authn, Device.SHARED, opened or auth, ends, ends)


def step(
    request: LoginRequest, here: Session | None = None, *, offered: object = (A, B), chosen: str = "", **more: Any
) -> object:
    decisions = Decisions(tuple(offered), NOW, chosen, **{"assurance": Assurance.LOW, **more})  # type: ignore[arg-type]
    return next_step(Interaction(request, "b", START), here, decisions)


LOGIN = LoginRequest(resume="/x", prompt=frozenset({"login"}))
AGED = LoginRequest(resume="/x", max_age=60)
NONE = LoginRequest(prompt=frozenset({"none"}))
SELECT = LoginRequest(prompt=frozenset({"select_account"}))


@pytest.mark.parametrize(
    ("request_", "here", "expected"),
    [
        (LoginRequest(), None, ChooseSource((A, B))),
        (LoginRequest(resume="/x"), session(), Done("/x")),
        (LOGIN, None, ChooseSource((A, B))),
        (LOGIN, session(), StepUp("a")),
        (LOGIN, session(by="gone"), ChooseSource((A, B))),
        (LOGIN, session(auth=NOW), Done("/x")),
        (AGED, session(), StepUp("a")),
        (AGED, session(auth=NOW - timedelta(seconds=60)), Done("/x")),
        (replace(AGED, max_age=0), session(auth=START), Done("/x")),
        (SELECT, session(), ChooseSource((A, B))),
        (SELECT, session(auth=NOW), Done("/")),
        (LoginRequest(), replace(session(), revoked_at=START), ChooseSource((A, B))),
        (LoginRequest(), replace(session(), idle_until=NOW), ChooseSource((A, B))),
    ],
)
def test_what_comes_next(request_: LoginRequest, here: Session | None, expected: object) -> None:
    assert step(request_, here) == expected


def test_the_only_source_is_taken_without_a_question_unless_an_account_is_to_be_chosen() -> None:
    assert step(LoginRequest(), offered=(B,)) == GoUpstream("b", force=False)
    assert step(SELECT, offered=(A,)) == ChooseSource((A,))
    assert step(LoginRequest(), offered=()) == ChooseSource(())


def test_a_silent_request_is_answered_or_refused_and_never_shown() -> None:
    assert step(NONE, session()) == Done("/")
    for chosen in ("", "a"):
        refused = step(NONE, chosen=chosen)
        assert isinstance(refused, Refuse)
        assert refused.error is LoginRequired


def test_a_choice_is_one_of_the_offer() -> None:
    assert step(LOGIN, session(), chosen="b") == GoUpstream("b", force=True)
    assert step(SELECT, session(), chosen="b") == GoUpstream("b", force=True)
    refused = step(LoginRequest(), chosen="z")
    assert isinstance(refused, Refuse)
    assert refused.error is PageNotFound


def test_a_login_made_for_this_request_answers_it_however_slow_the_person_was() -> None:
    wish = replace(AGED, max_age=1)
    assert step(wish, session(auth=START)) == Done("/x")
    assert step(wish, session(auth=START - timedelta(seconds=1))) == StepUp("a")


def test_a_login_of_unknown_age_answers_a_plain_request_and_no_request_for_a_fresh_proof() -> None:
    since = session(auth=NOW)
    unknown = replace(since, authn=replace(since.authn, proven=False))
    assert step(LoginRequest(resume="/x"), unknown) == Done("/x")
    for wish in (LOGIN, AGED, replace(AGED, max_age=0)):
        assert step(wish, since) == Done("/x")
        assert step(wish, unknown) == StepUp("a")
    assert step(SELECT, unknown) == ChooseSource((A, B))


CAREFUL = LoginRequest(resume="/x", requires=Assurance.STANDARD)


def test_a_session_that_proves_too_little_is_led_to_the_only_source_that_proves_more() -> None:
    assert step(CAREFUL, session(), offered=(B,)) == StepUp("b")
    assert step(CAREFUL, session(), offered=(A, B)) == ChooseSource((A, B))
    assert step(CAREFUL, session(), assurance=Assurance.STANDARD) == Done("/x")
    assert step(replace(CAREFUL, requires=Assurance.LOW), session()) == Done("/x")
    assert step(CAREFUL, None, offered=(B,)) == GoUpstream("b", force=False)


def test_a_silent_request_is_refused_where_more_would_have_to_be_proven() -> None:
    refused = step(replace(CAREFUL, prompt=frozenset({"none"})), session(), offered=(B,))
    assert isinstance(refused, Refuse)
    assert refused.error is LoginRequired


def test_nobody_is_sent_without_a_question_where_nothing_answers() -> None:
    down = frozenset({"a", "b"})
    assert step(LoginRequest(), offered=(B,), down=down) == ChooseSource((B,))
    assert step(CAREFUL, session(), offered=(B,), down=down) == ChooseSource((B,))
    assert step(LOGIN, session(), down=down) == ChooseSource((A, B))
    assert step(LOGIN, session(), down=frozenset({"b"})) == StepUp("a")
    assert step(LOGIN, session(), chosen="b", down=down) == GoUpstream("b", force=True)


class Nowhere:
    """A connector that is never called."""


def test_the_register_of_sources_keeps_their_order_and_knows_no_other() -> None:
    sources = Sources([Source(B, Nowhere()), Source(A, Nowhere())])  # type: ignore[arg-type]
    assert [known.source_id for known in sources.descriptions()] == ["b", "a"]
    assert sources.get("a").description is A
    with pytest.raises(PageNotFound):
        sources.get("c")


@pytest.mark.parametrize("own", list(Assurance))
@pytest.mark.parametrize("acr", ["", "eidas1", "eidas2", "eidas3", "strong", "gold"])
def test_a_source_never_claims_more_than_its_own_level(own: Assurance, acr: str) -> None:
    table = load().assurance
    level = SourceDescription("a", "t", assurance=own).level(acr, table)
    assert own.reaches(level)
    assert acr == "" or table.acr.get(acr, table.silent).reaches(level)
