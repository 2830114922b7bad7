"""Processes as /proc tells of them: processor time of a whole tree, and what stays in memory."""

from __future__ import annotations

import os
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_UTIME, _STIME, _CUTIME, _CSTIME, _PARENT = 11, 12, 13, 14, 1


def tree(root: int) -> list[int]:
    """A process and all that came of it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (stat := _stat(int(entry.name))):
            children.setdefault(int(stat[_PARENT]), []).append(int(entry.name))
    found, left = [], [root]
    while left:
        found.append(left.pop())
        left += children.get(found[-1], [])
    return found


def cpu_seconds(roots: list[int]) -> float:
    """User and system seconds of these trees: nanoseconds of living threads, ticks of what has ended."""
    total = 0.0
    for pid in {pid for root in roots for pid in tree(root)}:
        if stat := _stat(pid):
            total += _living(pid, stat) + (int(stat[_CUTIME]) + int(stat[_CSTIME])) / _TICK
    return total


def largest_mib(root: int) -> float:
    """Resident memory of the largest process of a tree, which is a worker, MiB."""
    return max((_resident(pid) for pid in tree(root)), default=0.0)


def _resident(pid: int) -> float:
    try:
        lines = (Path("/proc") / str(pid) / "status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:")), 0.0)


def _living(pid: int, stat: list[str]) -> float:
    """Threads that ended are in the ticks alone: those win where they are clearly more."""
    ticks = (int(stat[_UTIME]) + int(stat[_STIME])) / _TICK
    try:
        threads = list((Path("/proc") / str(pid) / "task").iterdir())
        spent = sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9
    except (OSError, ValueError):
        return ticks
    return spent if spent > ticks - 0.05 else ticks


def _stat(pid: int) -> list[str]:
    try:
        text = (Path("/proc") / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return []
    return text[text.rindex(")") + 2 :].split()
