"""npm's openid-client as a relying party: `node/party.mjs` in a process of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.interop.parties import Party, redirect_uri
from tests.servers import Account, ServerMissing, accepts, find_binary, guarded, private_folder

ADDRESS = "127.0.0.34"
FOLDER = Path(__file__).parent / "node"
MYSELF = Account(None, None)
"""No other user can be sure to read the installed modules under the caller's home."""


@contextmanager
def node_party(party: Party, issuer: str) -> Iterator[str]:
    """Run it for `party`; yields its origin."""
    if not (FOLDER / "node_modules" / "openid-client").is_dir():
        raise ServerMissing("openid-client is not installed (make interop installs it)")
    origin = party.origins[0]
    place = urlsplit(origin)
    with private_folder("node", MYSELF) as folder:
        settings = folder / "settings.json"
        settings.touch(mode=0o600)
        settings.write_text(
            json.dumps(
                {
                    "issuer": issuer,
                    "client_id": party.client_id,
                    "client_secret": party.secret,
                    "alg": party.signing_alg,
                    "origin": origin,
                    "redirect_uri": redirect_uri(origin),
                    "scope": "openid profile children",
                }
            )
        )
        with guarded(
            [find_binary("node"), FOLDER / "party.mjs", settings],
            folder=folder,
            account=MYSELF,
            stop=["SIGTERM"],
            answers=lambda: accepts(place.hostname or "", place.port or 0),
        ):
            yield origin
