"""The table `[cas]` of a descriptor: each fault on its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.domain.cas import LogoutStyle
from broker.domain.errors import SettingsError
from broker.services.cas_addresses import without_ticket
from broker.services.register import load_services
from tests.descriptors import REQUIRED

HEAD = f"""
service_id = "notes"
tenant = "ville"
names = {{ fr = "Notes" }}
purpose = "Essais."
{REQUIRED}
profils = ["TUT"]
protocols = ["cas"]
[[instances]]
url = "https://notes.example/"
[cas]
"""


def faults(folder: Path, table: str, *, head: str = HEAD) -> str:
    (folder / "notes.toml").write_text(head + table, encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        load_services(folder)
    return "\n".join(refused.value.problems)


def test_a_sound_table_is_read(tmp_path: Path) -> None:
    (tmp_path / "notes.toml").write_text(
        HEAD + 'services = ["https://notes.example/app/"]\nlogout = "body"\nproxied_by = ["facade"]\n', encoding="utf-8"
    )
    (service,) = load_services(tmp_path).all()
    assert service.cas is not None
    assert (service.cas.services, service.cas.logout) == (("https://notes.example/app/",), LogoutStyle.BODY)
    assert load_services(tmp_path).by_client("cas:notes") == service


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ("", "'services' must name at least 1"),
        ('services = ["http://notes.example/"]', "must be https"),
        ('services = ["https://notes.example"]', "needs a path"),
        ('services = ["https://notes.example/?a=/"]', "ends in a slash and has a query"),
        ('services = ["https://notes.example//x/"]', "must be plain"),
        ('services = ["https://notes.example/%2e%2e/"]', "must be plain"),
        ('services = ["https://u@notes.example/"]', "user name"),
        ('services = ["https://notes.example/*"]', "wildcard"),
        ('services = ["https://notes.example/"]\nlogout = "never"', "knows no 'never'"),
        ('services = ["https://notes.example/"]\nlogout_url = "http://x.example/"', "must be https"),
        ('services = ["https://notes.example/"]\nlogout = "none"\nlogout_url = "https://x.example/"', "needs 'logout'"),
        ('services = ["https://notes.example/"]\nproxy_callbacks = ["http://127.0.0.1/pgt"]', "must be https"),
        ('services = ["https://notes.example/"]\nproxied_by = ["a b"]', "is no service_id"),
        ('services = ["https://notes.example/"]\nservice = "x"', "unknown key 'service' (is 'services' meant?)"),
    ],
)
def test_each_fault_has_its_sentence(tmp_path: Path, table: str, why: str) -> None:
    assert why in faults(tmp_path, table)


def test_the_table_needs_its_protocol(tmp_path: Path) -> None:
    head = HEAD.replace('protocols = ["cas"]', 'protocols = ["saml"]')
    assert "'protocols' has no 'cas'" in faults(tmp_path, 'services = ["https://notes.example/"]', head=head)


def test_two_services_of_one_space_do_not_share_an_address(tmp_path: Path) -> None:
    other = HEAD.replace('"notes"', '"autres"') + 'services = ["https://notes.example/app/x"]'
    (tmp_path / "autres.toml").write_text(other, encoding="utf-8")
    assert "is also of 'notes'" in faults(tmp_path, 'services = ["https://notes.example/app/"]')


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://a.example/", "https://a.example/"),
        ("https://a.example/?ticket=ST-1", "https://a.example/"),
        ("https://a.example/?a=1&ticket=ST-1&b=2", "https://a.example/?a=1&b=2"),
        ("https://a.example/?tickets=1", "https://a.example/?tickets=1"),
        ("https://a.example/?", "https://a.example/"),
    ],
)
def test_a_ticket_is_cut_off_an_address_and_nothing_else(url: str, kept: str) -> None:
    assert without_ticket(url) == kept
