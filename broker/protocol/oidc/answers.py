"""Refusals of the token and userinfo endpoints, each with the challenge its standard asks for."""

from __future__ import annotations

from dataclasses import replace

from broker.domain.errors import InvalidClient, InvalidDpopProof, PreauError
from broker.protocol.answers import NO_STORE, refusal_json
from broker.wire import oauth
from broker.wire.http import Headers, PlainResponse
from broker.wire.jose import FAPI_ALGS

BEARER_CHALLENGE = 'Bearer realm="preau"'
DPOP_CHALLENGE = f'DPoP realm="preau", algs="{" ".join(FAPI_ALGS)}"'


def token_refusal(refusal: PreauError, *, trace: str) -> PlainResponse:
    """A refusal at the token endpoint; a failed client authentication names the scheme (RFC 6749 §5.2)."""
    challenge: Headers = ()
    if isinstance(refusal, InvalidClient):
        challenge = (("WWW-Authenticate", 'Basic realm="preau", charset="UTF-8"'),)
    return refusal_json(refusal, trace=trace, headers=challenge)


def bearer_refusal(refusal: PreauError, *, trace: str, scheme: str) -> PlainResponse:
    """A refusal at userinfo, by the scheme that was used (RFC 6750 §3.1, RFC 9449 §7.1).

    A request that showed no token at all is told the schemes, no error.
    """
    if not scheme:
        offered = (("WWW-Authenticate", DPOP_CHALLENGE), ("WWW-Authenticate", BEARER_CHALLENGE))
        return PlainResponse(401, (*NO_STORE, *offered))
    by_proof = scheme.lower() == oauth.DPOP.lower()
    challenge = DPOP_CHALLENGE if by_proof else BEARER_CHALLENGE
    told = ("WWW-Authenticate", f'{challenge}, error="{refusal.spec_error}"')
    answer = refusal_json(refusal, trace=trace, headers=(told,))
    return replace(answer, status=401) if isinstance(refusal, InvalidDpopProof) else answer
