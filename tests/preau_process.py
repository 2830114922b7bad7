"""`preau` as a real process: started, waited for, asked to stop; and a sign-in from its portal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from broker.demo.accounts import PASSWORD
from tests.scripted_browser import Page, ScriptedBrowser

START_SECONDS = 110
STOP_SECONDS = 10
PRINT_SECONDS = 20
EDUCONNECT = "EduConnect"


@dataclass(frozen=True, slots=True)
class Running:
    """A process of ours that answers at `origin`."""

    process: subprocess.Popen[bytes]
    origin: str
    log: Path


def answers(origin: str) -> bool:
    try:
        return httpx.get(f"{origin}/sante", timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        return False


@contextmanager
def running(log: Path, port: int, *arguments: str, environ: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Run `preau …` until the block ends; it must answer, then leave with 0 when asked to stop."""
    with log.open("wb") as sink:
        command = [sys.executable, "-m", "broker", *arguments]
        process = subprocess.Popen(command, stdout=sink, stderr=sink, env={**os.environ, **(environ or {})})
    started = Running(process, f"http://127.0.0.1:{port}", log)
    try:
        limit = time.monotonic() + START_SECONDS
        while not answers(started.origin):
            assert process.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < limit, log.read_text(encoding="utf-8")
            time.sleep(0.2)
        yield started
    finally:
        process.terminate()  # killed outright it would leave its own workers behind
        try:
            process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def shown_after(started: Running, words: str) -> str:
    """What it has printed once `words` are there: the demo first answers, then prints its addresses, a moment later."""
    limit = time.monotonic() + PRINT_SECONDS
    while words not in (shown := started.log.read_text(encoding="utf-8")) and time.monotonic() < limit:
        time.sleep(0.1)
    return shown


def stopped(started: Running, how: signal.Signals) -> int:
    """Ask it to stop and return its exit status."""
    started.process.send_signal(how)
    return started.process.wait(timeout=30)


def children_of(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                stat = (entry / "stat").read_text(encoding="ascii", errors="replace")
            except OSError:
                continue
            if int(stat.rpartition(")")[2].split()[1]) == pid:
                found.append(int(entry.name))
    return found


def are_gone(pids: list[int]) -> bool:
    """Tell whether these processes have ended; Python's own resource tracker ends a moment after its parent."""
    limit = time.monotonic() + 10
    while any(is_alive(pid) for pid in pids):
        if time.monotonic() > limit:
            return False
        time.sleep(0.05)
    return True


def is_alive(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2][
            1
        ] != "Z"
    except OSError:
        return False


def sign_in(browser: ScriptedBrowser, origin: str, source: str, login: str) -> Page:
    """Sign in from the portal through a source, as a parent."""
    page = browser.open(f"{origin}/")
    page = browser.submit(page.forms[0], button=source)
    if source == EDUCONNECT:
        page = browser.submit(page.forms[0], button="Responsable")
    form = page.forms[0]
    user = next(name for name in form.fields if name.lower().endswith("username"))
    secret = next(name for name in form.fields if name.lower().endswith("password"))
    return browser.submit(form, **{user: login, secret: PASSWORD})
