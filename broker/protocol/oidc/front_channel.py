"""Front-channel logout: addresses of services that our signed-out page frames (OIDC Front-Channel Logout §3)."""

from __future__ import annotations

from collections.abc import Iterable

from broker.domain.services import RelyingParty
from broker.protocol.oidc.id_token import sid_for
from broker.wire import oauth
from broker.wire.http import with_parameters


def frame_addresses(told: Iterable[tuple[RelyingParty, str]], *, issuer: str, visit: str) -> tuple[str, ...]:
    """Where to tell these clients, by the person's own browser, that a visit ended; those that registered an address.

    `told`: each with the school that was in play, empty: none. A hint at best: browsers that keep third-party cookies
    apart show such a frame a service without its session.
    """
    return tuple(
        with_parameters(
            party.frontchannel_logout_uri,
            {oauth.ISS: issuer, "sid": sid_for(party.client_id, sid=visit, school=school)},
        )
        for party, school in told
        if party.frontchannel_logout_uri
    )
