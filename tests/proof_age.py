"""Lists the proofs in `docs/proof/` that are older than the code they cover. Informs; never fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def changed_since(commit: str, covers: list[str]) -> list[str]:
    """Files under `covers` that changed since `commit` (all of them when git does not know the commit)."""
    command = ["git", "diff", "--name-only", commit, "HEAD", "--", *covers]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return answer.stdout.split() if answer.returncode == 0 else covers


def main() -> int:
    """Print one line a proof."""
    for path in sorted((ROOT / "docs" / "proof").glob("*.json")):
        proof = json.loads(path.read_text(encoding="utf-8"))
        changed = changed_since(proof["commit"], proof["covers"])
        state = f"older than {len(changed)} changed files" if changed else "current"
        sys.stdout.write(f"proof {path.stem}: {proof['result']}, {state}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
