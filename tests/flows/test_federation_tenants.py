"""What the tenant of a source decides of the sessions opened there; the strictest role still wins."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from broker.domain.errors import StepUpNeeded
from broker.domain.sessions import Device
from policies import load_book
from tests.builders import add_staff, attach
from tests.clock import FakeClock
from tests.federations import World, open_world, ref


@pytest.fixture
def world(sqlite_url: str, clock: FakeClock, tmp_path: Path) -> Iterator[World]:
    with open_world(sqlite_url, clock) as opened:
        opened.upstreams["ent2"].releases["aline"] = ref("500101")
        yield opened


def stricter(world: World, folder: Path, tenant: str, text: str) -> None:
    overrides = folder / "policies"
    own = overrides / tenant
    own.mkdir(parents=True)
    (own / "sessions.toml").write_text(text, encoding="utf-8")
    world.live_policies.value = load_book(None, overrides, [tenant])


@pytest.mark.parametrize(("tenant", "minutes"), [("ac-test", 5), ("ac-other", 20)])
def test_a_session_lives_as_the_tenant_of_its_source_says(
    world: World, tmp_path: Path, tenant: str, minutes: int
) -> None:
    world.family("500101")
    stricter(world, tmp_path, tenant, 'shared_idle = "5 min"\n')
    session = world.browser().sign_in("ent2", "aline").session
    assert session.idle_until - world.clock() == timedelta(minutes=minutes)


def test_a_change_of_the_policies_holds_for_sessions_that_are_open(world: World, tmp_path: Path) -> None:
    world.family("500101")
    browser = world.browser()
    browser.sign_in("ent2", "aline")
    stricter(world, tmp_path, "ac-test", 'shared_idle = "10 min"\n')
    world.clock.advance(timedelta(minutes=12))
    session = browser.session()
    assert session is not None
    assert session.idle_until - world.clock() <= timedelta(minutes=10)


def test_a_parent_who_is_staff_has_the_staffs_limits_whatever_the_device(world: World, tmp_path: Path) -> None:
    mother, _, _ = world.family("500101")
    _, record = add_staff(world.engine, "700101")
    with world.engine.begin() as conn:
        conn.exec_driver_sql("DELETE FROM attachments WHERE record_id = ?", (record,))
    attach(world.engine, record, mother)
    stricter(world, tmp_path, "ac-test", 'staff_absolute = "2 h"\nown_absolute = "60 d"\n')
    browser = world.browser()
    browser.device = Device.OWN
    assert browser.sign_in("ent2", "aline").session.ends_at - world.clock() == timedelta(hours=2)


def test_the_freshness_of_a_sensitive_act_is_the_tenants(world: World, tmp_path: Path) -> None:
    world.family("500101")
    browser = world.browser()
    session = browser.sign_in("ent2", "aline").session
    world.clock.advance(120)
    stricter(world, tmp_path, "ac-test", 'step_up = "1 min"\n')
    with pytest.raises(StepUpNeeded):
        world.federation.undo(session, session.account_id, trace="t")
    world.live_policies.value = load_book()
    world.federation.undo(session, session.account_id, trace="t")
