"""Keys that take over from each other while services use them: by the worker, by command, in several processes."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from broker.app import Broker, build, build_worker
from broker.domain.audit import Action
from broker.storage.schema import audit_events
from broker.wire.jose import TokenRefused, jwks_from_json, verify_own_id_token
from tests import builders
from tests.clock import FakeClock
from tests.command_line import CommandLine
from tests.oidc_stand import Browser, authorize_url, basic, redemption
from tests.whole_app import ISSUER, call, open_app, signed_in, signed_in_as

DAY = 86_400


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(builders.NOW)


@pytest.fixture
def broker(tmp_path: Path, clock: FakeClock) -> Iterator[Broker]:
    with open_app(tmp_path, clock) as opened:
        yield opened


@pytest.fixture
def preau(broker: Broker, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(tmp_path, capsys)


def id_token(broker: Broker, browser: Browser) -> str:
    """What a service gets: its hint at a logout, weeks later."""
    code = call(broker, "GET", authorize_url(), browser).told["code"]
    answer = call(broker, "POST", "/token", form=redemption(code), headers=basic())
    assert answer.status == 200
    return str(answer.json["id_token"])


def is_believed(token: str, jwks: bytes) -> bool:
    """Tell whether a service that holds this copy of the published keys takes the token."""
    try:
        return bool(verify_own_id_token(token, jwks_from_json(jwks), issuer=ISSUER))
    except TokenRefused:
        return False


def published(broker: Broker) -> bytes:
    return call(broker, "GET", "/jwks").body


def work(broker: Broker, clock: FakeClock) -> None:
    """One tick of the worker, and the look of every serving process a moment later."""
    build_worker(broker.stores, broker.ephemeral, broker.policies, broker.keys, clock=clock).tick(clock())
    broker.watcher.look()


def test_a_token_of_before_the_rotation_is_good_after_it_and_old_copies_check_new_tokens(
    broker: Broker, clock: FakeClock
) -> None:
    copy = published(broker)
    mother, _ = builders.add_family(broker.stores.engine, children=("Léa",))
    before = id_token(broker, signed_in_as(broker, clock, mother))
    clock.advance(90 * DAY)
    work(broker, clock)
    after = id_token(broker, signed_in_as(broker, clock, mother))
    assert json.loads(published(broker)) != json.loads(copy)
    assert is_believed(after, copy), "the key was announced long before it signed"
    assert is_believed(before, published(broker))
    assert kid(after) != kid(before)
    clock.advance(31 * DAY)
    work(broker, clock)
    assert not is_believed(before, published(broker))
    assert is_believed(after, published(broker))


def kid(token: str) -> str:
    header: dict[str, Any] = json.loads(urlsafe_b64decode(token.partition(".")[0] + "=="))
    return str(header["kid"])


def test_a_hint_of_a_retired_key_signs_nobody_out_and_in(broker: Broker, clock: FakeClock) -> None:
    browser = signed_in(broker, clock)
    hint = id_token(broker, browser)
    asked = {"id_token_hint": hint, "prompt": "none"}
    assert "code" in call(broker, "GET", authorize_url(**asked), browser).told
    for group in broker.keys.groups():
        assert broker.keys.give_up(group, now=clock())
    assert "code" in call(broker, "GET", authorize_url(**asked), browser).told, "until this process has looked"
    broker.watcher.look()
    assert call(broker, "GET", authorize_url(**asked), browser).told["error"] == "login_required"
    assert "code" in call(broker, "GET", authorize_url(prompt="none"), browser).told
    logout = call(broker, "GET", "/end-session?" + urlencode({"id_token_hint": hint}), browser)
    assert (logout.status, logout.location) == (303, "/deconnexion"), "the person is asked"


def test_a_hint_of_a_retiring_key_still_signs_out(broker: Broker, clock: FakeClock) -> None:
    browser = signed_in(broker, clock)
    hint = id_token(broker, browser)
    clock_of_keys = clock() + broker.policies.current().installation.keys.announced
    assert all(broker.keys.rotate(group, now=clock_of_keys) for group in broker.keys.groups())
    broker.watcher.look()
    logout = call(broker, "GET", "/end-session?" + urlencode({"id_token_hint": hint}), browser)
    assert (logout.status, logout.location) == (303, "/au-revoir")


def test_another_process_follows_with_its_next_look(broker: Broker, clock: FakeClock) -> None:
    with closing(build(broker.settings, clock=clock)) as other:
        browser = signed_in(broker, clock)
        before = published(other)
        assert before == published(broker)
        clock.advance(600)
        assert all(broker.keys.give_up(group, now=clock()) for group in broker.keys.groups())
        broker.watcher.look()
        assert published(other) == before
        other.watcher.look()
        assert published(other) == published(broker) != before
        assert is_believed(id_token(other, browser), published(broker))


def test_the_command_rotates_and_a_running_process_follows(broker: Broker, clock: FakeClock, tmp_path: Path) -> None:
    browser = signed_in(broker, clock)
    before = id_token(broker, browser)
    said = [sys.executable, "-m", "broker", "keys", "rotate", "--config", str(tmp_path / "preau.toml")]
    done = subprocess.run(said, check=True, capture_output=True, text=True)
    assert "follows within 5 s" in done.stdout
    broker.watcher.look()
    after = id_token(broker, browser)
    assert kid(after) != kid(before)
    assert kid(after) in done.stdout
    assert is_believed(before, published(broker))
    assert is_believed(after, published(broker))


def test_a_key_that_was_announced_a_moment_ago_may_not_sign_yet_unless_all_are_given_up(
    broker: Broker, preau: CommandLine
) -> None:
    preau.text("keys", "rotate")
    announced = [row for row in preau.json("keys", "list") if row["state"] == "next"]
    why = preau.refused("keys", "rotate")
    assert why.startswith("id_token ES256: the next key may sign from ")
    assert "--emergency" in why
    assert [row for row in preau.json("keys", "list") if row["state"] == "next"] == announced
    signing = preau.json("keys", "rotate", "--emergency", "--purpose", "id_token")
    listed = preau.json("keys", "list", "--all")
    assert {row["state"] for row in listed if row["purpose"] == "logout_token"} == {"retiring", "active", "next"}
    states = [row["state"] for row in listed if row["purpose"] == "id_token"]
    assert sorted(states) == ["active", "next", "retired", "retired", "retired"]
    assert {row["kid"] for row in signing} == {row["kid"] for row in listed if row["state"] == "active"}
    emergencies = [row for row in preau.rows(audit_events, "action", "detail", "actor") if "emergency" in str(row)]
    assert len(emergencies) == 5
    assert {row[2].partition(":")[0] for row in emergencies} == {"cli"}


def test_what_is_due_is_done_and_no_more(broker: Broker, preau: CommandLine) -> None:
    preau.text("keys", "rotate", "--due")
    assert preau.text("keys", "rotate", "--due")[0] == "0 steps were due and are done\n"
    assert preau.refused("keys", "rotate", "--alg", "RS256").startswith("no such keys")


def test_the_trail_tells_every_step(broker: Broker, clock: FakeClock, preau: CommandLine) -> None:
    clock.advance(90 * DAY)
    work(broker, clock)
    clock.advance(31 * DAY)
    work(broker, clock)
    told = [action for (action,) in preau.rows(audit_events, "action") if str(action).startswith("key_")]
    assert {action: told.count(action) for action in set(told)} == {
        Action.KEY_CREATED: 6, Action.KEY_ACTIVATED: 2, Action.KEY_RETIRING: 2, Action.KEY_RETIRED: 2,
    }  # fmt: skip
