"""Demo towns for tests: prepared in a private folder, served on a private port, over http or https."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from broker.demo.prepared import Tls, Town
from broker.demo.sites import start_sites
from broker.demo.town import prepare
from tests.certificates import ThrowAwayCa
from tests.servers import TRIES, free_port

YEAR = 2026


def tls_of(ca: ThrowAwayCa) -> Tls:
    """Certificate files for https sites on loopback."""
    server = ca.issue(stem="town")
    return Tls(server.certificate, server.key, ca.certificate)


@contextmanager
def running_town(
    folder: Path, *, issuer: str = "", tls: Tls | None = None, now: Callable[[], float] = time.time, saml: bool = False
) -> Iterator[Town]:
    """Serve a town's sites while the context is open; `issuer` is the broker's address (else a closed port's)."""
    with ExitStack() as stack:
        yield _start(stack, folder, issuer=issuer, tls=tls, now=now, saml=saml)


def _start(
    stack: ExitStack, folder: Path, *, issuer: str, tls: Tls | None, now: Callable[[], float], saml: bool
) -> Town:
    """A free port can be taken between choosing and binding: try another one."""
    for left in reversed(range(TRIES)):
        broker = issuer or f"{'https' if tls else 'http'}://127.0.0.1:{free_port()}"
        town = prepare(folder, issuer=broker, sites_port=free_port(), tls=tls, year=YEAR, saml=saml)
        try:
            stack.enter_context(start_sites(town, now=now))
        except OSError as fault:
            if fault.errno != errno.EADDRINUSE or not left:
                raise
        else:
            return town
    raise AssertionError("unreachable")
