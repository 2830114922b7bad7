"""`preau serve` and `preau work`: the two processes of an installation."""

from __future__ import annotations

import argparse
import os
import socket
from pathlib import Path

from granian.constants import HTTPModes, Interfaces
from granian.server import Server

from broker.app import build, run_worker
from broker.cli.options import Commands, command, settings_of
from broker.cli.output import DONE, FAILED, complain
from broker.domain.errors import SettingsError
from broker.jobs.stopping import stop_event
from broker.logs import configure_logging
from broker.settings import Settings

APPLICATION = "broker.app:create_wsgi"
_KILL_AFTER = 10
"""Seconds a worker process may take to finish what it is answering."""


def add_to(commands: Commands) -> None:
    """Add the commands to the command line."""
    command(commands, "serve", serve, "answer requests")
    command(commands, "work", work, "do what comes after acts: drop copies, seal the audit trail, sweep what is over")


def serve(args: argparse.Namespace) -> int:
    """Serve until asked to stop. Every fault of the setup is told before the first request is taken."""
    settings = settings_of(args)
    build(settings).close()
    name_settings(args.config)
    run_server(settings)
    return DONE


def work(args: argparse.Namespace) -> int:
    """Run the worker until asked to stop."""
    settings = settings_of(args)
    if not settings.redis_url:
        complain(["without redis_url the worker runs inside `preau serve`: there is nothing to start here"])
        return FAILED
    configure_logging(settings.log_level)
    with stop_event() as stop:
        run_worker(settings, stop)
    return DONE


def name_settings(config: Path | None) -> None:
    """Tell the worker processes where the settings are; they read them anew."""
    if config is not None:
        os.environ["PREAU_CONFIG"] = str(config.resolve())


def run_server(settings: Settings) -> None:
    """Serve with worker processes until SIGINT or SIGTERM. Raises `SettingsError` when the address is taken."""
    check_free(settings.host, settings.port)
    server = Server(
        APPLICATION,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        factory=True,
        workers=settings.workers,
        blocking_threads=settings.threads,
        respawn_failed_workers=True,
        workers_kill_timeout=_KILL_AFTER,
        log_enabled=False,
    )
    server.serve()


def check_free(host: str, port: int) -> None:
    """Raise `SettingsError` when nothing can listen at this address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as fault:
            raise SettingsError((f"listen: {host}:{port} cannot be used ({fault.strerror})",)) from fault
