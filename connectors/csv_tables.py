"""CSV tables as schools and vendors hand them over: one school's or one list's, so they are read whole, within limits.

Nothing is executed or repaired: a name that a spreadsheet would take for a formula is refused, so that no list made
from what we hold carries it on (CWE-1236).
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from broker.domain.errors import FeedRefused
from broker.domain.feed import FeedFault
from connectors import feed_values
from connectors.delivery import Member
from connectors.feed_values import Malformed

LARGEST = 64 << 20
"""Bytes of one table: a school of 3,000 pupils fills one."""
_LONGEST_CELL = 4096
_FORMULA = ("=", "+", "-", "@")
_FRACTIONS = re.compile(rb"[\xbc-\xbe]")
"""¼ ½ ¾ in Windows-1252, Œ œ Ÿ in ISO-8859-15."""
_ONLY_WINDOWS = re.compile(rb"[\x80-\x9f]")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: its cells in order, and the line it ends on."""

    line: int
    cells: Sequence[str]


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its file, its column names as they stand there, and its lines in order.

    `open_end` tells that the last line has no line end: whole or cut, the file alone does not say.
    """

    file: str
    columns: tuple[str, ...]
    rows: Sequence[Row | FeedFault]
    open_end: bool = False

    def is_cut(self, row: Row, *, width: int) -> bool:
        """Tell whether this is a last line that ends before it has as many cells."""
        return self.open_end and row is self.rows[-1] and len(row.cells) < width


def read_table(member: Member, *, separator: str = ";") -> Table:
    """Read a table whole. Raises `FeedRefused` when it is too large, no text, or has no line of column names."""
    text = _text(member)
    rows = list(_rows(member.name, text, separator))
    if not rows or not isinstance(rows[0], Row):
        raise FeedRefused(f"{member.name}: no line of column names")
    columns = tuple(cell.strip() for cell in rows[0].cells)
    return Table(member.name, columns, rows[1:], open_end=not text.endswith(("\n", "\r")))


def check_reach(columns: Sequence[str], cells: Sequence[str], needed: Sequence[str]) -> None:
    """Refuse a line that ends before its last needed cell: what is lost there is not the same as left empty.

    Raises `Malformed`. Cells after it may be missing: office software leaves empty ones at the end of a line out.
    """
    if len(cells) <= max(columns.index(name) for name in needed):
        raise Malformed("a line that ends too early")


def cells_by_name(columns: Sequence[str], cells: Sequence[str]) -> Mapping[str, str]:
    """The first cell under each name, without blanks at its ends; missing ones are empty."""
    found: dict[str, str] = {}
    for number, name in enumerate(columns):
        found.setdefault(name, cells[number].strip() if number < len(cells) else "")
    return found


def name_in(text: str) -> str:
    """A name, its blanks made single. Raises `Malformed` for what no name is."""
    return feed_values.name_in(cell_in(text))


def cell_in(text: str) -> str:
    """A text, its blanks made single (a leading tab or line end starts a formula too). Raises `Malformed` for one."""
    cell = " ".join(text.split())
    if cell.startswith(_FORMULA):
        raise Malformed("a text that a spreadsheet would execute")
    return cell


def _text(member: Member) -> str:
    """UTF-8 where the bytes are, else the code page that office software writes; never a guess by language."""
    content = bytearray()
    while block := member.stream.read(1 << 16):
        content += block
        if len(content) > LARGEST:
            raise FeedRefused(f"{member.name}: larger than any list of a school")
    if b"\0" in content:
        raise FeedRefused(f"{member.name}: no text")
    try:
        return bytes(content).removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError:
        return _of_code_page(member, bytes(content))


def _of_code_page(member: Member, content: bytes) -> str:
    """Windows-1252, or ISO-8859-15 where bytes stand that only it makes letters of: no name holds a fraction."""
    latin_9 = _FRACTIONS.search(content) and not _ONLY_WINDOWS.search(content)
    try:
        return content.decode("iso8859-15" if latin_9 else "cp1252")
    except UnicodeDecodeError as error:
        raise FeedRefused(f"{member.name}: neither UTF-8 nor Windows-1252") from error


def _rows(file: str, text: str, separator: str) -> Iterator[Row | FeedFault]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error:
            reason = "quotes that do not close or stand alone: nothing after this line was read"
            yield FeedFault(file, line, reason, breaks=True)
            return
        if cells is None:
            return
        if any(len(cell) > _LONGEST_CELL for cell in cells):
            yield FeedFault(file, line, "a value longer than any real one", breaks=True)
        elif any(cell.strip() for cell in cells):
            yield Row(line, cells)
