"""A class's letters as one PDF: seconds, and its size. Half of the families read Arabic.

    python -m bench.letters [--letters 30] [--dry]

The first document of a process also reads the fonts' tables; it is measured, as the desk meets it.
"""

from __future__ import annotations

import argparse
import time
from datetime import date
from pathlib import Path

from bench.results import Row, append
from broker.domain.credentials import new_letter_code
from broker.domain.notices import Letter, LetterBatch
from broker.notify.letter import LetterPrinter
from broker.telling import open_words

BAR_SECONDS, BAR_MEBIBYTES = 10.0, 2.0
FONTS = Path("/usr/share/fonts/truetype/noto")


def main() -> None:
    """Print, measure, append."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--letters", type=int, default=30)
    parser.add_argument("--dry", action="store_true", help="print only")
    options = parser.parse_args()
    batch = class_of(options.letters)
    printer = LetterPrinter(open_words(), FONTS)
    began = time.perf_counter()
    octets = printer.letters(batch)
    seconds, mebibytes = time.perf_counter() - began, len(octets) / (1 << 20)
    print(f"{options.letters} letters in {seconds:.2f} s, {mebibytes:.2f} MiB")
    if not options.dry:
        append(
            [
                Row(f"letters_seconds_{options.letters}", seconds, BAR_SECONDS, "lower", "s"),
                Row(f"letters_size_{options.letters}", mebibytes, BAR_MEBIBYTES, "lower", "MiB"),
            ]
        )


def class_of(pupils: int) -> LetterBatch:
    """The letters of a class of invented families."""
    letters = tuple(
        Letter(
            f"Mme Dominique MARTIN-{number}",
            new_letter_code(),
            date(2026, 12, 29),
            "ar" if number % 2 else "fr",
            child=f"Camille MARTIN-{number}",
            class_label="6e B",
            address=(f"Mme Dominique MARTIN-{number}", f"{number} RUE DU GUET", "99120 BEAUVAL"),
        )
        for number in range(pupils)
    )
    opening = ("Du lundi au vendredi, de 8 h à 18 h",)
    page = "https://sso.example.fr/code"
    return LetterBatch("Collège fictif", "01 23 45 67 89", page, date(2026, 11, 29), letters, opening)


if __name__ == "__main__":
    main()
