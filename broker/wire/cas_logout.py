"""The logout request that a CAS server sends to a service (CAS Protocol 3.0.3 §2.3.3, Appendix C)."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from broker.wire.cas_answer import escape

NOT_USED = "@NOT_USED@"
"""Where the service knows people by a name that is not kept with its session: it looks at the index alone."""


def write_logout_request(name: str, index: str, *, now: datetime) -> str:
    """Ask a service to end the session that it made of the ticket `index`. Each request has an id of its own."""
    at = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        '<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"'
        f' ID="LR-{secrets.token_hex(16)}" Version="2.0" IssueInstant="{at}">'
        '<saml:NameID xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">'
        f"{escape(name)}</saml:NameID><samlp:SessionIndex>{escape(index)}</samlp:SessionIndex></samlp:LogoutRequest>"
    )
