"""Refusals of the token and userinfo endpoints, each with the challenge its standard asks for."""

from __future__ import annotations

from broker.domain.errors import InvalidClient, PreauError
from broker.protocol.answers import NO_STORE, refusal_json
from broker.wire.http import Headers, PlainResponse


def token_refusal(refusal: PreauError, *, trace: str) -> PlainResponse:
    """A refusal at the token endpoint; a failed client authentication names the scheme (RFC 6749 §5.2)."""
    challenge: Headers = ()
    if isinstance(refusal, InvalidClient):
        challenge = (("WWW-Authenticate", 'Basic realm="preau", charset="UTF-8"'),)
    return refusal_json(refusal, trace=trace, headers=challenge)


def bearer_refusal(refusal: PreauError, *, trace: str, shown: bool) -> PlainResponse:
    """A refusal at userinfo. A request that showed no token at all is told the scheme, no error (RFC 6750 §3.1)."""
    if not shown:
        return PlainResponse(401, (*NO_STORE, ("WWW-Authenticate", 'Bearer realm="preau"')))
    challenge = ("WWW-Authenticate", f'Bearer realm="preau", error="{refusal.spec_error}"')
    return refusal_json(refusal, trace=trace, headers=(challenge,))
