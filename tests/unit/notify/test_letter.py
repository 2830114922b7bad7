"""Letters as people get them: rendered by poppler, their words read back, their square read as telephones read it."""

from __future__ import annotations

import re
import subprocess
from datetime import date
from html import unescape
from pathlib import Path

import segno

from broker.domain.credentials import LetterCode, new_letter_code, read_letter_code
from broker.domain.notices import Letter, LetterBatch
from broker.notify.letter import LetterPrinter
from broker.telling import open_words

FONTS = Path("/usr/share/fonts/truetype/noto")
TRANSLATE = open_words()
CODE = LetterCode("5531", "ABCD0FGHJKMN")
PAGE = "https://sso.example.fr/acces"
MOST_BYTES = 2 * 1024 * 1024


def letter(code: LetterCode = CODE, *, language: str = "fr", adult: str = "Mme Zahra BEN SALAH", **more: str) -> Letter:
    return Letter(adult, code, date(2026, 12, 29), language, **more)


def batch(*letters: Letter) -> LetterBatch:
    opening = ("Du lundi au vendredi, de 8 h à 18 h",)
    return LetterBatch("Collège Rosa-Parks", "01 23 45 67 89", PAGE, date(2026, 11, 29), letters, opening)


def printed(folder: Path, *letters: Letter, fonts: Path | None = FONTS) -> Path:
    path = folder / "letters.pdf"
    path.write_bytes(LetterPrinter(TRANSLATE, fonts).letters(batch(*letters)))
    return path


def read(path: Path) -> list[str]:
    """The words of each sheet, without line ends."""
    told = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, text=True, check=True).stdout
    return [" ".join(sheet.split()) for sheet in told.split("\f")[:-1]]


def test_a_letter_says_what_it_must_in_its_order(tmp_path: Path) -> None:
    (sheet,) = read(printed(tmp_path, letter()))
    wanted = [
        "Collège Rosa-Parks", "Lettre n° 5531", "29 novembre 2026",
        "Pour Mme Zahra BEN SALAH",
        "Cette lettre ouvre votre accès aux services de l'école.", "Vous choisissez vous-même votre mot de passe.",
        "5531 ABCD 0FGH JKMN", "Il sert une seule fois, jusqu'au 29 décembre 2026.",
        "Écrivez le code de la", "Pas d'internet ?", "01 23 45 67 89",
        "Lettre n° 5531 reçue par Mme Zahra BEN SALAH", "Date et signature",
    ]  # fmt: skip
    places = [sheet.index(text) for text in wanted]
    assert places == sorted(places)
    assert "Ne donnez ce code à personne" in sheet
    assert "sso.example.fr/acces" in sheet


def test_the_code_is_on_the_part_that_is_kept_and_not_on_the_stub(tmp_path: Path) -> None:
    (sheet,) = read(printed(tmp_path, letter(language="en")))
    assert sheet.count("ABCD 0FGH JKMN") == 1
    assert sheet.index("ABCD 0FGH JKMN") < sheet.index("reçue par")


def test_the_same_stands_below_in_english(tmp_path: Path) -> None:
    (sheet,) = read(printed(tmp_path, letter(language="en")))
    for text in (
        "This letter opens your access to the school's services.", "It works once, until 29 December 2026.",
        "1. Go to sso.example.fr/acces or point your phone at the square.", "3. Choose your password.",
        "Give this code to nobody, not even at school.", "Need help? Call 01 23 45 67 89",
    ):  # fmt: skip
        assert text in sheet


def test_arabic_letters_are_joined_and_run_from_right_to_left(tmp_path: Path) -> None:
    path = printed(tmp_path, letter(language="ar"))
    told = subprocess.run(["pdftotext", path, "-"], capture_output=True, text=True, check=True).stdout
    plain = re.sub("[\u200e\u200f\u202a-\u202e\u2066-\u2069]", "", told)
    assert "اختر كلمة المرور" in plain
    assert "اكتب رمز الرسالة" in plain
    fonts = subprocess.run(["pdffonts", path], capture_output=True, text=True, check=True).stdout
    assert "NotoSansArabicBold" in fonts
    assert all(" yes yes yes " in line for line in fonts.splitlines()[2:]), "embedded, a subset, readable as text"


def test_a_letter_in_french_says_in_each_language_that_there_are_others(tmp_path: Path) -> None:
    (sheet,) = read(printed(tmp_path, letter()))
    assert "This letter exists in your language" in sheet


def test_without_fonts_the_family_part_in_arabic_is_left_out_and_nothing_else(tmp_path: Path) -> None:
    printer = LetterPrinter(TRANSLATE)
    assert printer.languages == {"en"}
    assert LetterPrinter(TRANSLATE, FONTS).languages == {"en", "ar"}
    french, english = read(printed(tmp_path, letter(adult="1"), letter(language="en", adult="2"), fonts=None))
    (arabic,) = read(printed(tmp_path, letter(language="ar", adult="1"), fonts=None))
    assert arabic == french
    assert "Choose your password." in english


def test_without_fonts_a_name_beyond_latin_1_loses_its_marks_and_not_its_letter(tmp_path: Path) -> None:
    (sheet,) = read(printed(tmp_path, letter(adult="Mme Şule ŁUCZAK-D’ŒUVRÉ"), fonts=None))
    assert "Mme Sule LUCZAK-D'OEUVRÉ" in sheet
    (sheet,) = read(printed(tmp_path, letter(adult="Mme Şule ŁUCZAK-D’ŒUVRÉ")))
    assert "Mme Şule ŁUCZAK-D’ŒUVRÉ" in sheet


def test_a_class_is_in_the_order_of_its_list_whatever_the_order_it_came_in(tmp_path: Path) -> None:
    pupils = [("6e B", "Zoé"), ("6e A", "Émile"), ("6e B", "Adam"), ("6e A", "Denis")]
    letters = [letter(new_letter_code(), child=child, class_label=label) for label, child in pupils]
    sheets = read(printed(tmp_path, *letters))
    found = [re.search(r"Élève : (\w+), (6e \w)", sheet) for sheet in sheets]
    assert [(each[2], each[1]) for each in found if each] == [
        ("6e A", "Denis"), ("6e A", "Émile"), ("6e B", "Adam"), ("6e B", "Zoé"),
    ]  # fmt: skip


def test_a_letter_to_be_posted_carries_its_address(tmp_path: Path) -> None:
    address = ("Mme Zahra BEN SALAH", "12 RUE DES LILAS", "99120 BEAUVAL")
    sent = Letter("Mme Zahra BEN SALAH", CODE, date(2026, 12, 29), address=address)
    (sheet,) = read(printed(tmp_path, sent))
    assert "12 RUE DES LILAS 99120 BEAUVAL" in sheet


def test_the_square_leads_to_the_page_and_hands_the_code_over_where_no_log_sees_it(tmp_path: Path) -> None:
    rows = dark_rows(printed(tmp_path, letter()))
    content = f"{PAGE}#5531ABCD0FGHJKMN"
    wanted = [bytes(row) for row in segno.make(content, error="m", micro=False).matrix]
    side = len(wanted)
    step = len(rows) / side
    seen = [bytes(rows[int((y + 0.5) * step)][int((x + 0.5) * step)] for x in range(side)) for y in range(side)]
    assert seen == wanted
    assert read_letter_code(content.partition("#")[2]) == CODE


def dark_rows(path: Path) -> list[list[int]]:
    """The square of a sheet as it is printed, cut to its outermost dark modules: 1 is dark."""
    place = ["-x", "1560", "-y", "880", "-W", "400", "-H", "400", "-r", "254", "-gray", "-singlefile"]
    grey = subprocess.run(["pdftoppm", *place, path], capture_output=True, check=True).stdout
    width, height = (int(number) for number in grey.split(b"\n")[1].split())
    dots = grey[-width * height :]
    rows = [[int(dot < 128) for dot in dots[start : start + width]] for start in range(0, len(dots), width)]
    rows = [row for row in rows if any(row)]
    columns = [x for x in range(width) if any(row[x] for row in rows)]
    return [row[columns[0] : columns[-1] + 1] for row in rows]


def test_thirty_letters_are_thirty_sheets_in_a_small_file(tmp_path: Path) -> None:
    letters = [letter(new_letter_code(), language="ar", child=f"Élève {n}", class_label="6e A") for n in range(30)]
    path = printed(tmp_path, *letters)
    assert path.stat().st_size < MOST_BYTES
    sheets = read(path)
    assert len(sheets) == 30
    assert all(any(each.code.written in sheet for sheet in sheets) for each in letters)


def test_the_widest_code_and_the_longest_names_stay_where_they_belong(tmp_path: Path) -> None:
    widest = LetterCode("WWWW", "WWWWMMMMWWWW")
    long = letter(widest, adult="Mme Marie-Antoinette FERREIRA DA COSTA DE ALBUQUERQUE épouse VILLENEUVE-BEAUMONT")
    words = boxes(printed(tmp_path, long))
    frame = (18 / 25.4 * 72, (210 - 18 - 42) / 25.4 * 72)
    code = [box for text, box in words if text in {"WWWW", "MMMM"} and box[1] > 200 and box[3] < 400]
    assert len(code) == 4
    assert all(frame[0] < left and right < frame[1] for left, _, right, _ in code)
    top = {text: box[1] for text, box in words}
    bottom = {text: box[3] for text, box in words}
    assert bottom["téléphone."] <= top["d'internet"]


def boxes(path: Path) -> list[tuple[str, tuple[float, float, float, float]]]:
    """Each word and where it is printed, in points from the top left corner: left, top, right, bottom."""
    told = subprocess.run(["pdftotext", "-bbox", path, "-"], capture_output=True, text=True, check=True).stdout
    found = re.findall(r'xMin="(.*?)" yMin="(.*?)" xMax="(.*?)" yMax="(.*?)">(.*?)</word>', told)
    return [(unescape(text), (float(a), float(b), float(c), float(d))) for a, b, c, d, text in found]


def test_a_code_shows_in_no_representation() -> None:
    assert "ABCD0FGHJKMN" not in repr(letter())
