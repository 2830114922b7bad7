"""A broker of its own for what the demo town does not have, served from this process on one port."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

from broker.app import build
from broker.settings import Settings, load_settings
from broker.stores import bring_up_to_date


@contextmanager
def serving(folder: Path, settings_text: str, *, port: int) -> Iterator[Settings]:
    """Serve a broker with these settings (TOML); a folder with its master secret is made ready."""
    (folder / "services").mkdir()
    (folder / "master").touch(mode=0o600)
    (folder / "master").write_bytes(secrets.token_bytes(32))
    (folder / "preau.toml").write_text(settings_text, "utf-8")
    settings = load_settings(folder / "preau.toml", {})
    bring_up_to_date(settings)
    with (
        closing(build(settings)) as broker,
        make_server("127.0.0.1", port, broker.wsgi, handler_class=_Quiet) as server,
    ):
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield settings
        finally:
            server.shutdown()
            thread.join()


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing."""
