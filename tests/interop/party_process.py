"""A relying party in a process of its own: `node/party.mjs`, or one of `programs/`."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import tests
from broker.demo.prepared import Tls
from tests.interop.parties import AUTHLIB, IDPYOIDC, NODE, SCOPE, Party, farewell, redirect_uri
from tests.interop.saml_parties import FAMILY_NAME, GIVEN_NAME, SamlParty
from tests.saml_party import REDIRECT
from tests.servers import Account, Command, ServerMissing, accepts, find_binary, guarded, private_folder

MODULES = Path(__file__).parent / "node"
_SIGNS = re.compile(r'use="signing"><ds:KeyInfo[^>]*><ds:X509Data><ds:X509Certificate>([^<]+)')
MYSELF = Account(None, None)
"""No other user can be sure to read the installed modules under the caller's home."""


@contextmanager
def running_party(party: Party, issuer: str, tls: Tls) -> Iterator[str]:
    """Run it; yields its origin. Raises `ServerMissing`, `ServerFailed`."""
    origin = party.origins[0]
    place = urlsplit(origin)
    with private_folder("party", MYSELF) as folder:
        settings = folder / "settings.json"
        settings.touch(mode=0o600)
        settings.write_text(json.dumps(_told(party, issuer, tls)))
        with guarded(
            [*_environment(tls), *_PROGRAMS[party.client_id](), settings],
            folder=folder,
            account=MYSELF,
            stop=["SIGTERM"],
            answers=lambda: accepts(place.hostname or "", place.port or 0),
        ):
            yield origin


@contextmanager
def running_node_saml(party: SamlParty, issuer: str, idp_metadata: str) -> Iterator[str]:
    """Run npm's node-saml as this provider, over http; yields its origin. Raises `ServerMissing`, `ServerFailed`."""
    told = {
        "origin": party.origin, "entity_id": party.entity_id, "acs": party.origin + party.acs,
        "slo": party.origin + party.slo[REDIRECT], "sso_url": f"{issuer}/saml/sso", "slo_url": f"{issuer}/saml/slo",
        "certificate": _SIGNS.findall(idp_metadata), "key": party.key,
        "names": {"given": GIVEN_NAME, "family": FAMILY_NAME},
    }  # fmt: skip
    place = urlsplit(party.origin)
    with private_folder("party", MYSELF) as folder:
        settings = folder / "settings.json"
        settings.touch(mode=0o600)
        settings.write_text(json.dumps(told))
        with guarded(
            [*node_program("saml.mjs"), settings], folder=folder, account=MYSELF, stop=["SIGTERM"],
            answers=lambda: accepts(place.hostname or "", place.port or 0),
        ):  # fmt: skip
            yield party.origin


def node_program(name: str) -> Command:
    """Return the command of one of the programs in `node/`. Raises `ServerMissing` without its modules."""
    if not all((MODULES / "node_modules" / each).is_dir() for each in ("openid-client", "@node-saml")):
        raise ServerMissing("openid-client and node-saml are not installed (make interop installs them)")
    return [find_binary("node"), MODULES / name]


def _python_program(name: str) -> Command:
    return [sys.executable, "-m", f"tests.interop.programs.{name}"]


_PROGRAMS = {
    NODE: lambda: node_program("party.mjs"),
    AUTHLIB: lambda: _python_program("authlib_party"),
    IDPYOIDC: lambda: _python_program("idpyoidc_party"),
}


def _environment(tls: Tls) -> Command:
    """By which each of them is told whom to trust."""
    root = Path(tests.__file__).parents[1]
    trust = [f"{name}={tls.authority}" for name in ("NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE")]
    return [find_binary("env"), f"PYTHONPATH={root}", f"HOME={os.devnull}", *trust]


def _told(party: Party, issuer: str, tls: Tls) -> dict[str, str]:
    origin = party.origins[0]
    return {
        "issuer": issuer, "client_id": party.client_id, "client_secret": party.secret, "alg": party.signing_alg,
        "origin": origin, "redirect_uri": redirect_uri(origin), "farewell": farewell(origin), "scope": SCOPE,
        "certificate": str(tls.certificate), "key": str(tls.key), "authority": str(tls.authority),
    }  # fmt: skip
