"""What guesses are counted by: one spelling of a login, one network of a household."""

from __future__ import annotations

import pytest

from broker.federation.guess_gate import fold_login, network_of


@pytest.mark.parametrize(
    "typed",
    [
        "aline.quemeneur", " Aline.QUEMENEUR\t", "ａｌｉｎｅ．ｑｕｅｍｅｎｅｕｒ", "aline.quéméneur",
        "ali\u00adne.que\u200dmeneur",
        "aline.que\u034fmeneur", "a\u0301line.quemeneur", "aline.quemeneur\ufe0f", "aline.quemeneur\0",
    ],
)  # fmt: skip
def test_every_spelling_that_some_directory_takes_for_the_same_is_one(typed: str) -> None:
    assert fold_login(typed) == "aline.quemeneur"


def test_spaces_within_are_one_and_other_logins_are_others() -> None:
    assert fold_login("Le  Roy \u00a0 A") == "le roy a"
    assert fold_login("Straße") == "strasse"
    assert len({fold_login(login) for login in ("a.b", "ab", "a-b", "a.c", "")}) == 5
    assert fold_login("half \ud800 of one") == "half of one"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("", "", True),
        ("unix:", "192.0.2.1", False),
    ],
)
def test_a_network_is_an_address_or_a_household_of_ipv6(one: str, other: str, *, same: bool) -> None:
    assert (network_of(one) == network_of(other)) is same
