"""The arrows between rooms hold, and each contract fails when broken."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("broker", "connectors", "policies")

BREACHES = {
    "layers": ("broker/federation/steps.py", "import broker.web"),
    "domain-stdlib": ("broker/domain/people.py", "import sqlalchemy"),
    "protocol-bare": ("broker/protocol/oidc/token.py", "import flask"),
    "storage-inward": ("broker/storage/engine.py", "import policies"),
    "notify-inward": ("broker/notify/mail.py", "import broker.storage"),
    "letter-home": ("broker/notify/letter.py", "import fpdf"),
    "connectors-inward": ("connectors/cas.py", "import broker.storage"),
    "connectors-apart": ("connectors/cas.py", "import connectors.oidc"),
    "wire-inward": ("broker/wire/oauth.py", "import broker.storage"),
    "policies-inward": ("policies/facts.py", "import broker.storage"),
    "one-home": ("broker/protocol/oidc/token.py", "import joserfc"),
    "calendar-home": ("policies/facts.py", "import jours_feries_france"),
    "argon-home": ("broker/accounts/session_life.py", "import argon2"),
    "ldap-home": ("connectors/ldap/source.py", "import ldap3"),
    "saml-home": ("connectors/cas.py", "import xmlsec"),
    "factor-home": ("broker/web/second.py", "import pyotp"),
    "demo-apart": ("broker/demo/town.py", "import broker.domain"),
}


def contracts() -> list[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [contract["id"] for contract in settings["tool"]["importlinter"]["contracts"]]


def lint(tree: Path, contract: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache", "--contract", contract]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False, timeout=100)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("house")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def test_every_contract_has_a_breach_to_prove_it() -> None:
    assert set(contracts()) == set(BREACHES)


@pytest.mark.parametrize("contract", sorted(BREACHES))
def test_a_contract_holds_and_fails_when_broken(tree: Path, contract: str) -> None:
    assert lint(tree, contract).returncode == 0
    module, breach = BREACHES[contract]
    path = tree / module
    before = path.read_text(encoding="utf-8")
    path.write_text(f"{before}\n{breach}\n", encoding="utf-8")
    try:
        broken = lint(tree, contract)
    finally:
        path.write_text(before, encoding="utf-8")
    assert broken.returncode == 1
    assert "BROKEN" in broken.stdout
