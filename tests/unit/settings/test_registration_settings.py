"""`[registration]`: off it says nothing; on, who answers, who may open and who may register are all said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from broker.declared import registration_terms
from broker.domain.people import Profil
from broker.settings.registration_checks import check_registration
from broker.settings.values import RegistrationSettings, SecretSettings, Settings, TenantSettings

Write = Callable[[str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(content: str | bytes) -> Path:
        file = tmp_path / "initial"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    return written


def settings(file: Path | None, **changes: Any) -> Settings:
    good = RegistrationSettings(enabled=True, tenant="ville", profils=("TUT",), token_file=file)
    whole = Settings("https://preau.example", SecretSettings(Path("master")), tenants=(TenantSettings("ville", "V"),))
    return replace(whole, registration=replace(good, **changes))


def faults(file: Path | None, **changes: Any) -> list[str]:
    return [fault.partition(":")[0] for fault in check_registration(settings(file, **changes))]


def test_off_says_nothing(write: Write) -> None:
    stated = settings(None, enabled=False, tenant="", profils=())
    assert list(check_registration(stated)) == []
    assert registration_terms(stated) is None


def test_on_with_everything_said(write: Write) -> None:
    file = write("j" * 43 + "\n")
    assert faults(file) == []
    assert faults(None, open=True) == []
    assert faults(file, profils=("ENS", "DIR")) == []
    terms = registration_terms(settings(file, pkce_waiver=" parce que "))
    assert terms is not None
    assert (terms.tenant, terms.profils, terms.lasts) == ("ville", {Profil.TUTEUR}, timedelta(days=30))
    assert (terms.most, terms.pkce_waiver) == (100, "parce que")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"tenant": ""}, "registration.tenant"),
        ({"tenant": "ailleurs"}, "registration.tenant"),
        ({"profils": ()}, "registration.profils"),
        ({"profils": ("ELV",)}, "registration.profils"),
        ({"profils": ("TUT", "ENS")}, "registration.profils"),
        ({"profils": ("XXX",)}, "registration.profils"),
        ({"days": 0}, "registration.days"),
        ({"days": 366}, "registration.days"),
        ({"most": 0}, "registration.most"),
        ({"most": 1001}, "registration.most"),
        ({"open": True}, "registration"),
        ({"token_file": None}, "registration"),
    ],
)
def test_each_fault_is_told(write: Write, changes: dict[str, Any], named: str) -> None:
    file = write("j" * 43)
    assert faults(file, **changes) == [named]


@pytest.mark.parametrize("content", ["", "j" * 42, "j" * 42 + " j", "é" * 43, b"\xff" * 43])
def test_a_token_that_could_be_guessed_or_not_be_sent_is_a_fault(write: Write, content: str | bytes) -> None:
    assert faults(write(content)) == ["registration.token_file"]


def test_a_file_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    assert faults(tmp_path / "absent") == ["registration.token_file"]
