"""What fits into a text message: the GSM 7-bit alphabet and segments (3GPP TS 23.038 §6.2.1, TS 23.040 §9.2.3.24.1).

Nothing is transliterated behind anybody's back: a text with one letter outside the alphabet goes out in UCS-2, at 70
characters a segment. Our own French and English texts are kept inside by a test.
"""

from __future__ import annotations

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = frozenset("^{}\\[~]|€\f")
"""Each takes two of the 7-bit places: an escape goes before it."""

ONE_GSM, PART_GSM = 160, 153
ONE_UCS2, PART_UCS2 = 70, 67
"""A message of several parts carries a header in each."""


def strangers(text: str) -> frozenset[str]:
    """The characters that the alphabet lacks."""
    return frozenset(text) - BASIC - EXTENDED


def segments(text: str) -> int:
    """How many segments a text takes; 0 for an empty one."""
    if not strangers(text):
        return _parts([2 if each in EXTENDED else 1 for each in text], one=ONE_GSM, part=PART_GSM)
    return _parts([len(each.encode("utf-16-be")) // 2 for each in text], one=ONE_UCS2, part=PART_UCS2)


def _parts(widths: list[int], *, one: int, part: int) -> int:
    """Places in parts: an escape and its character, or two halves of a surrogate pair, are never cut apart."""
    if sum(widths) <= one:
        return 1 if widths else 0
    parts, filled = 1, 0
    for width in widths:
        if filled + width > part:
            parts, filled = parts + 1, 0
        filled += width
    return parts
