"""Two worker processes and a `preau work` beside them, sharing a real Redis: the shape of a real installation."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from broker.__main__ import main
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


def test_two_workers_share_logins_and_sessions_and_the_worker_seals_the_trail(
    tmp_path: Path, redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    assert main(["demo", "--data", str(tmp_path), "--port", str(port), "--prepare-only"]) == 0
    config = str(tmp_path / "preau.toml")
    environ = {"PREAU_REDIS_URL": redis_url, "PREAU_WORKERS": "2"}
    command = [sys.executable, "-m", "broker", "work", "--config", config]
    with (
        start_sites(prepare(tmp_path, issuer=f"http://127.0.0.1:{port}")),
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
        limit = time.monotonic() + 60
        while verified(config, capsys)["faults"]:
            assert time.monotonic() < limit
            time.sleep(0.5)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=30) == 0
        assert stopped(served, signal.SIGTERM) == 0
        assert are_gone(workers)
    assert "Traceback" not in (tmp_path / "work.log").read_text(encoding="utf-8")
