"""Names to draw from: varied in origin, with hyphens, accents, apostrophes and particles, as school files hold them."""

from __future__ import annotations

import tomllib
from pathlib import Path

_NAMES: dict[str, list[str]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))

GIVEN_HERS = tuple(_NAMES["hers"])
GIVEN_HIS = tuple(_NAMES["his"])
FAMILY = tuple(_NAMES["family"])
STREETS = tuple(_NAMES["streets"])
