"""A running demo town for browser tests: `preau demo` as a newcomer starts it, on a private port and folder."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 120
STOP_SECONDS = 20


@dataclass(frozen=True, slots=True)
class RunningTown:
    """Where the broker answers, its data folder, and the log of its process."""

    origin: str
    folder: Path
    log: Path


def free_port() -> int:
    """A port that is free on every loopback address the town uses."""
    with socket.socket() as probe:
        probe.bind(("0.0.0.0", 0))
        return int(probe.getsockname()[1])


def _answers(origin: str) -> bool:
    try:
        with urllib.request.urlopen(f"{origin}/sante", timeout=2) as answer:  # noqa: S310 - loopback
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@contextmanager
def running_town(folder: Path, *options: str) -> Iterator[RunningTown]:
    """Start the town, wait until it answers, stop it by its pid. `options`: of `preau demo`."""
    port = free_port()
    town = RunningTown(f"http://127.0.0.1:{port}", folder / "town", folder / "town.log")
    command = [sys.executable, "-m", "broker", "demo", "--data", str(town.folder), "--port", str(port), *options]
    with town.log.open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        limit = time.monotonic() + START_SECONDS
        while not _answers(town.origin):
            if process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError(f"the town did not start:\n{town.log.read_text(encoding='utf-8')[-4000:]}")
            time.sleep(0.2)
        yield town
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
