"""The gate of every form: same origin, and a token that only this browser, in this session, was given.

The token is a keyed digest of the browser's cookie and of the session's (double submit, signed): nothing is stored,
a token of another browser, of another session or from before a sign-out says nothing here.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping

from broker.domain.errors import BadPageRequest
from broker.domain.handles import Handle

FIELD = "csrf"


def form_token(key: bytes, *, browser: str, session: str) -> str:
    """The token to put into a page's forms."""
    bound = hmac.new(key, f"form|{browser}|{session}".encode(), hashlib.sha256)
    return Handle.CSRF + bound.hexdigest()


def check_form(form: Mapping[str, str], key: bytes, *, browser: str, session: str) -> None:
    """Refuse a form without the token of this browser and session. Raises `BadPageRequest`."""
    expected = form_token(key, browser=browser, session=session)
    if not browser or not hmac.compare_digest(form.get(FIELD, "").encode(), expected.encode()):
        raise BadPageRequest("form token missing, or of another browser or session")


def check_origin(origin: str | None, *, issuer: str) -> None:
    """Refuse a POST that a page of another origin sent (Fetch §3.1: browsers name it). Raises `BadPageRequest`.

    An absent header passes: the token decides then.
    """
    if origin is not None and origin != issuer:
        raise BadPageRequest(f"form posted from another origin: {origin[:80]}")


def check_single(names: Iterable[tuple[str, list[str]]]) -> None:
    """Refuse a parameter sent twice: two readers could each believe another one. Raises `BadPageRequest`."""
    repeated = [name for name, values in names if len(values) > 1]
    if repeated:
        raise BadPageRequest(f"parameter repeated: {repeated[0][:40]}")


def seal_notice(key: bytes, told: Iterable[str], *, browser: str) -> str:
    """Mark that this browser, and no other, was sent to the page that tells this."""
    return hmac.new(key, "|".join(("notice", browser, *told)).encode(), hashlib.sha256).hexdigest()[:32]
