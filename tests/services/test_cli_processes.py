"""Two worker processes and a `preau work` beside them, sharing a real Redis: the shape of a real installation."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from broker.__main__ import main
from broker.demo.addresses import BOURSES_HOST, CANTINE_HOST
from broker.demo.sites import start_sites
from broker.demo.town import prepare
from tests.preau_process import EDUCONNECT, are_gone, children_of, running, sign_in, stopped
from tests.scripted_browser import ScriptedBrowser
from tests.servers import free_port

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]
VISITS = 12


def verified(config: str, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    capsys.readouterr()
    assert main(["audit", "verify", "--config", config, "--json"]) == 0
    told: dict[str, object] = json.loads(capsys.readouterr().out)
    return told


def logouts(folder: Path) -> list[tuple[str, bool, str | None]]:
    """Who is told of a logout, whether the row is closed, and for what cause."""
    with closing(sqlite3.connect(folder / "var" / "preau.sqlite")) as database:
        rows = database.execute(
            "SELECT lane, done_at IS NOT NULL, cause FROM outbox WHERE topic = 'logout' ORDER BY id"
        )
        return [(lane, bool(done), cause) for lane, done, cause in rows]


def test_two_workers_share_logins_and_sessions_and_the_worker_seals_the_trail_and_tells_services(
    tmp_path: Path, redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    assert main(["demo", "--data", str(tmp_path), "--port", str(port), "--prepare-only"]) == 0
    config = str(tmp_path / "preau.toml")
    environ = {"PREAU_REDIS_URL": redis_url, "PREAU_WORKERS": "2"}
    command = [sys.executable, "-m", "broker", "work", "--config", config]
    town = prepare(tmp_path, issuer=f"http://127.0.0.1:{port}")
    cantine, bourses = (f"{town.addresses.origin(host)}/" for host in (CANTINE_HOST, BOURSES_HOST))
    with (
        start_sites(town),
        running(tmp_path / "log", port, "serve", "--config", config, environ=environ) as served,
        (tmp_path / "work.log").open("wb") as log,
    ):
        worker = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **environ})
        workers = children_of(served.process.pid)
        assert len(workers) == 2
        with closing(ScriptedBrowser()) as browser:
            for _ in range(VISITS):
                assert "Maëlys" in sign_in(browser, served.origin, EDUCONNECT, "aline.quemeneur").text
                browser.open(f"{served.origin}/deconnexion")
                browser.submit(browser.page.forms[-1])
            sign_in(browser, served.origin, EDUCONNECT, "aline.quemeneur")
            assert 'id="sub"' in browser.open(cantine).body
            browser.open(bourses)
            browser.open(f"{served.origin}/deconnexion")
            assert "La Cantine" in browser.submit(browser.page.forms[-1]).text
            limit = time.monotonic() + 60
            while verified(config, capsys)["faults"] or not all(done for _, done, _ in logouts(tmp_path)):
                assert time.monotonic() < limit
                time.sleep(0.5)
            assert "A confirmé la déconnexion." in browser.open(f"{served.origin}/au-revoir").text
            assert 'id="sub"' not in browser.open(cantine).body, "the service closed its own session"
        assert set(logouts(tmp_path)) == {("cantine", True, None), ("bourses", True, "no_address")}
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=30) == 0
        assert stopped(served, signal.SIGTERM) == 0
        assert are_gone(workers)
    assert "Traceback" not in (tmp_path / "work.log").read_text(encoding="utf-8")
