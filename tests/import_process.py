"""A process that imports one set into a database and, told so, kills itself with SIGKILL just before a commit.

python -m tests.import_process URL FOLDER START KILL_BEFORE
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import datetime
from pathlib import Path

from sqlalchemy import event

from broker.directory import ImportRules
from broker.storage.engine import open_engine
from tests.clock import FakeClock
from tests.imports import Desk


def main(url: str, folder: str, start: str, kill_before: int) -> None:
    """Import, or die on the way."""
    engine = open_engine(url)
    seen = 0

    def count(_conn: object) -> None:
        nonlocal seen
        seen += 1
        if seen == kill_before:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(engine, "commit", count)
    clock = FakeClock(datetime.fromisoformat(start))
    desk = Desk(engine, clock, ImportRules(chunk=10, mass_change_percent=100.0))
    desk.run(Path(folder))
    engine.dispose()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
