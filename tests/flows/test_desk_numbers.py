"""What the desk says of a number is what the policies of the agent's tenant say."""

from __future__ import annotations

from pathlib import Path

from policies import load_book
from tests.clock import FakeClock
from tests.desks import AGENTS, family, open_desk_web
from tests.flows.test_desk import DESK, agent, sheet


def test_a_window_is_named_by_the_minutes_that_the_agents_tenant_gives_it(
    sqlite_url: str, clock: FakeClock, tmp_path: Path
) -> None:
    with open_desk_web(sqlite_url, clock) as stand:
        mother = family(stand.world.engine, "1", name="Marie BERNARD", child="Inès")
        client = agent(stand, DESK)
        assert "Ouvrir 10 minutes" in client.get(sheet(mother)).text
        tenant, overrides = stand.world.federation.upstreams.tenant_of(AGENTS), tmp_path / "policies"
        (overrides / tenant).mkdir(parents=True)
        (overrides / tenant / "codes.toml").write_text('window_life = "15 min"\n', encoding="utf-8")
        stand.world.live_policies.value = load_book(None, overrides, [tenant])
        page = client.get(sheet(mother)).text
        assert "Ouvrir 15 minutes" in page
        assert "10 minutes" not in page
