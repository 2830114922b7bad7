"""The sources as they stand: closed, known to be down, able to prove more; by the numbers of their own tenant."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from broker.domain.errors import (
    CredentialsRefused,
    PageNotFound,
    PreauError,
    SourceCrowded,
    SourceSuspended,
    TicketRefused,
    UpstreamRefused,
    UpstreamUnavailable,
)
from broker.domain.standings import InForce, StandingKind
from broker.federation import Source, SourceDescription, Sources
from broker.federation.availability import Availability
from broker.federation.upstreams import Upstreams, preferred
from broker.live import Fixed
from broker.services.ways import Way
from broker.storage.memory_store import MemoryStore
from policies import Assurance, load_book
from tests.builders import NOW
from tests.clock import FakeClock
from tests.federations import ScriptedSource
from tests.settable import Settable

ENT = SourceDescription("ent", "ville", assurance=Assurance.LOW)
EDUCONNECT = SourceDescription("educonnect", "etat", assurance=Assurance.STANDARD)
FRANCECONNECT = SourceDescription("fc", "etat", assurance=Assurance.STRONG)
ALL = (ENT, EDUCONNECT, FRANCECONNECT)
DOWN = UpstreamUnavailable("silence")


@pytest.fixture
def standings() -> Settable[InForce]:
    return Settable(InForce())


@pytest.fixture
def upstreams(tmp_path: Path, standings: Settable[InForce]) -> Upstreams:
    own = tmp_path / "etat"
    own.mkdir()
    (own / "assurance.toml").write_text("outage_failures = 2\n", encoding="utf-8")
    (own / "sessions.toml").write_text('shared_idle = "5 min"\n', encoding="utf-8")
    sources = Sources(Source(each, ScriptedSource(each.source_id)) for each in ALL)
    book = load_book(None, tmp_path, ["etat", "ville"])
    return Upstreams(sources, Availability(MemoryStore(FakeClock(NOW))), Fixed(book), standings)


def close(standings: Settable[InForce], source_id: str) -> None:
    since = frozenset({(source_id, NOW - timedelta(days=1))})
    standings.value = InForce(suspended=frozenset({(StandingKind.SOURCE, source_id)}), sources_since=since)


def downs(upstreams: Upstreams) -> dict[str, object]:
    return {way.source_id: way.down_since for way in upstreams.ways(now=NOW)}


def test_a_source_that_does_not_answer_is_down_by_its_own_tenants_numbers(upstreams: Upstreams) -> None:
    for source_id in ("ent", "educonnect"):
        for _ in range(2):
            upstreams.note(source_id, DOWN, now=NOW)
    assert downs(upstreams) == {"ent": None, "educonnect": NOW, "fc": None}
    upstreams.note("educonnect", None, now=NOW)
    assert downs(upstreams)["educonnect"] is None


def test_our_own_bound_of_calls_counts_against_no_source(upstreams: Upstreams) -> None:
    for _ in range(5):
        upstreams.note("educonnect", SourceCrowded("too many calls"), now=NOW)
    assert downs(upstreams)["educonnect"] is None


@pytest.mark.parametrize("refusal", [TicketRefused, CredentialsRefused])
def test_a_source_that_takes_no_ticket_or_password_has_answered_and_is_not_down(
    upstreams: Upstreams, refusal: type[PreauError]
) -> None:
    for _ in range(2):
        upstreams.note("educonnect", DOWN, now=NOW)
    assert downs(upstreams)["educonnect"] == NOW
    upstreams.note("educonnect", refusal("what the source itself said"), now=NOW)
    assert downs(upstreams)["educonnect"] is None


def test_a_refusal_of_ours_neither_counts_nor_clears(upstreams: Upstreams) -> None:
    upstreams.note("educonnect", DOWN, now=NOW)
    upstreams.note("educonnect", UpstreamRefused("another state"), now=NOW)
    assert downs(upstreams)["educonnect"] is None
    upstreams.note("educonnect", DOWN, now=NOW)
    assert downs(upstreams)["educonnect"] == NOW


def test_a_source_that_an_administrator_closed_is_down_since_then_and_offered_to_nobody(
    upstreams: Upstreams, standings: Settable[InForce]
) -> None:
    assert upstreams.open_source("fc").source_id == "fc"
    close(standings, "fc")
    assert upstreams.open_ones() == (ENT, EDUCONNECT)
    assert downs(upstreams)["fc"] == NOW - timedelta(days=1)
    with pytest.raises(SourceSuspended):
        upstreams.open_source("fc")
    with pytest.raises(PageNotFound):
        upstreams.open_source("unheard-of")


def test_the_most_that_a_source_can_prove_is_its_own_level(upstreams: Upstreams) -> None:
    assert upstreams.ways(now=NOW)[1] == Way("educonnect", Assurance.STANDARD)
    assert upstreams.able(Assurance.STANDARD) == (EDUCONNECT, FRANCECONNECT)
    assert upstreams.able(Assurance.NONE) == ALL


def test_where_no_source_can_prove_enough_all_are_offered(upstreams: Upstreams, standings: Settable[InForce]) -> None:
    close(standings, "fc")
    assert upstreams.able(Assurance.STRONG) == (ENT, EDUCONNECT)


def test_the_rules_of_a_source_are_those_of_its_tenant(upstreams: Upstreams) -> None:
    assert upstreams.rules("educonnect").sessions.shared_idle == timedelta(minutes=5)
    assert upstreams.rules("ent").sessions.shared_idle == timedelta(minutes=20)
    assert (upstreams.tenant_of("fc"), upstreams.tenant_of("gone")) == ("etat", "")
    assert upstreams.rules("gone") is upstreams.policies.current().installation


def test_of_several_sources_those_that_answer_and_are_known_go_first() -> None:
    able = (EDUCONNECT, FRANCECONNECT)

    def first(*down: str, known: tuple[str, ...] = (), current: str = "ent") -> tuple[SourceDescription, ...]:
        return preferred(able, down=frozenset(down), known=known, current=current)

    assert first() == able
    assert first(known=("fc", "ent")) == (FRANCECONNECT,)
    assert first("fc", known=("fc",)) == (EDUCONNECT,)
    assert first("fc", "educonnect", known=("fc",)) == (FRANCECONNECT,)
    assert first(known=("fc",), current="fc") == (EDUCONNECT,)
    assert first("educonnect", current="fc") == (FRANCECONNECT,)
