"""A page of a service without a server of its own: files that an Apache gives out, npm's oidc-client-ts among them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from broker.demo.prepared import Tls
from tests.interop.apache import Host, apache
from tests.interop.parties import SCOPE, Party
from tests.interop.party_process import MODULES
from tests.servers import ServerMissing

_FILES = Path(__file__).parent / "page"
_LIBRARY = MODULES / "node_modules" / "oidc-client-ts" / "dist" / "browser" / "oidc-client-ts.min.js"
_SETTINGS = """\
AliasMatch "^/(retour|au-revoir)?$" {folder}/site/index.html
<Directory {folder}/site>
  Require all granted
</Directory>
<Files *.html>
  ForceType "text/html; charset=utf-8"
</Files>
<Files *.js>
  ForceType text/javascript
</Files>
"""


@contextmanager
def page_site(party: Party, issuer: str, tls: Tls, *, dpop: bool) -> Iterator[tuple[str, ...]]:
    """Give it out; yields its origins. Raises `ServerMissing`, `ServerFailed`."""
    if not _LIBRARY.is_file():
        raise ServerMissing("oidc-client-ts is not installed (make interop installs it)")
    told = {"authority": issuer, "client_id": party.client_id, "scope": SCOPE, "dpop": dpop}
    files = {f"site/{path.name}": path.read_text(encoding="utf-8") for path in (*_FILES.iterdir(), _LIBRARY)}
    files |= {"site/settings.json": json.dumps(told)}
    hosts = [Host(origin, "") for origin in party.origins]
    with apache(hosts, tls, modules=("alias",), settings=_SETTINGS, files=files):
        yield party.origins
