"""A sheet of paper to write and draw on: fonts, directions of writing, our own pictograms, a QR code as vectors.

The one home of fpdf2, of uharfbuzz beneath it (Arabic letters joined as they are written), and of segno for letters.
"""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import segno
from fpdf import FPDF
from fpdf.enums import Align

from broker.notify.texts import RIGHT_TO_LEFT

WIDTH, HEIGHT, MARGIN = 210.0, 297.0, 18.0
INK, PALE = 20, 120
"""Greys: letters are copied, and folded where it is dark."""
_FONTS = {("text", ""): "NotoSans-Regular.ttf", ("text", "B"): "NotoSans-Bold.ttf"}
_ARABIC = {("arab", ""): "NotoSansArabic-Regular.ttf", ("arab", "B"): "NotoSansArabic-Bold.ttf"}
_CORE = "helvetica"
_PLAIN = str.maketrans(
    {
        "’": "'",
        "‘": "'",
        "“": '"',
        "”": '"',
        "–": "-",
        "—": "-",
        "…": "...",
        "œ": "oe",
        "Œ": "OE",
        "\u202f": " ",
        "Ł": "L",
        "ł": "l",
        "Đ": "D",
        "đ": "d",
        "ı": "i",
    }
)

# The subsetter tells every table of a font that it leaves alone, a hundred lines a letter.
logging.getLogger("fontTools.subset").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class Style:
    """How a text is written: size in points, bold or not, its language (which gives its font and direction)."""

    size: float = 11.0
    bold: bool = False
    language: str = "fr"
    grey: int = INK

    @property
    def leading(self) -> float:
        """Height of a line in millimetres."""
        return self.size * 0.3528 * 1.32

    @property
    def align(self) -> Align:
        """The side at which lines begin."""
        return Align.R if self.language in RIGHT_TO_LEFT else Align.L


def font_faults(folder: Path) -> Iterator[str]:
    """The files that letters need and that the folder lacks."""
    for name in (*_FONTS.values(), *_ARABIC.values()):
        if not (folder / name).is_file():
            yield f"{folder / name} is not there (Debian: fonts-noto-core)"


class Paper:
    """The sheets of one document. Without a folder of fonts it writes what the PDF's own ones can: French, English."""

    def __init__(self, fonts: Path | None) -> None:
        self._pdf = FPDF(format="A4", unit="mm")
        self._pdf.set_auto_page_break(auto=False)
        self._pdf.set_margin(0)
        self._pdf.c_margin = 0
        self._own = fonts is not None
        if fonts is not None:
            for (family, style), name in (_FONTS | _ARABIC).items():
                self._pdf.add_font(family, style, fonts / name)

    def sheet(self) -> None:
        """Begin a sheet."""
        self._pdf.add_page()

    def write(self, text: str, at: tuple[float, float], width: float, style: Style) -> float:
        """Write a paragraph from a place downwards; returns where the next may begin."""
        self._font(style)
        self._pdf.set_xy(*at)
        self._pdf.multi_cell(width, style.leading, self._writable(text), align=style.align)
        return float(self._pdf.get_y())

    def write_code(self, code: str, at: tuple[float, float], width: float, *, size: float) -> None:
        """Write a code in the middle of a width: from left to right, whatever stands around it.

        One of the widest letters only is written as large as there is room.
        """
        self._font(Style(size, bold=True))
        self._font(Style(size * min(1.0, width / self._pdf.get_string_width(code)), bold=True))
        self._pdf.set_xy(*at)
        self._pdf.cell(width, size * 0.3528 * 1.2, code, align=Align.C)

    def box(self, at: tuple[float, float], width: float, height: float) -> None:
        """Draw a frame."""
        with self._pen(0.6):
            self._pdf.rect(*at, width, height, round_corners=True, corner_radius=2)

    def rule(self, y: float, *, dashed: bool = False) -> None:
        """Draw a line across; dashed where it is cut."""
        with self._pen(0.2, grey=PALE):
            self._pdf.set_dash_pattern(*((1.5, 1.5) if dashed else (0, 0)))
            self._pdf.line(MARGIN, y, WIDTH - MARGIN, y)
            self._pdf.set_dash_pattern()

    def square(self, content: str, at: tuple[float, float], size: float) -> None:
        """Draw a QR code, its quiet zone around it: one rectangle a run of dark modules."""
        rows = [bytes(row) for row in segno.make(content, error="m", micro=False).matrix_iter(border=4)]
        module = size / len(rows)
        self._pdf.set_fill_color(0)
        for y, row in enumerate(rows):
            for start, end in _runs(row):
                place = (at[0] + start * module, at[1] + y * module)
                self._pdf.rect(*place, (end - start) * module, module, style="F")

    def screen(self, x: float, y: float) -> None:
        """Draw a telephone that looks at a square."""
        with self._pen(0.6):
            self._pdf.rect(x + 3, y, 9, 16, round_corners=True, corner_radius=1.5)
            self._pdf.line(x + 6.5, y + 14, x + 8.5, y + 14)
            for dx, dy in ((5, 3), (8, 3), (5, 6)):
                self._pdf.rect(x + dx, y + dy, 2, 2)
            self._pdf.line(x + 5, y + 10.5, x + 10, y + 10.5)

    def keys(self, x: float, y: float) -> None:
        """Draw four boxes to write in, and a pencil."""
        with self._pen(0.6):
            for column in range(4):
                self._pdf.rect(x + column * 4, y + 9, 3.4, 5)
            self._pdf.polygon(((x + 8, y + 7), (x + 14, y), (x + 15.6, y + 1.4), (x + 9.6, y + 8.4), (x + 7.6, y + 9)))

    def lock(self, x: float, y: float) -> None:
        """Draw a padlock."""
        with self._pen(0.6):
            self._pdf.rect(x + 2.5, y + 7, 11, 9, round_corners=True, corner_radius=1)
            self._pdf.arc(x + 4.5, y + 1, 7, 180, 360, 12)
            self._pdf.circle(x + 8, y + 10.6, 1.1)
            self._pdf.line(x + 8, y + 11.7, x + 8, y + 14)

    def octets(self, *, title: str) -> bytes:
        """The document."""
        self._pdf.set_title(self._writable(title))
        self._pdf.set_lang("fr")
        return bytes(self._pdf.output())

    @contextmanager
    def _pen(self, width: float, *, grey: int = INK) -> Iterator[None]:
        self._pdf.set_draw_color(grey)
        self._pdf.set_line_width(width)
        yield

    def _font(self, style: Style) -> None:
        family = ("arab" if style.language in RIGHT_TO_LEFT else "text") if self._own else _CORE
        weight: Literal["", "B"] = "B" if style.bold else ""
        self._pdf.set_font(family, weight, style.size)
        self._pdf.set_text_color(style.grey)
        if self._own:
            # Latin letters stand beside each other as they are: shaping them would take ten times as long.
            self._pdf.set_text_shaping(family == "arab")
            # What a font lacks comes from the other: an address in an Arabic line, a name in any script.
            self._pdf.set_fallback_fonts(["text" if family == "arab" else "arab"], exact_match=False)

    def _writable(self, text: str) -> str:
        """The text; in the PDF's own fonts, which end with Latin-1, without the marks of letters that lie beyond."""
        return text if self._own else _latin(text)


def _latin(text: str) -> str:
    return "".join(each if ord(each) < 1 << 8 else _bare(each) for each in text.translate(_PLAIN))


def _bare(letter: str) -> str:
    found = "".join(part for part in unicodedata.normalize("NFKD", letter) if ord(part) < 1 << 8)
    return found or "?"


def _runs(row: bytes) -> Iterator[tuple[int, int]]:
    """Where dark modules begin and end in a row."""
    start = -1
    for place, dark in enumerate((*row, 0)):
        if dark and start < 0:
            start = place
        elif not dark and start >= 0:
            yield start, place
            start = -1
