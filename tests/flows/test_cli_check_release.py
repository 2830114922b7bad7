"""`preau check` tells of release rules that would refuse everybody."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from broker.__main__ import main
from broker.declared import read_register
from broker.demo.town import prepare
from broker.domain.errors import SettingsError
from broker.settings import load_settings
from broker.storage.sealing import load_master_secret
from tests.releases import LIBRARY

TENANT = 'tenant = "academie-fictive"'


@pytest.mark.parametrize(
    ("name", "known", "unknown", "problem"),
    [
        ("gepi", 'feed = "99-2d"', 'feed = "98-2d"', "release: feed 98-2d is not among the feeds"),
        ("login", 'source = "ent"', 'source = "x"', "release: no source x knows people by a login (kind cas)"),
    ],
)
def test_a_key_or_a_login_that_nobody_has_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, known: str, unknown: str, problem: str
) -> None:
    town = prepare(tmp_path, year=2026)
    load_master_secret(tmp_path / "secrets" / "master")
    settings = Path(town.settings).read_text(encoding="utf-8")
    source = next(line for line in settings.split("[[sources]]")[1:] if 'kind = "cas"' in line)
    cas = source.split('id = "')[1].split('"')[0]
    descriptor = tmp_path / "services" / f"{name}.toml"
    shutil.copy(LIBRARY / f"{name}.toml", descriptor)
    text = descriptor.read_text(encoding="utf-8").replace('tenant = "ac-fictive"', TENANT)
    text = text.replace('source = "ent-1"', 'source = "ent"')
    descriptor.write_text(text.replace(known, unknown), encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        read_register(load_settings(town.settings, {}))
    (fault,) = refused.value.problems
    assert re.fullmatch(rf"{name}\.toml:\d+: {re.escape(problem)}", fault)
    assert unknown in descriptor.read_text("utf-8").splitlines()[int(fault.split(":")[1]) - 1]
    assert main(["check", "--config", str(town.settings)]) == 1
    assert capsys.readouterr().err.strip().endswith(problem)
    descriptor.write_text(text.replace('source = "ent"', f'source = "{cas}"'), encoding="utf-8")
    assert main(["check", "--config", str(town.settings)]) == 0
