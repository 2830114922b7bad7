"""Text messages through one HTTP gateway, whichever it is: an address, a body with two blanks, a header that proves us.

The blanks are filled in inside a parsed body: no text can add a field, a recipient or a message of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from broker.domain.errors import UpstreamUnavailable
from broker.domain.notices import MessageUnsent, TextMessage
from broker.domain.ports.notify import SmsCounts
from broker.notify.gsm import segments

Post = Callable[[str, bytes, Mapping[str, str]], int]
"""Posts a body to an address and returns the status. Raises `UpstreamUnavailable`."""
TO, TEXT = "{to}", "{text}"
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_OURS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
"""An account that is refused, empty or mistyped: the administrator's to mend, and the message goes out after that."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """How a gateway is called. `body`: parsed, with `{to}` and `{text}` in it; `form`: its fields are sent as a form.

    `success`: the status of a message that was taken; 0 where any 2xx is.
    """

    url: str
    body: Any
    form: bool = False
    success: int = 0
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class GatewayTexter:
    """`Texter` by HTTP."""

    gateway: Gateway
    post: Post
    counts: SmsCounts
    clock: Callable[[], datetime]

    def send(self, message: TextMessage) -> None:
        """See `Texter.send`."""
        if not _E164.fullmatch(message.to):
            raise MessageUnsent
        body, media_type = build_body(self.gateway, message)
        status = self.post(self.gateway.url, body, {**self.gateway.headers, "content-type": media_type})
        check_status(status, success=self.gateway.success)
        self.counts.add(message.uai, self.clock().date(), segments(message.text))


def parse_template(text: str, *, form: bool) -> Any:
    """The body of a gateway. Raises `ValueError` for what is no JSON, lacks a blank, or is no flat table for a form."""
    body = json.loads(text)
    said = list(_texts(body))
    if not all(any(blank in each for each in said) for blank in (TO, TEXT)):
        raise ValueError("both {to} and {text} must stand in it")
    if form and not (isinstance(body, dict) and all(isinstance(value, str) for value in body.values())):
        raise ValueError("a form is a flat table of texts")
    return body


def build_body(gateway: Gateway, message: TextMessage) -> tuple[bytes, str]:
    """The body of a message and its media type."""
    filled = _filled(gateway.body, {TO: message.to, TEXT: message.text})
    if gateway.form:
        return urlencode(filled).encode(), "application/x-www-form-urlencoded"
    return json.dumps(filled, ensure_ascii=False).encode(), "application/json"


def check_status(status: int, *, success: int) -> None:
    """Raise what the gateway's answer comes to, unless it took the message."""
    taken = status == success if success else HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
    if taken:
        return
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in _LATER | _OURS:
        raise MessageUnsent
    raise UpstreamUnavailable(f"the gateway answered {status}")


def _filled(body: Any, values: Mapping[str, str]) -> Any:
    if isinstance(body, dict):
        return {key: _filled(value, values) for key, value in body.items()}
    if isinstance(body, list):
        return [_filled(value, values) for value in body]
    return _BLANK.sub(lambda blank: values[blank[0]], body) if isinstance(body, str) else body


def _texts(body: Any) -> list[str]:
    if isinstance(body, dict):
        return [text for value in body.values() for text in _texts(value)]
    if isinstance(body, list):
        return [text for value in body for text in _texts(value)]
    return [body] if isinstance(body, str) else []


_BLANK = re.compile(r"\{(?:to|text)\}")
"""Both at once: what a text holds is never taken for a blank."""
