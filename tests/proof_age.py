"""Lists the proofs in `docs/proof/` that are older than the code they cover. Informs; never fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.proof.evidence import code_of

ROOT = Path(__file__).parents[1]


def changed_since(commit: str, covers: list[str]) -> list[str]:
    """Files under `covers` that changed since `commit` (all of them when git does not know the commit)."""
    command = ["git", "diff", "--name-only", commit, "HEAD", "--", *covers]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return answer.stdout.split() if answer.returncode == 0 else covers


def state_of(proof: dict[str, Any]) -> str:
    """`current` when the covered files are, byte for byte, those that were proven, committed then or since."""
    if code_of(tuple(proof["covers"])) == proof["code"]:
        return "current"
    changed = changed_since(proof["commit"], proof["covers"])
    return f"older than its code ({', '.join(changed) or 'changed, not committed'})"


def main() -> int:
    """Print one line a proof."""
    for path in sorted((ROOT / "docs" / "proof").glob("*.json")):
        proof = json.loads(path.read_text(encoding="utf-8"))
        sys.stdout.write(f"proof {path.stem}: {proof['result']}, {state_of(proof)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
