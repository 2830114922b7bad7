"""A token request of a proven client, before it is known what it redeems, if anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from broker.domain.errors import UnauthorizedClient
from broker.protocol.endpoint import Call
from broker.protocol.oidc.client_auth import AuthenticatedClient
from broker.wire import oauth
from broker.wire.http import PlainResponse


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """Who asks, what, and with which proven key (empty: none)."""

    call: Call
    client: AuthenticatedClient
    form: Mapping[str, str]
    jkt: str


Grantor = Callable[[TokenRequest], PlainResponse]
"""Answers the requests of one grant type. Raises `ProtocolError`."""


def check_grant_type(client: AuthenticatedClient, form: Mapping[str, str]) -> None:
    """The client's descriptor has this grant (RFC 6749 §5.2). A refresh token is judged by its scope, when redeemed."""
    asked = form.get(oauth.GRANT_TYPE, "")
    if asked != oauth.REFRESH_TOKEN and asked not in client.party.grant_types:
        raise UnauthorizedClient("not a grant of this client")
