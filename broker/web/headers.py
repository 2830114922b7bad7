"""Security headers of every answer (ASVS 5.0 §3.4). The strictest is the default; a page asks for what it needs."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256

Headers = tuple[tuple[str, str], ...]

_FEATURES = ("camera", "display-capture", "geolocation", "microphone", "payment", "publickey-credentials-get", "usb")
_TWO_YEARS = 63072000


def content_policy(return_origins: Iterable[str] = (), *, script: str = "", frame_origins: Iterable[str] = ()) -> str:
    """Content-Security-Policy of a page. No script runs but `script`, nothing of others loads, nobody frames us.

    `return_origins`: where a form of this page may lead after redirects. Chromium applies `form-action` to every hop,
    so the page of a login in progress names its sources and the asking service, and no other page does.
    `frame_origins`: what the page frames, for the page after a sign-out alone.
    """
    allowed = " ".join(("'self'", *sorted(set(return_origins))))
    digest = b64encode(sha256(script.encode()).digest()).decode()
    runs = f"script-src 'sha256-{digest}'; " if script else ""
    framed = " ".join(sorted(set(frame_origins)))
    frames = f"frame-src {framed}; " if framed else ""
    return (
        f"default-src 'none'; {runs}{frames}style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        f"form-action {allowed}; frame-ancestors 'none'; base-uri 'none'"
    )


NOTHING_LOADS = "default-src 'none'; frame-ancestors 'none'; form-action 'none'; base-uri 'none'"
"""For answers that are not pages (JSON, redirects): a browser that shows one runs and loads nothing."""


def base_headers(*, secure: bool) -> Headers:
    """What every answer carries unless it said otherwise itself. `secure`: the issuer is https."""
    headers = (
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Permissions-Policy", ", ".join(f"{feature}=()" for feature in _FEATURES)),
        ("Content-Security-Policy", NOTHING_LOADS),
        ("Cache-Control", "no-store"),
        ("Server", "preau"),
    )
    return (*headers, ("Strict-Transport-Security", f"max-age={_TWO_YEARS}")) if secure else headers
