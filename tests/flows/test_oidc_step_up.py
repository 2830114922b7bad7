"""A service that asks for more proof, one that opens later, and a source that is down: from the click to the code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from broker.domain.errors import UpstreamUnavailable
from broker.domain.services import OpeningDates, Service
from broker.domain.standings import InForce, StandingKind
from broker.services.register import Register
from broker.storage.memory_store import MemoryStore
from broker.wire.http import SESSION_COOKIE
from policies import Assurance
from tests.builders import NOW, add_account
from tests.clock import FakeClock
from tests.oidc_stand import authorize_url
from tests.web_stand import UAI, Answer, Client, WebStand, open_web, service

STANDARD = service("notes", requires=Assurance.STANDARD)
LENIENT = service("cahier", requires=Assurance.STANDARD, outage=True)
GATED = service(
    "rentree",
    openings=(OpeningDates(UAI, None, "6A", date(2026, 10, 1), None, {"fr": "Le 1er octobre."}),),
)
PLAIN = service("cantine")
LEVELS = {"ent2": Assurance.LOW, "ent1": Assurance.LOW}


@pytest.fixture
def stand(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_web(sqlite_url, clock, services=(PLAIN, STANDARD, LENIENT, GATED), levels=LEVELS) as opened:
        opened.add_mother("Léa")
        yield opened


def asks(client: Client, served: Service, **changes: str | None) -> Answer:
    return client.get(authorize_url(served.service_id, **{"scope": "openid", **changes}))


def told(answer: Answer) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(answer.location).query))


def by_ent(stand: WebStand) -> Client:
    client = stand.client()
    client.sign_in("ent2")
    return client


def follow(client: Client, answer: Answer, *, source: str = "educonnect") -> Answer:
    """From our sign-in page without a question to the source, back, and on to where the request is taken up."""
    left = client.get(answer.location)
    assert left.location.startswith(f"https://{source}.example/"), left.text[:300]
    back = client.come_back(left.location, source=source)
    return client.get(back.location)


def cut(stand: WebStand, source: str = "educonnect", *, times: int = 5) -> None:
    """The source answers nothing, and so many people have tried."""
    stand.world.upstreams[source].fails = UpstreamUnavailable("silence")
    for _ in range(times):
        stand.world.clock.advance(10)
        with pytest.raises(UpstreamUnavailable):
            stand.world.browser().leave(source)


def events(stand: WebStand, action: str) -> list[dict[str, Any]]:
    return stand.world.audit(action)


# ---- more proof ----------------------------------------------------------------------------------------------------


def test_a_service_that_asks_for_more_proof_leads_through_the_source_that_has_it(stand: WebStand) -> None:
    client = by_ent(stand)
    assert "code" in told(asks(client, PLAIN))
    answer = asks(client, STANDARD)
    assert answer.location.startswith("/connexion?i=")
    done = follow(client, answer)
    assert (set(told(done)), told(done)["state"]) == ({"code", "state", "iss"}, "etat-1")
    assert "code" in told(asks(client, STANDARD))


def test_a_login_that_proves_too_little_again_is_refused_and_not_asked_in_a_circle(stand: WebStand) -> None:
    stand.world.upstreams["educonnect"].acr = "eidas1"
    client = by_ent(stand)
    refused = follow(client, asks(client, STANDARD))
    assert told(refused)["error"] == "access_denied"
    stand.world.upstreams["educonnect"].acr = "eidas2"
    assert "code" in told(follow(client, asks(client, STANDARD)))


def test_a_silent_request_that_needs_more_proof_is_told_so(stand: WebStand) -> None:
    client = by_ent(stand)
    assert told(asks(client, STANDARD, prompt="none"))["error"] == "login_required"
    assert "code" in told(asks(client, PLAIN, prompt="none"))


def test_whoever_is_not_signed_in_is_offered_what_proves_enough(stand: WebStand) -> None:
    client = stand.client()
    assert "code" in told(follow(client, asks(client, STANDARD)))
    other = stand.client()
    assert 'value="ent2"' in other.get(asks(other, PLAIN).location).body


def test_nobody_is_led_to_more_proof_for_what_would_stay_closed(stand: WebStand) -> None:
    elsewhere = replace(STANDARD, schools=frozenset({"0990009Z"}))
    stand.register.value = Register((elsewhere,))
    client = by_ent(stand)
    assert told(asks(client, elsewhere))["error"] == "access_denied"


# ---- the start of term ---------------------------------------------------------------------------------------------


def test_a_service_opens_on_its_day_at_its_schools_midnight(stand: WebStand) -> None:
    client = by_ent(stand)
    assert told(asks(client, GATED))["error"] == "access_denied"
    stand.world.clock.set(datetime(2026, 9, 30, 21, 59, tzinfo=UTC))
    client.sign_in("ent2")
    assert told(asks(client, GATED))["error"] == "access_denied"
    stand.world.clock.set(datetime(2026, 9, 30, 22, 0, tzinfo=UTC))
    assert "code" in told(asks(client, GATED))


# ---- outages -------------------------------------------------------------------------------------------------------


def test_while_the_source_is_down_a_login_linked_before_reaches_a_service_that_accepts_it(stand: WebStand) -> None:
    client = by_ent(stand)
    stand.world.clock.advance(60)
    cut(stand)
    assert "code" in told(asks(client, LENIENT))
    (event,) = events(stand, "outage_accepted")
    assert event["tenant"] == "ac-test"
    assert event["detail"] == {
        "client": "cahier", "source": "ent2", "acr": "low",
        "since": (NOW + timedelta(seconds=70)).isoformat(),
    }  # fmt: skip
    assert len(events(stand, "code_issued")) == 1


def test_an_access_that_needed_no_outage_is_not_audited_as_one(stand: WebStand) -> None:
    client = stand.client()
    client.sign_in("educonnect")
    cut(stand)
    assert "code" in told(asks(client, LENIENT))
    assert events(stand, "outage_accepted") == []


def test_a_service_that_accepts_no_outage_waits_for_the_source(stand: WebStand) -> None:
    client = by_ent(stand)
    stand.world.clock.advance(60)
    cut(stand)
    page = client.get(asks(client, STANDARD).location)
    assert page.status == 200
    assert 'value="educonnect"' in page.body
    assert 'value="ent2"' not in page.body


def test_once_the_source_answers_nothing_is_excused_any_more(stand: WebStand) -> None:
    client = by_ent(stand)
    stand.world.clock.advance(60)
    cut(stand)
    stand.world.upstreams["educonnect"].fails = None
    stand.client().sign_in("educonnect")
    assert asks(client, LENIENT).location.startswith("/connexion?i=")


def test_an_outage_excuses_for_as_long_as_policies_say(stand: WebStand) -> None:
    client = stand.client()
    client.sign_in("ent2", device="own")
    stand.world.clock.advance(60)
    cut(stand)
    stand.world.clock.advance(timedelta(hours=24))
    cut(stand, times=1)
    assert asks(client, LENIENT).location.startswith("/connexion?i=")
    assert events(stand, "outage_accepted") == []
    stranger = stand.client()
    assert 'value="ent2"' not in stranger.get(asks(stranger, LENIENT).location).body


def test_a_login_linked_while_the_source_is_down_is_excused_nothing(stand: WebStand) -> None:
    cut(stand)
    client = by_ent(stand)
    assert asks(client, LENIENT).location.startswith("/connexion?i=")


def test_that_another_login_was_linked_before_excuses_nothing(stand: WebStand) -> None:
    stand.client().sign_in("educonnect")
    stand.world.clock.advance(60)
    cut(stand)
    client = by_ent(stand)
    assert asks(client, LENIENT).location.startswith("/connexion?i=")


def test_that_another_login_was_linked_since_takes_nothing_away(stand: WebStand) -> None:
    client = by_ent(stand)
    stand.world.clock.advance(60)
    cut(stand)
    session = stand.world.federation.session(client.cookies[SESSION_COOKIE])
    assert session is not None
    add_account(stand.world.engine, session.person_id, source_id="ent1", linked_at=stand.world.clock())
    assert "code" in told(asks(client, LENIENT))


def test_a_lost_store_knows_of_no_outage(stand: WebStand) -> None:
    client = by_ent(stand)
    stand.world.clock.advance(60)
    cut(stand)
    store = stand.world.store
    assert isinstance(store, MemoryStore)
    store.__init__(stand.world.clock)  # type: ignore[misc]
    assert asks(client, LENIENT).location.startswith("/connexion?i=")


def test_during_an_outage_whoever_is_not_signed_in_may_choose_the_other_login(stand: WebStand) -> None:
    by_ent(stand)
    stand.world.clock.advance(60)
    cut(stand)
    client = stand.client()
    login = asks(client, LENIENT).location
    left = client.leave("ent2", target=login)
    back = client.come_back(left.location, source="ent2")
    assert "code" in told(client.get(back.location))


def test_a_source_that_an_administrator_closed_counts_as_down_since_then(stand: WebStand) -> None:
    client = by_ent(stand)
    since = stand.world.clock.advance(60)
    stand.world.standings.value = InForce(
        suspended=frozenset({(StandingKind.SOURCE, "educonnect")}), sources_since=frozenset({("educonnect", since)})
    )
    assert "code" in told(asks(client, LENIENT))
    assert [event["detail"]["since"] for event in events(stand, "outage_accepted")] == [since.isoformat()]
    assert told(asks(client, STANDARD))["error"] == "access_denied"
