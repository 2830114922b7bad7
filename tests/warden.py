"""Keeps one server alive for as long as its parent lives, then stops it by pid and removes its folder.

The parent holds the other end of our standard input. It may end in any way, SIGKILL included: the pipe closes and
everything the server left goes. Standard library only, because it runs isolated (`python -I`).
One JSON line comes in: folder, command, user, group, log, stop (signal names, mildest first).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

PATIENCE = 8.0
"""Seconds for each stop signal before the next, harder one."""


class Asked(Exception):
    """The machine is going down: same end as a closed pipe."""


def _asked(_number: int, _frame: FrameType | None) -> None:
    raise Asked


def start(order: dict[str, Any]) -> subprocess.Popen[bytes]:
    """Start the server without our privileges and without our standard streams."""
    with Path(order["log"]).open("wb") as log:
        return subprocess.Popen(
            order["command"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=order["folder"],
            start_new_session=True,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
            user=order["user"],
            group=order["group"],
            extra_groups=None if order["user"] is None else [],
        )


def stop(server: subprocess.Popen[bytes], signals: list[str]) -> None:
    """End the server, and whatever is left of its process group."""
    for name in [*signals, "SIGKILL"]:
        if server.poll() is not None:
            break
        server.send_signal(signal.Signals[name])
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(PATIENCE)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(server.pid, signal.SIGKILL)


def tell_when_gone(server: subprocess.Popen[bytes]) -> None:
    """Let the parent know that the server ended by itself."""
    code = server.wait()
    with contextlib.suppress(OSError):
        os.write(1, f"ended {code}\n".encode())


def main() -> None:
    """Run one order to its end."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, _asked)
    order = json.loads(sys.stdin.buffer.readline())
    try:
        server = start(order)
        threading.Thread(target=tell_when_gone, args=(server,), daemon=True).start()
        try:
            with contextlib.suppress(Asked):
                sys.stdin.buffer.read()
        finally:
            stop(server, order["stop"])
    finally:
        shutil.rmtree(order["folder"], ignore_errors=True)


if __name__ == "__main__":
    main()
