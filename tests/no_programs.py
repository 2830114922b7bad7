"""No other program in a request (DESIGN §6): a process costs thirty milliseconds, and takes what it is given."""

from __future__ import annotations

import os
import subprocess
from typing import Any

import pytest


def forbid_programs(patch: pytest.MonkeyPatch) -> None:
    """From now on whatever starts a process fails."""

    def started(*_: Any, **__: Any) -> None:
        raise AssertionError("a program was started")

    patch.setattr(subprocess.Popen, "__init__", started)
    for name in ("fork", "forkpty", "posix_spawn", "posix_spawnp", "system"):
        patch.setattr(os, name, started)
