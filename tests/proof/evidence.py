"""Runs a long count batch by batch and writes what it proves to `docs/proof/NAME.json`.

Progress is kept in `var/proof/` after each batch, for the code it was made with: an interrupted proof goes on, a
proof of code that changed meanwhile begins again. Every batch draws from its own seed.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

ROOT = Path(__file__).parents[2]
EVIDENCE = ROOT / "docs" / "proof"
PROGRESS = ROOT / "var" / "proof"


@dataclass(frozen=True, slots=True)
class Proof:
    """What is proven, how often at least, and which files or folders it speaks of."""

    name: str
    what: str
    count: int
    seed: int
    covers: tuple[str, ...]


@dataclass(slots=True)
class Progress:
    """What is done so far. `commit` and `code` (digest of the covered files) are as the run found them."""

    commit: str
    code: str
    seed: int
    batches: int = 0
    count: int = 0
    seconds: float = 0.0


Batch = Callable[[Random], int]
"""Tries a number of situations, returns how many held, and raises when one does not."""


def prove(proof: Proof, batch: Batch) -> None:
    """Run `batch` until the count is reached."""
    _run(proof, batch=lambda _number: batch, goes_on=lambda done: done.count < proof.count)


def prove_each(proof: Proof, batches: Sequence[Batch]) -> None:
    """Run each of these batches once, in their order. Raises when together they try less than the count."""
    _run(proof, batch=lambda number: batches[number], goes_on=lambda done: done.batches < len(batches))


def _run(proof: Proof, *, batch: Callable[[int], Batch], goes_on: Callable[[Progress], bool]) -> None:
    path = PROGRESS / f"{proof.name}.json"
    done = _resumed(path, proof)
    while goes_on(done):
        began = time.monotonic()
        done.count += batch(done.batches)(Random(f"{proof.seed}:{done.batches}"))
        done.batches += 1
        done.seconds += time.monotonic() - began
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(done)), encoding="utf-8")
    if done.count < proof.count:
        raise AssertionError(f"{proof.name}: {done.count} situations of {proof.count}")
    _write(proof, done)
    path.unlink(missing_ok=True)


def _resumed(path: Path, proof: Proof) -> Progress:
    fresh = Progress(commit(), code_of(proof.covers), proof.seed)
    if not path.is_file():
        return fresh
    kept = Progress(**json.loads(path.read_text(encoding="utf-8")))
    return kept if (kept.code, kept.seed) == (fresh.code, fresh.seed) else fresh


def _write(proof: Proof, done: Progress) -> None:
    evidence = {
        "name": proof.name,
        "what": proof.what,
        "count": done.count,
        "seed": proof.seed,
        "commit": done.commit,
        "code": done.code,
        "machine": machine(),
        "minutes": round(done.seconds / 60, 1),
        "result": "holds",
        "covers": list(proof.covers),
    }
    EVIDENCE.mkdir(parents=True, exist_ok=True)
    text = json.dumps(evidence, indent=2, ensure_ascii=False)
    (EVIDENCE / f"{proof.name}.json").write_text(text + "\n", encoding="utf-8")


def code_of(covers: tuple[str, ...]) -> str:
    """SHA-256 over the covered Python files: tells whether evidence is of this code, committed or not."""
    total = hashlib.sha256()
    for place in covers:
        path = ROOT / place
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            total.update(f"{file.relative_to(ROOT)}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def commit() -> str:
    """The commit that stands here; `code` says what changed since, if anything did."""
    return subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


def machine() -> str:
    """Model of the processor and how many of its cores this process may use."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{models[0] if models else 'unknown processor'}, {len(os.sched_getaffinity(0))} cores"
