"""The JSON of a CAS validation answer (CAS Protocol 3.0.3 §2.5.1 `format`, §2.5.2, §2.5.3)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from broker.domain.released import Attribute
from broker.wire.cas_answer import CODES, Beside, Unwritable, check_names, check_user, is_value

_AS_ENTITY = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}
"""JSON that is looked at as a page holds no markup."""


def json_success(user: str, attributes: Sequence[Attribute], *, beside: Beside) -> bytes:
    """The answer for a ticket that was good: an attribute of one value is a text, of several a list.

    The same users, names and values as in XML: a service that changes the format learns nothing else. Raises
    `Unwritable`.
    """
    check_user(user)
    told: dict[str, str | list[str]] = {}
    for attribute in (*beside.facts, *attributes):
        check_names(attribute)
        texts = [text for text in attribute.texts if is_value(text)]
        if texts:
            told[attribute.name] = texts if attribute.many or len(texts) > 1 else texts[0]
    success: dict[str, object] = {"user": user}
    success |= {"attributes": told} if told else {}
    success |= {"proxyGrantingTicket": beside.iou} if beside.iou else {}
    success |= {"proxies": list(beside.proxies)} if beside.proxies else {}
    return _response({"authenticationSuccess": success})


def json_failure(code: str, sentence: str, *, outcome: str = "authenticationFailure") -> bytes:
    """The answer for a ticket that was not. Raises `Unwritable` for a code that is none of the protocol's."""
    if code not in CODES:
        raise Unwritable("not a code of the protocol")
    return _response({outcome: {"code": code, "description": sentence}})


def json_proxy_ticket(ticket: str) -> bytes:
    """The answer for a proxy-granting ticket that was good (§2.7.2)."""
    return _response({"proxySuccess": {"proxyTicket": ticket}})


def _response(outcome: Mapping[str, object]) -> bytes:
    text = json.dumps({"serviceResponse": outcome}, separators=(",", ":"), ensure_ascii=False)
    return text.translate(_AS_ENTITY).encode()
