"""Who works on a feed: the name a process signs its lease with, and whether such a process is certainly gone."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path


def own_holder() -> str:
    """A name that no other process or thread ever has: host, boot, pid, when the pid started, thread."""
    pid = os.getpid()
    return "|".join((socket.gethostname()[:100], _boot(), str(pid), _started(pid), str(threading.get_native_id())))


def is_gone(holder: str) -> bool:
    """Tell whether the process behind a holder is certainly dead: then its lease need not be waited for.

    Of a process on another host nothing is certain: its lease has to run out.
    """
    host, boot, pid, started = [*holder.split("|"), "", "", "", ""][:4]
    if host != socket.gethostname()[:100] or not pid.isdecimal():
        return False
    return boot != _boot() or _started(int(pid)) != started


def _boot() -> str:
    return _text(Path("/proc/sys/kernel/random/boot_id"))[:8]


def _started(pid: int) -> str:
    """Start time of a process in clock ticks since boot: a pid is used again, this pair is not."""
    stat = _text(Path(f"/proc/{pid}/stat"))
    fields = stat.rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 and fields[0] != "Z" else ""  # noqa: PLR2004 - field 22 of proc(5)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
