"""`bench/results.json`: one row for each thing measured, the last measure of it, whichever benchmark wrote it."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

RESULTS = Path(__file__).with_name("results.json")


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured, against the bar set for it: a value, or, beside a `peer`, a share of what the peer takes."""

    bench: str
    ours: float
    bar: float
    better: Literal["lower", "higher"]
    unit: str
    peer: str = "bar"
    peer_value: float | None = None

    @property
    def against(self) -> float:
        """What `ours` is divided by: the peer's value, or the bar itself where nobody else was measured."""
        return self.bar if self.peer_value is None else self.peer_value


def append(rows: Sequence[Row]) -> None:
    """Write rows down, each in the place of the earlier one of its name."""
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    names = {row.bench for row in rows}
    kept = [row for row in kept if row["bench"] not in names]
    machine, measured = f"{platform.machine()} {os.cpu_count()} cores", commit()
    for row in rows:
        kept.append(
            {
                "bench": row.bench,
                "ours": round(row.ours, 3),
                "peer": row.peer,
                "peer_value": round(row.against, 3),
                "ratio": round(row.ours / row.against, 3),
                "bar": row.bar,
                "better": row.better,
                "unit": row.unit,
                "machine": machine,
                "commit": measured,
            }
        )
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n")


def commit() -> str:
    """The commit measured, `-dirty` behind it when files were changed since; empty outside a repository."""
    root = Path(__file__).parent.parent
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=root, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()
