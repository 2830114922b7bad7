"""`trust.toml`: days, orders, every kind in each, and a tenant's file upon it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

import policies
from broker.domain.errors import PolicyError
from broker.domain.trust import Disputed, order_on
from broker.settings.values import FeedKind
from policies.trust import KINDS

ALL = '["aaf", "ldap", "siecle", "onde", "csv"]'


def test_every_attribute_has_an_order_of_every_kind_of_feed() -> None:
    assert set(KINDS) == set(FeedKind)
    for attribute in Disputed:
        assert set(order_on(policies.load().trust.of(attribute), date(2026, 9, 1))) == set(FeedKind)


def test_a_tenant_changes_one_order_from_a_day_on(tmp_path: Path) -> None:
    (tmp_path / "ville").mkdir()
    order = '[school_class]\n2027-09-01 = ["onde", "99-1d", "siecle", "ldap", "aaf", "csv"]\n'
    (tmp_path / "ville" / "trust.toml").write_text(order, encoding="utf-8")
    book = policies.load_book(None, tmp_path, ["ville"])
    orders = book.of("ville").trust.school_class
    assert order_on(orders, date(2027, 8, 31)) == order_on(book.installation.trust.school_class, date(2030, 1, 1))
    assert order_on(orders, date(2027, 9, 1))[:2] == ("onde", "99-1d")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f"soon = {ALL}", "name.soon: a day is wanted"),
        (f"1999-01-01 = {ALL}", "name.1999-01-01: from 2020-01-01 to 2099-12-31"),
        ('2026-09-01 = "aaf"', "name.2026-09-01: a list of kinds"),
        ('2026-09-01 = ["AAF"]', "name.2026-09-01: a list of kinds"),
        ('2026-09-01 = ["aaf", "csv"]', "name.2026-09-01: ldap, siecle, onde is missing"),
        ('2026-09-01 = ["aaf", "aaf", "ldap", "siecle", "onde", "csv"]', "name.2026-09-01: aaf stands here twice"),
        (f"2026-09-01 = {[f'f{n}' for n in range(60)] + list(KINDS)}".replace("'", '"'), "name.2026-09-01: at most"),
    ],
)
def test_an_order_that_is_none_is_refused_with_its_line(tmp_path: Path, line: str, reason: str) -> None:
    (tmp_path / "trust.toml").write_text(f"[name]\n{line}\n", encoding="utf-8")
    with pytest.raises(PolicyError) as refused:
        policies.load(overrides=tmp_path)
    (told,) = refused.value.problems
    assert told.startswith(f"override of trust.toml:2: {reason}")


def test_a_table_without_any_day_is_refused(tmp_path: Path) -> None:
    (tmp_path / "trust.toml").write_text('name = "aaf"\n', encoding="utf-8")
    with pytest.raises(PolicyError) as refused:
        policies.load(overrides=tmp_path)
    assert "orders by the day on which they begin are wanted" in refused.value.problems[0]
