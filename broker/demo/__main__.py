"""`python -m broker.demo`: the town alone, without the broker."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from pathlib import Path
from threading import Event

from broker.demo.town import DEFAULT_ISSUER, describe, prepare, serve_sites


def main(arguments: list[str] | None = None) -> int:
    """Prepare a town and serve its sites until interrupted; `--print` only tells who lives there."""
    parser = argparse.ArgumentParser(prog="python -m broker.demo", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="data folder (default: a temporary one)")
    parser.add_argument("--issuer", default=DEFAULT_ISSUER, help=f"address of the broker (default: {DEFAULT_ISSUER})")
    parser.add_argument(
        "--print", action="store_true", dest="only_print", help="print addresses and people, serve nothing"
    )
    options = parser.parse_args(arguments)
    stop = None if options.only_print else _interrupted()
    with tempfile.TemporaryDirectory(prefix="preau-town-") as temporary:
        town = prepare(options.folder or Path(temporary), issuer=options.issuer)
        print(describe(town), flush=True)
        if stop is not None:
            serve_sites(town, stop)
    return 0


def _interrupted() -> Event:
    stop = Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    return stop


if __name__ == "__main__":
    sys.exit(main())
