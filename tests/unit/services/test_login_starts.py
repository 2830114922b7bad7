"""`initiate_login_uri` in a descriptor: where a login may be begun for the client, by https alone (OIDC Core §4)."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.domain.errors import SettingsError
from broker.portal.offers import way_into
from broker.services.register import load_services
from tests.unit.services.test_logout_addresses import HEAD, read

START = "https://carnet.example/connexion"


def test_the_address_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, f'initiate_login_uri = "{START}"\n').initiate_login_uri == START


def test_a_service_need_not_have_one(tmp_path: Path) -> None:
    assert read(tmp_path, "").initiate_login_uri == ""


@pytest.mark.parametrize(
    "uri", ["http://carnet.example/connexion", "http://127.0.0.1/connexion", f"{START}#ici", "javascript:alert(1)"]
)
def test_another_address_is_a_fault_with_its_line(tmp_path: Path, uri: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, f'initiate_login_uri = "{uri}"\n')
    (problem,) = caught.value.problems
    line = HEAD.count("\n") + 1
    assert problem.startswith(f"carnet.toml:{line}: ")


def test_a_card_leads_through_our_door_only_where_the_service_says_so(tmp_path: Path) -> None:
    for text, leads in (
        (f'initiate_login_uri = "{START}"\n', "/start/carnet?uai=0990001A"),
        ("", "https://carnet.example/"),
    ):
        read(tmp_path, text)
        assert way_into(load_services(tmp_path).all()[0], "0990001A") == leads
