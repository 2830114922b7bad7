"""How long the shipped policies keep things, for tests of what purges."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import cache

import policies


@cache
def shipped_spans() -> Mapping[str, timedelta]:
    """Every number of `retention.toml`, and how long a merge can be undone."""
    shipped = policies.load()
    return shipped.retention.spans(shipped.linking)
