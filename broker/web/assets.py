"""Where templates, translations and the style sheet lie, and the one static file as it is served."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

_IN_WHEEL = Path(__file__).resolve().parent.parent / "templates"
_BESIDE_PACKAGE = Path(__file__).resolve().parent.parent.parent / "templates"


def templates_folder() -> Path:
    """The folder of the pages: inside the package in a wheel, beside it in an editable install."""
    return _IN_WHEEL if _IN_WHEEL.is_dir() else _BESIDE_PACKAGE


@dataclass(frozen=True, slots=True)
class StyleSheet:
    """The style sheet under a name made from its content: a browser keeps it for ever, a change gets a new name."""

    name: str
    body: bytes


def load_style_sheet(folder: Path) -> StyleSheet:
    """Read `preau.css` once, at start."""
    body = (folder / "preau.css").read_bytes()
    return StyleSheet(name=f"preau.{hashlib.sha256(body).hexdigest()[:12]}.css", body=body)
