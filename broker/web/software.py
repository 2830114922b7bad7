"""What a browser calls itself (RFC 9110 §10.1.5), in two words that its owner knows: "Firefox, Android".

For "Mes appareils" alone: it is whatever was sent, and decides nothing. Only names of these lists are ever kept, so
that neither a version nor a text of somebody's choice is written down.
"""

from __future__ import annotations

_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
"""The first that is named: nearly all name Chrome and Safari as well."""
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("CrOS", "Chromebook"),
    ("Windows", "Windows"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
)


def name_software(user_agent: str) -> str:
    """The browser and its system; only one of both, or nothing, where they are none that we know."""
    told = user_agent[:512]
    found = (next((name for mark, name in known if mark in told), "") for known in (_BROWSERS, _SYSTEMS))
    return ", ".join(filter(None, found))
