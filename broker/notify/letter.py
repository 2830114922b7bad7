"""The letter that carries a code: an A4 sheet for each adult, in French and in the family's language.

Its square holds the address of the page and, after `#`, the code: no browser sends what stands there, so it is in no
log; a script may fill the field in from it, nothing is ever sent without a press, and without a script it is typed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from babel.dates import format_date

from broker.domain.names import fold
from broker.domain.notices import Letter, LetterBatch
from broker.notify import letter_words as words
from broker.notify.letter_paper import MARGIN, PALE, WIDTH, Paper, Style
from broker.notify.texts import Translate, phone_in

INSIDE = WIDTH - 2 * MARGIN
CODE_SIZE, PHONE_SIZE = 24.0, 18.0
SQUARE = 38.0
FAMILY_PART, STUB = 202.0, 268.0
"""Where the family's language begins, and where the stub is cut off, from the top in millimetres."""
COLUMNS = (76.0, 45.0, 53.0)
"""Widths of the three gestures: the first names an address, which may be long."""
WINDOW = (105.0, 40.0)
"""Where an address shows in a window envelope (NF Z 10-011)."""
READ_ME = ("en", "ar")


@dataclass(frozen=True, slots=True)
class LetterPrinter:
    """`Printer` by PDF. `fonts`: a folder of Noto fonts; None: French and English in the fonts of the PDF itself."""

    translate: Translate
    fonts: Path | None = None

    @property
    def languages(self) -> frozenset[str]:
        """See `Printer.languages`."""
        return frozenset({"en", "ar"}) if self.fonts else frozenset({"en"})

    def letters(self, batch: LetterBatch) -> bytes:
        """See `Printer.letters`."""
        paper = Paper(self.fonts)
        for letter in sorted(batch.letters, key=_place_in_class):
            _Sheet(paper, batch, letter, self.translate, self.languages).draw()
        return paper.octets(title=batch.school)


def _place_in_class(letter: Letter) -> tuple[str, str, str, str]:
    return fold(letter.class_label), fold(letter.child), fold(letter.adult), letter.code.locator


@dataclass(frozen=True, slots=True)
class _Sheet:
    """One letter on its sheet: from the top downwards, a part a method."""

    paper: Paper
    batch: LetterBatch
    letter: Letter
    translate: Translate
    languages: frozenset[str]

    def draw(self) -> None:
        self.paper.sheet()
        self._head()
        self._code(self._purpose())
        self._gestures(132.0)
        self._rescue(167.0)
        self.paper.rule(FAMILY_PART - 4)
        if self.letter.language in self.languages:
            self._family(self.letter.language)
        else:
            self._read_me()
        self._stub()

    def _head(self) -> None:
        right = Style(10, grey=PALE)
        under = self.paper.write(self.batch.school, (MARGIN, 14), INSIDE - 60, Style(12, bold=True))
        number = self._say(words.NUMBER, "fr", number=self.letter.code.locator)
        below = self.paper.write(number, (WIDTH - MARGIN - 56, 14), 56, Style(12, bold=True))
        self.paper.write(_written(self.batch.printed_on, "fr"), (WIDTH - MARGIN - 56, below), 56, right)
        if self.letter.child or self.letter.class_label:
            child = {"child": self.letter.child, "class": self.letter.class_label}
            self.paper.write(self._say(words.CHILD, "fr", **child), (MARGIN, under + 1), INSIDE - 60, right)
        if self.letter.address:
            self.paper.write("\n".join(self.letter.address), WINDOW, 85, Style(11))

    def _purpose(self) -> float:
        below = self.paper.write(
            self._say(words.FOR, "fr", adult=self.letter.adult), (MARGIN, 68), INSIDE, Style(15, bold=True)
        )
        two_lines = f"{self._say(words.OPENS, 'fr')}\n{self._say(words.YOURS, 'fr')}"
        return self.paper.write(two_lines, (MARGIN, below + 1), INSIDE, Style(12)) + 3

    def _code(self, y: float) -> None:
        width = INSIDE - SQUARE - 4
        self.paper.box((MARGIN, y), width, 31)
        self.paper.write(self._say(words.CODE, "fr"), (MARGIN + 5, y + 3), width - 10, Style(11))
        self.paper.write_code(self.letter.code.written, (MARGIN + 3, y + 11), width - 6, size=CODE_SIZE)
        self.paper.write(self._until("fr"), (MARGIN + 5, y + 24.5), width - 10, Style(11))
        target = f"{self.batch.page}#{self.letter.code.locator}{self.letter.code.secret}"
        self.paper.square(target, (WIDTH - MARGIN - SQUARE, y - 3), SQUARE)

    def _gestures(self, y: float) -> None:
        drawings: tuple[Callable[[float, float], None], ...] = (self.paper.screen, self.paper.keys, self.paper.lock)
        x = MARGIN
        for number, (draw, text, width) in enumerate(zip(drawings, self._steps("fr"), COLUMNS, strict=True), 1):
            draw(x, y)
            self.paper.write(f"{number}", (x + 18, y + 4), 8, Style(18, bold=True))
            self.paper.write(text, (x, y + 17.5), width - 4, Style(10.5))
            x += width

    def _rescue(self, y: float) -> None:
        """Where help is had, and what is never to be done."""
        half = INSIDE / 2
        below = self.paper.write(self._say(words.NO_INTERNET, "fr"), (MARGIN, y + 3), half - 6, Style(11, bold=True))
        come = "\n".join((self._say(words.COME, "fr"), *self.batch.opening))
        self.paper.write(come, (MARGIN, below), half - 6, Style(10.5))
        if self.batch.phone:
            below = self.paper.write(self._say(words.HELP, "fr"), (MARGIN + half, y + 3), half, Style(11, bold=True))
            self.paper.write(self.batch.phone, (MARGIN + half, below), half, Style(PHONE_SIZE, bold=True))
        self.paper.write(self._say(words.NEVER, "fr"), (MARGIN + half, y + 20), half, Style(11, bold=True))

    def _family(self, language: str) -> None:
        """The same once more: the code is not, a line from right to left would lead the eye to its wrong end."""
        plain, bold = Style(10.5, language=language), Style(10.5, bold=True, language=language)
        steps = (f"{number}. {text}" for number, text in enumerate(self._steps(language), 1))
        come = " ".join((self._say(words.NO_INTERNET, language), self._say(words.COME, language)))
        lines = [
            (self._say(words.OPENS, language), bold),
            (self._say(words.YOURS, language), plain),
            (self._until(language), plain),
            *((step, plain) for step in steps),
            (come, plain),
            (self._say(words.NEVER, language), bold),
        ]
        if self.batch.phone:
            lines.append((f"{self._say(words.HELP, language)} {phone_in(language, self.batch.phone)}", plain))
        y = FAMILY_PART
        for text, style in lines:
            y = self.paper.write(text, (MARGIN, y), INSIDE, style) + 1.4

    def _read_me(self) -> None:
        y = FAMILY_PART
        for language in READ_ME:
            if language in self.languages:
                told = f"{self._say(words.OPENS, language)} {self._say(words.READ_ME, language)}"
                y = self.paper.write(told, (MARGIN, y), INSIDE, Style(11, language=language)) + 2

    def _stub(self) -> None:
        """What the desk keeps: who took which letter; the code is not on it."""
        self.paper.rule(STUB, dashed=True)
        told = self._say(words.STUB, "fr", number=self.letter.code.locator, adult=self.letter.adult)
        below = self.paper.write(told, (MARGIN, STUB + 4), INSIDE, Style(10.5))
        child = " · ".join(part for part in (self.letter.class_label, self.letter.child) if part)
        self.paper.write(child, (MARGIN, below), INSIDE / 2 - 4, Style(10, grey=PALE))
        self.paper.write(self._say(words.SIGN, "fr"), (MARGIN + INSIDE / 2, below), INSIDE / 2, Style(10, grey=PALE))

    def _steps(self, language: str) -> tuple[str, str, str]:
        page = self.batch.page.partition("://")[2] or self.batch.page
        go = self._say(words.GO, language, page=page)
        return go, self._say(words.WRITE, language), self._say(words.CHOOSE, language)

    def _until(self, language: str) -> str:
        return self._say(words.UNTIL, language, day=_written(self.letter.until, language))

    def _say(self, text: str, language: str, **values: str) -> str:
        said = self.translate(text, language)
        return said % values if values else said


def _written(day: date, language: str) -> str:
    return format_date(day, format="long", locale={"en": "en_GB"}.get(language, language))
