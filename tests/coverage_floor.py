"""Holds branch coverage of the rooms that decide at the floor or above: `python -m tests.coverage_floor`."""

from __future__ import annotations

import io
import sys

from coverage import Coverage

FLOOR = 95.0
ROOMS = {
    "domain": "broker/domain/*",
    "policies": "policies/*",
    "federation": "broker/federation/*",
    "directory": "broker/directory/*",
}


def main() -> int:
    """Print each room's branch coverage; 1 when one is under the floor."""
    coverage = Coverage(config_file="pyproject.toml")
    coverage.load()
    low = False
    for room, pattern in ROOMS.items():
        reached = coverage.report(include=[pattern], file=io.StringIO())
        low |= reached < FLOOR
        sys.stdout.write(f"branch coverage of {room}: {reached:.1f} % (floor {FLOOR:.0f} %)\n")
        if reached < FLOOR:
            coverage.report(include=[pattern], file=sys.stdout)
    return int(low)


if __name__ == "__main__":
    sys.exit(main())
