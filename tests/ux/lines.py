"""Lines of a verdict: what was looked at, what was seen, whether it is good."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the report."""

    name: str
    seen: object
    good: bool


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of a kind of page: kilobytes, requests, contrast ratio, target size in CSS pixels."""

    kb_first: float
    kb_repeat: float
    requests: int
    script_kb: float
    contrast: float
    target: float
