"""`preau demo` and `preau serve` as real processes: a parent's whole visit, and nothing left behind afterwards."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import update

from broker.__main__ import main
from broker.demo.accounts import PASSWORD
from broker.settings import load_settings
from broker.storage.engine import open_engine, writing
from broker.storage.schema import signing_keys
from broker.storage.sql_keys import SqlKeys
from broker.stores import utc_now
from tests.preau_process import EDUCONNECT, Running, are_gone, children_of, running, shown_after, sign_in, stopped
from tests.scripted_browser import Page, ScriptedBrowser
from tests.servers import free_port

ENT_2D = "Grand Large"
MOTHER = "aline.quemeneur"
COLLEGE, CANTEEN = "127.0.0.13", "127.0.0.21"

pytestmark = pytest.mark.timeout(300)


def subject(page: Page) -> str:
    """The `sub` that a service shows it has received."""
    assert page.status == 200
    found = set(re.findall(r'"sub": "([0-9a-f]{32})"', page.text))
    stated = re.search(r'"sub": "([0-9a-f]{32})" } Réponse de userinfo', page.text)
    assert stated is not None, page.text
    assert stated[1] in found
    return stated[1]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder, port = tmp_path_factory.mktemp("demo"), free_port()
    with running(folder / "log", port, "demo", "--data", str(folder / "town"), "--port", str(port)) as started:
        yield started


@pytest.fixture
def browser() -> Iterator[ScriptedBrowser]:
    with closing(ScriptedBrowser()) as one:
        yield one


def test_the_terminal_shows_addresses_and_people_and_no_log_line(demo: Running) -> None:
    shown = shown_after(demo, demo.origin)
    assert demo.origin in shown
    assert MOTHER in shown
    assert PASSWORD in shown
    assert '{"at"' not in shown


def test_a_mother_sees_her_three_children_and_opens_two_services_as_one_person(
    demo: Running, browser: ScriptedBrowser
) -> None:
    home = sign_in(browser, demo.origin, EDUCONNECT, MOTHER)
    assert (home.status, home.url) == (200, f"{demo.origin}/")
    assert [name for name in ("Titouan", "Maëlys", "Ewen") if name in home.text] == ["Titouan", "Maëlys", "Ewen"]
    college = subject(browser.follow("Vie scolaire", within=COLLEGE))
    browser.open(f"{demo.origin}/")
    canteen = subject(browser.follow("La Cantine", within=CANTEEN))
    with closing(ScriptedBrowser()) as another:
        sign_in(another, demo.origin, ENT_2D, MOTHER)
        again = subject(another.follow("Vie scolaire", within=COLLEGE))
    assert college == again
    assert college != canteen


def test_the_doctor_finds_a_service_of_the_town_well_and_one_that_hears_of_no_logout_ill(
    demo: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    config = str(demo.log.parent / "town" / "preau.toml")
    assert main(["service", "doctor", "cantine", "--json", "--config", config]) == 0
    seen = {found["check"]: found["verdict"] for found in json.loads(capsys.readouterr().out)}
    assert seen.pop("key rollover") == "NOT TESTED"
    assert set(seen.values()) == {"PASS"}
    assert {"login", "logout", "minimal claims", "published keys"} < set(seen)
    assert main(["service", "doctor", "bourses", "--config", config]) == 1
    told = capsys.readouterr().out
    assert "FAIL       logout: receipt: no_address" in told
    assert "1 FAIL" in told


def test_the_doctor_sees_a_client_take_the_token_of_a_key_that_took_over(
    demo: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    config = demo.log.parent / "town" / "preau.toml"
    said = ["service", "doctor", "cantine", "--rollover", "--config", str(config)]
    assert main(said) == 0
    assert "may not sign before" in capsys.readouterr().out, "announced a moment ago"
    engine = open_engine(load_settings(config, {}).database_url)
    with writing(engine) as conn:
        long_ago = utc_now() - timedelta(days=2)
        conn.execute(update(signing_keys).where(signing_keys.c.state == "next").values(since=long_ago))
    assert main(said) == 0
    assert "PASS       key rollover: the next key signs" in capsys.readouterr().out
    states = [key.state.value for key in SqlKeys(engine).published() if key.purpose == "id_token"]
    engine.dispose()
    assert sorted(states) == ["active", "next", "retiring"]


def test_the_restricted_father_meets_the_page_of_a_stranger(demo: Running, browser: ScriptedBrowser) -> None:
    refused = sign_in(browser, demo.origin, EDUCONNECT, "bruno.vasseur")
    with closing(ScriptedBrowser()) as another:
        unknown = sign_in(another, demo.origin, EDUCONNECT, "camille.ailleurs")
    assert (refused.status, unknown.status) == (403, 403)
    without_trace = [re.sub(r"\d{3}-\d{4}-\d{3}", "TRACE", page.text) for page in (refused, unknown)]
    assert without_trace[0] == without_trace[1]


def test_a_second_demo_on_the_same_port_is_refused_in_a_sentence(demo: Running, tmp_path: Path) -> None:
    port = demo.origin.rpartition(":")[2]
    command = [sys.executable, "-m", "broker", "demo", "--data", str(tmp_path), "--port", port]
    second = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert second.returncode == 1
    assert second.stderr == f"preau: listen: 127.0.0.1:{port} cannot be used (Address already in use)\n"


def test_asked_to_stop_it_leaves_no_process_behind_and_its_folder_can_be_served(demo: Running, tmp_path: Path) -> None:
    """Last of the module: it stops the demo, then serves the same folder with `preau serve`."""
    children = children_of(demo.process.pid)
    assert children
    assert stopped(demo, signal.SIGTERM) == 0
    assert are_gone(children)
    port = int(demo.origin.rpartition(":")[2])
    config = demo.log.parent / "town" / "preau.toml"
    with running(tmp_path / "log", port, "serve", "--config", str(config)) as served:
        own = children_of(served.process.pid)
        assert httpx.get(f"{served.origin}/jwks", timeout=10, trust_env=False).is_success
        assert stopped(served, signal.SIGINT) == 0
        assert are_gone(own)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
    assert '"event": "request"' in served.log.read_text(encoding="utf-8")
