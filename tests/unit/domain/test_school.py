"""National numbers and levels."""

import pytest

from broker.domain.school import Level, holds_ine, ine_is_plausible, level_of_mefstat, uai_is_plausible


@pytest.mark.parametrize("uai", ["9990001X", "9990002Y", "9990003Z", "9990004A"])
def test_a_uai_whose_letter_holds_is_plausible(uai: str) -> None:
    assert uai_is_plausible(uai)


@pytest.mark.parametrize("uai", ["9990001A", "999001X", "9990001x", "", "9990001XX", "0379142G"])
def test_a_uai_whose_letter_or_shape_fails_is_not(uai: str) -> None:
    assert not uai_is_plausible(uai)


@pytest.mark.parametrize("ine", ["990000001EB", "990000002EA", "990000003DK", "990000004DJ", "990000005DH"])
def test_a_national_pupil_number_whose_key_holds_is_plausible(ine: str) -> None:
    assert ine_is_plausible(ine)


@pytest.mark.parametrize("ine", ["990000001EA", "990000001ZZ", "99000000EB", "", "1234A56789B"])
def test_a_pupil_number_whose_key_or_shape_fails_is_not(ine: str) -> None:
    assert not ine_is_plausible(ine)


def test_an_older_pupil_number_has_one_key_letter() -> None:
    letters = "ABCDEFGHJKLMNPRSTUVWXYZ"
    good = letters[int("0123456789") % 23]
    assert ine_is_plausible("0123456789" + good)
    assert not any(ine_is_plausible("0123456789" + other) for other in letters if other != good)


@pytest.mark.parametrize(
    ("code", "level"),
    [
        ("1111", Level.ECOLE), ("1211", Level.ECOLE), ("1411", Level.ECOLE),
        ("2111", Level.COLLEGE), ("2119", Level.COLLEGE), ("2431", Level.COLLEGE),
        ("2211", Level.LYCEE), ("2383", Level.LYCEE), ("3111", Level.LYCEE), ("3221", Level.LYCEE),
        ("", None), ("9999", None), ("2499", None),
    ],
)  # fmt: skip
def test_the_level_is_read_from_the_first_digits(code: str, level: Level | None) -> None:
    assert level_of_mefstat(code) is level


@pytest.mark.parametrize(
    "text",
    [
        "990000003DK",
        "990000003dk",
        " 990 000 003 DK ",
        "990000003DK@ent.example",
        "ine-990000003dk",
        "eleve7990000003DKx",
        "990.000-003_d/k",
        "990000003\u00a0DK",
        "\uff19\uff19\uff10\uff10\uff10\uff10\uff10\uff10\uff13DK",
        "0000000000a",
    ],
)
def test_a_number_is_found_in_whatever_it_stands(text: str) -> None:
    assert holds_ine(text)


@pytest.mark.parametrize(
    "text",
    ["", "aline.quemeneur", "99$500101", "990000003XX", "4|MARTIN|Tom|7712049900|0990001A", "10110019110", "0990001A"],
)
def test_what_holds_no_number_with_a_good_key_holds_none(text: str) -> None:
    assert not holds_ine(text)


def test_a_number_on_record_is_one_although_its_key_is_wrong() -> None:
    assert not holds_ine("x.990000003xx")
    assert holds_ine("x.990000003xx", known=("", "990000003XX"))
    assert holds_ine("Mal-Recopie", known=("MALRECOPIE",))
    assert not holds_ine("aline.0", known=("0", ""))
