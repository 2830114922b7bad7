"""The public pages for those who connect a service: how to, with the addresses as they are, and every code there is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from flask import Response

from broker.domain.errors import PageNotFound, PreauError, every_fault
from broker.protocol.oidc.discovery import build_metadata
from broker.protocol.oidc.provider import SCOPE_CLAIMS
from broker.protocol.oidc.routes import algs_wanted
from broker.web.parts import PageParts
from broker.web.render import page

_LISTS = ("id_token_signing_alg_values_supported", "code_challenge_methods_supported")
"""What a client has to know beside the addresses."""


@dataclass(frozen=True, slots=True)
class Integrate:
    """The pages /integrer, /integrer/familles and /codes."""

    parts: PageParts

    def show(self) -> Response:
        """GET /integrer: the steps, and the addresses copied from the metadata.

        Public: it says nothing that discovery does not.
        """
        return page(
            "integrate.html", told=self._told(), document=f"{self.parts.issuer}/.well-known/openid-configuration",
            scopes=SCOPE_CLAIMS, sandbox=self.parts.sandbox,
        )  # fmt: skip

    def families(self) -> Response:
        """GET /integrer/familles: invented people and their password, where the settings name a sandbox."""
        if self.parts.sandbox is None:
            raise PageNotFound("no sandbox is set")
        return page("sandbox.html", sandbox=self.parts.sandbox)

    def codes(self) -> Response:
        """GET /codes: every code, as docs/errors.md has them for administrators."""
        return page("codes.html", faults=_faults().values())

    def code(self, code: str) -> Response:
        """GET /codes/<code>: what it says to the person, and what the service is told in its own standard's words."""
        fault = every_fault().get(code)
        if fault is None:
            raise PageNotFound("no such code")
        return page("code.html", fault=fault)

    def _told(self) -> Mapping[str, str]:
        services = self.parts.services.current().all()
        metadata = json.loads(build_metadata(self.parts.issuer, algs=algs_wanted(services)))
        addresses = {name: value for name, value in metadata.items() if isinstance(value, str)}
        return addresses | {name: ", ".join(metadata[name]) for name in _LISTS}


def _faults() -> Mapping[str, type[PreauError]]:
    """Every kind of error that somebody can meet, by its code; the list needs no families."""
    return {code: kind for code, kind in sorted(every_fault().items()) if not code.endswith("000")}
