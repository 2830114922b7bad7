"""Answers to machines: JSON, never stored, errors by their code in the standards."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from broker.domain.errors import PreauError
from broker.wire import oauth
from broker.wire.http import Headers, PlainResponse, json_response

NO_STORE: Headers = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))

log = logging.getLogger(__name__)


def private_json(content: Mapping[str, object]) -> PlainResponse:
    """A successful answer that no cache may keep (RFC 6749 §5.1)."""
    return json_response(200, content, headers=NO_STORE)


def refusal_json(refusal: PreauError, *, trace: str, headers: Headers = ()) -> PlainResponse:
    """A refusal for a machine: the standard's code, ours for support, and the trace number; the cause is logged."""
    log.log(refusal.level, "request refused", extra={"trace": trace, "code": refusal.code, "cause": refusal.cause})
    content = {oauth.ERROR: refusal.spec_error or oauth.SERVER_ERROR, "error_description": f"{refusal.code} {trace}"}
    return json_response(refusal.status, content, headers=(*NO_STORE, *headers))
