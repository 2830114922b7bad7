"""Runs the town's sites: one real HTTP(S) server an address, a thread for each, all in this process."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from broker.demo.academie import academie_site
from broker.demo.addresses import ACADEMIE_HOST, EDUCONNECT_SAML_HOST, SITE_HOSTS
from broker.demo.configuration import CLIENTS
from broker.demo.educonnect import educonnect_site
from broker.demo.educonnect_saml import educonnect_saml_site
from broker.demo.ent import ent_site
from broker.demo.once import Seconds
from broker.demo.people import Site
from broker.demo.prepared import Tls, Town
from broker.demo.service import open_http, service_site


class _Quiet(WSGIRequestHandler):
    """No line a request: what a browser asked of a school's site is nobody's business."""

    def log(self, *_: Any) -> None:
        """Say nothing."""


def build_sites(town: Town, *, http: httpx.Client, now: Seconds = time.time) -> dict[str, Flask]:
    """Return every site by its loopback address.

    `http` is how services call the broker, `now` the clock of the sources (ticket and code lives).
    """
    sites = {SITE_HOSTS[Site.EDUCONNECT]: educonnect_site(town, now=now)}
    sites |= {SITE_HOSTS[site]: ent_site(town, site, now=now) for site in (Site.PETITS_PRES, Site.GRAND_LARGE)}
    if town.saml:
        sites[EDUCONNECT_SAML_HOST] = educonnect_saml_site(town, now=now)
    if town.desk:
        sites[ACADEMIE_HOST] = academie_site(town, now=now)
    for client in CLIENTS:
        ended: set[str] = set()
        sites |= {
            host: service_site(town, client, uai=uai, host=host, http=http, ended=ended)
            for uai, host in client.hosts.items()
        }
    return sites


@contextlib.contextmanager
def start_sites(town: Town, *, now: Seconds = time.time) -> Iterator[None]:
    """Serve every site while the context is open; the sockets listen when it opens.

    Raises `OSError` when an address is taken.
    """
    with contextlib.ExitStack() as stack:
        http = stack.enter_context(open_http(town))
        for host, server in _bind(build_sites(town, http=http, now=now), town, stack).items():
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name=f"site {host}")
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
        yield


def _bind(sites: Mapping[str, Flask], town: Town, stack: contextlib.ExitStack) -> dict[str, BaseWSGIServer]:
    context = _tls_context(town.tls)
    servers = {}
    for host, app in sites.items():
        # Bound here: werkzeug ends the whole process when an address is taken.
        with socket.create_server((host, town.addresses.port)) as bound:
            server = make_server(
                host, town.addresses.port, app, threaded=True, request_handler=_Quiet, ssl_context=context,
                fd=bound.fileno(),
            )  # fmt: skip
        stack.callback(server.server_close)
        servers[host] = server
    return servers


def _tls_context(tls: Tls | None) -> ssl.SSLContext | None:
    if tls is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.certificate, tls.key)
    return context
