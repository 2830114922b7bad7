"""Two parents are joined by a wrong login; one opens the portal and a service. Who must be told, and of what."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from broker.__main__ import main
from broker.domain.released import Release
from broker.settings import load_settings
from broker.storage.engine import writing
from broker.storage.sql_exposure import SqlExposure
from broker.storage.sql_ledger import SqlLedger
from broker.stores import opened_stores, utc_now
from tests import builders
from tests.contract.acts import opening, proof
from tests.oidc_stand import Stand, get_tokens, open_stand
from tests.servers import free_port

pytestmark = pytest.mark.spec("RGPD art. 33")


@pytest.fixture
def stand(sqlite_url: str) -> Iterator[Stand]:
    with open_stand(sqlite_url) as made:
        yield made


def test_the_report_names_exactly_the_children_the_services_and_the_days(stand: Stand) -> None:
    bruno, (tom,) = builders.add_family(stand.engine, uai="0990002B", children=("Tom",))
    stranger, _ = builders.add_family(stand.engine, uai="0990003C", children=("Zoé",))
    stand.sign_in(stranger)
    wrong = opening(stand.mother, link=proof(stand.mother, bruno), at=stand.clock())
    stand.sessions.open(wrong)
    stand.clock.advance(60)
    get_tokens(stand, stand.sign_in())
    port = SqlExposure(stand.engine)
    later = stand.clock() + timedelta(days=30)
    found = port.of_account(wrong.session.account_id, now=later, since=None, own=stand.mother)
    assert {sight.child.child_id for sight in found.sights()} == {tom}
    assert {told.service_id for told in found.told} == {"cantine"}
    assert {told.day for told in found.told} == {stand.clock().date()}
    assert all("sub" in told.claims for told in found.told)
    assert {opened.client_id for opened in found.openings} == {"cantine"}
    assert port.of_person(stranger, now=later, since=None).told == ()


# ---- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("town")
    assert main(["demo", "--data", str(folder), "--port", str(free_port()), "--prepare-only"]) == 0
    return folder


@pytest.fixture
def town(prepared: Path, tmp_path: Path) -> Path:
    return shutil.copytree(prepared, tmp_path / "town")


def run(town: Path, capsys: pytest.CaptureFixture[str], line: str, *, status: int = 0) -> str:
    capsys.readouterr()
    assert main(["report", "exposure", *line.split(), "--config", str(town / "preau.toml")]) == status
    captured = capsys.readouterr()
    return captured.err if status else captured.out


def mislink(town: Path) -> dict[str, str]:
    """Join the mother of the town with a parent from elsewhere; somebody signs in and a service is told of it."""
    with opened_stores(load_settings(town / "preau.toml", {})) as (stores, _):
        anne, child = _mother(stores)
        now = utc_now()
        with writing(stores.engine) as conn:
            bruno, (tom,) = builders.add_family(conn, uai="0990009Z", children=("=Tom",))
        act = opening(anne, link=proof(anne, bruno), at=now)
        stores.sessions.open(act)
        SqlLedger(stores.engine).note(Release(anne, "cantine", ("sub", "children"), now))
    return {"account": act.session.account_id, "anne": anne, "bruno": bruno, "tom": tom, "child": child}


def _mother(stores: Any) -> tuple[str, str]:
    from broker.domain.people import Reference

    (record,) = stores.people.by_reference([Reference("99", "500101")], feeds=frozenset({"99-2d"}))
    cards = stores.people.children_of(record.person_id, now=utc_now())
    return record.person_id, cards[0].child_id


def test_the_command_tells_it_as_text_json_and_csv(town: Path, capsys: pytest.CaptureFixture[str]) -> None:
    who = mislink(town)
    line = f"--account {who['account']} --owner {who['anne']}"
    text = run(town, capsys, line)
    assert all(word in text for word in (who["tom"], "cantine", who["account"], "sub children"))
    assert who["child"] not in text
    told = json.loads(run(town, capsys, f"{line} --json"))
    assert told["children_within_reach"] == [who["tom"]]
    assert told["services_told"] == ["cantine"]
    rows = list(csv.DictReader(StringIO(run(town, capsys, f"{line} --csv"))))
    assert [(row["what"], row["child"], row["service"]) for row in rows] == [
        ("sight", who["tom"], ""),
        ("told", "", "cantine"),
    ]
    assert rows[0]["given_name"] == "'=Tom"


def test_a_merge_and_a_person_can_be_asked_for_too(town: Path, capsys: pytest.CaptureFixture[str]) -> None:
    who = mislink(town)
    by_merge = json.loads(run(town, capsys, "--merge 1 --json"))
    assert set(by_merge["persons"]) == {who["anne"], who["bruno"]}
    assert who["tom"] in json.loads(run(town, capsys, f"--person {who['bruno']} --json"))["children_within_reach"]
    assert json.loads(run(town, capsys, "--merge 1 --since 2100-01-01 --json"))["children_within_reach"] == []


def test_what_is_not_there_is_said(town: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no account acc_none" in run(town, capsys, "--account acc_none", status=1)
    assert "no merge 77" in run(town, capsys, "--merge 77", status=1)
    assert "no such person" in run(town, capsys, "--person prs_none", status=1)


def test_a_date_that_is_none_is_a_wrong_usage(town: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["report", "exposure", "--merge", "1", "--since", "hier"])
    assert left.value.code == 2
    assert "2026-09-14" in capsys.readouterr().err
