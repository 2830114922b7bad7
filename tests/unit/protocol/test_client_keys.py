"""Keys that stand at an address of the client: kept for a while, looked for when one is missing, never too often."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest

from broker.domain.errors import InvalidClient, UpstreamUnavailable
from broker.domain.services import RelyingParty
from broker.protocol.oidc.client_keys import GRACE, KEPT, MOST_KEY_SETS, PAUSE, ClientKeys
from tests.fapi import fapi_service, jwks, key

URI = "https://visiteur.example/jwks.json"
DECLARED = fapi_service("cantine").parties[0]
PARTY = replace(DECLARED, jwks="", jwks_uri=URI)
OLD, NEW = key(name="old"), key(name="new")


@dataclass(slots=True)
class Web:
    """One address, a clock, and how often the address was asked."""

    holds: str = field(default_factory=lambda: jwks(OLD))
    now: float = 1000.0
    asked: int = 0
    lasts: float = 0.0
    meanwhile: Callable[[], None] = lambda: None

    def fetch(self, _: str) -> bytes:
        self.asked += 1
        self.meanwhile()
        self.now += self.lasts
        if not self.holds:
            raise UpstreamUnavailable("away")
        return self.holds.encode()


def nobody(_: str) -> bytes:
    raise UpstreamUnavailable("no stranger may be called here")


@pytest.fixture
def web() -> Web:
    return Web()


@pytest.fixture
def keys(web: Web) -> ClientKeys:
    return ClientKeys(web.fetch, strangers=nobody, elapsed=lambda: web.now)


def has(keys: ClientKeys, kid: str, party: RelyingParty = PARTY) -> bool:
    return keys.of(party).has(kid)


def test_keys_by_value_are_read_and_nobody_is_called(keys: ClientKeys, web: Web) -> None:
    assert has(keys, key().kid, DECLARED)
    assert (keys.of_now(DECLARED), web.asked) == (None, 0)
    assert keys.of(DECLARED) is keys.of(DECLARED), "imported once"


def test_keys_are_fetched_once_and_kept(keys: ClientKeys, web: Web) -> None:
    assert has(keys, OLD.kid)
    web.now += KEPT
    assert has(keys, OLD.kid)
    assert web.asked == 1


def test_a_withdrawn_key_is_good_no_longer_than_keys_are_kept(keys: ClientKeys, web: Web) -> None:
    assert has(keys, OLD.kid)
    web.holds = jwks(NEW)
    web.now += KEPT + 1
    assert (has(keys, OLD.kid), has(keys, NEW.kid)) == (False, True)


def test_a_missing_key_is_looked_for_once_in_a_while(keys: ClientKeys, web: Web) -> None:
    keys.of(PARTY)
    web.holds = jwks(NEW)
    assert keys.of_now(PARTY) is None, "asked a moment ago"
    web.now += PAUSE
    newer = keys.of_now(PARTY)
    assert newer is not None
    assert newer.has(NEW.kid)
    assert (keys.of_now(PARTY), web.asked) == (None, 2)


def test_an_address_that_is_away_takes_no_key_back_at_once(keys: ClientKeys, web: Web) -> None:
    keys.of(PARTY)
    web.holds = ""
    web.now += PAUSE
    assert keys.of_now(PARTY) is not None
    assert has(keys, OLD.kid)
    web.now += KEPT
    with pytest.raises(InvalidClient):
        keys.of(PARTY)


def test_an_address_that_is_away_is_not_called_for_every_assertion(keys: ClientKeys, web: Web) -> None:
    web.holds = ""
    for _ in range(3):
        with pytest.raises(InvalidClient):
            keys.of(PARTY)
    assert web.asked == 1
    web.holds = jwks(OLD)
    web.now += PAUSE
    assert has(keys, OLD.kid), "it is there again"


def test_the_pause_begins_when_the_call_is_over(keys: ClientKeys, web: Web) -> None:
    """A call may last as long as the pause: counted from its beginning, whoever asks next would call again at once."""
    web.holds, web.lasts = "", PAUSE
    for _ in range(3):
        with pytest.raises(InvalidClient):
            keys.of(PARTY)
    assert web.asked == 1


def test_nobody_waits_for_anothers_call(keys: ClientKeys, web: Web) -> None:
    told: list[bool] = []

    def another() -> None:
        with pytest.raises(InvalidClient):
            keys.of(PARTY)
        told.append(True)

    web.meanwhile = another
    assert has(keys, OLD.kid)
    assert (told, web.asked) == ([True], 1)


@pytest.mark.parametrize(("late", "good"), [(GRACE, True), (GRACE + 1, False)])
def test_others_go_on_with_the_kept_keys_while_one_fetches_them_anew(
    keys: ClientKeys, web: Web, late: float, good: bool
) -> None:
    keys.of(PARTY)
    web.now += KEPT + late
    told: list[bool] = []

    def another() -> None:
        with suppress(InvalidClient):
            told.append(has(keys, OLD.kid))

    web.meanwhile = another
    assert has(keys, OLD.kid)
    assert (told, web.asked) == ([True] if good else [], 2)


def test_what_a_stranger_names_is_called_by_the_strangers_way_and_shared_with_nobody(web: Web) -> None:
    closed = ClientKeys(web.fetch, strangers=nobody, elapsed=lambda: web.now)
    assert has(closed, OLD.kid)
    with pytest.raises(InvalidClient):
        closed.of(replace(PARTY, self_registered=True))
    assert has(ClientKeys(nobody, strangers=web.fetch), OLD.kid, replace(PARTY, self_registered=True))


def test_what_is_no_key_set_is_nothing(keys: ClientKeys, web: Web) -> None:
    web.holds = "<html>"
    with pytest.raises(InvalidClient):
        keys.of(PARTY)


def test_what_is_kept_is_bounded(keys: ClientKeys) -> None:
    for place in range(MOST_KEY_SETS + 1):
        keys.of(replace(PARTY, jwks_uri=f"{URI}?{place}"))
    assert len(keys._known) == 1
