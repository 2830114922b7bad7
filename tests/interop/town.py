"""The broker as installations have it: `preau serve` in a process, an Apache before it for TLS; and a town around."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from broker.demo.prepared import Tls
from broker.settings import load_settings
from tests.browser.town import RunningTown, free_port
from tests.interop.apache import Host, apache
from tests.interop.parties import Party, register
from tests.interop.saml_parties import SamlParty, register_providers
from tests.preau_process import running, stopped
from tests.towns import running_town

_PROXY = ("proxy", "proxy_http")


@contextmanager
def https_town(
    folder: Path,
    parties: Sequence[Party],
    tls: Tls,
    *,
    by_cas: Sequence[str] = (),
    by_saml: Mapping[str, SamlParty] | None = None,
) -> Iterator[RunningTown]:
    """Serve it until the block ends; `parties`, origins `by_cas` and providers `by_saml` are in its register."""
    from broker.cli.demo import settle  # with ldap3, whose warnings are only let through once pytest is configured

    issuer, behind = f"https://127.0.0.1:{free_port()}", free_port()
    log = folder / "serve.log"
    with running_town(folder / "town", issuer=issuer, tls=tls) as town:
        register(town.folder, parties, by_cas)
        register_providers(town.folder / "services", by_saml or {})
        settle(town, load_settings(town.settings, {}))
        arguments = ("serve", "--config", str(town.settings))
        with (
            running(log, behind, *arguments, environ={"PREAU_LISTEN": f"127.0.0.1:{behind}"}) as serving,
            apache([_front(issuer, behind)], tls, modules=_PROXY, ready="/sante"),
        ):
            yield RunningTown(issuer, town.folder, log)
            assert stopped(serving, signal.SIGTERM) == 0


def _front(issuer: str, behind: int) -> Host:
    """A connection kept to the broker may be closed by it at the moment of use: each request takes a new one."""
    return Host(issuer, f"ProxyPreserveHost On\n  ProxyPass / http://127.0.0.1:{behind}/ disablereuse=On")
