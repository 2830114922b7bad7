"""`[[federations]]`: who answers, from where it comes, by what it is believed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from broker.metadata import federation_faults
from broker.settings import FederationSettings
from broker.settings.federation_checks import check_federations
from broker.settings.values import SecretSettings, Settings, TenantSettings
from tests.aggregates import write_certificate

URL = "https://metadata.example/all.xml"


def settings(folder: Path, **changes: Any) -> Settings:
    good = FederationSettings("education", "ville", write_certificate(folder), metadata_url=URL)
    whole = Settings("https://preau.example", SecretSettings(Path("master")), tenants=(TenantSettings("ville", "V"),))
    return replace(whole, federations=(replace(good, **changes),))


def test_what_is_said_as_it_should_be_has_no_fault(tmp_path: Path) -> None:
    for good in (
        {},
        {"metadata_url": "", "metadata_file": tmp_path / "all.xml"},
        {"metadata_url": "http://127.0.0.1/x"},
    ):
        assert list(check_federations(settings(tmp_path, **good))) == []
    assert list(federation_faults(settings(tmp_path))) == []


@pytest.mark.parametrize(
    ("key", "changes"),
    [
        ("tenant", {"tenant": "ailleurs"}),
        ("metadata_url", {"metadata_url": ""}),
        ("metadata_url", {"metadata_file": Path("all.xml")}),
        ("metadata_url", {"metadata_url": "http://metadata.example/all.xml"}),
        ("metadata_url", {"metadata_url": "https://u@metadata.example/all.xml"}),
        ("metadata_url", {"metadata_url": "https://metadata.example/all.xml#x"}),
        ("metadata_url", {"metadata_url": "all.xml"}),
        ("certificate_file", {"certificate_file": Path("rien.pem")}),
        ("longest_days", {"longest_days": 0}),
        ("longest_days", {"longest_days": 367}),
    ],
)
def test_each_fault_is_told_with_its_key(tmp_path: Path, key: str, changes: dict[str, Any]) -> None:
    (fault,) = check_federations(settings(tmp_path, **changes))
    assert fault.startswith(f"federations.education.{key}:")


def test_a_certificate_that_nobody_can_verify_with_is_told(tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("rien", "ascii")
    (fault,) = federation_faults(settings(tmp_path, certificate_file=tmp_path / "none.pem"))
    assert "no certificate" in fault
