"""Which children nobody who signs in may see, as an administrator reads it: school by school, cheap to dear."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, update

from broker.__main__ import main
from broker.storage import schema
from broker.storage.engine import open_engine, writing
from tests import builders as b
from tests.command_line import CommandLine, install

HERE, ELSEWHERE = "0990001A", "0990002B"


@pytest.fixture
def desk(sql_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    desk = CommandLine(install(tmp_path / "preau", database_url=sql_url), capsys)
    assert main(["db", "upgrade", "--config", str(desk.config)]) == 0
    return desk


@pytest.fixture
def engine(sql_url: str, desk: CommandLine) -> Iterator[Engine]:
    """Here: Léa, whose mother has a mail; Tom, whose father has nothing; elsewhere: Zoé, whose mother signs in."""
    engine = open_engine(sql_url)
    with writing(engine) as conn:
        b.add_family(conn, uai=HERE)
        _, father = b.add_guardian(conn, "F1", given="Bruno")
        _, tom = b.add_pupil(conn, "E9", given="=Tom")
        b.add_guardianship(conn, father, tom)
        b.enrol(conn, tom, HERE)
        mother, _ = b.add_family(conn, uai=ELSEWHERE, children=("Zoé",))
        b.add_account(conn, mother)
        told = update(schema.records).where(schema.records.c.id == f"99-2d:G{HERE}")
        conn.execute(told.values(content='{"n": ["M", "D", ""], "mail": "secrete@example.org"}'))
    yield engine
    engine.dispose()


@pytest.mark.usefixtures("engine")
def test_children_are_listed_from_the_cheapest_action_to_the_dearest_with_their_counts(desk: CommandLine) -> None:
    here, elsewhere = json.loads(desk.text("report", "access", "--json")[0])
    assert (here["school"], here["children"], here["unreached"]) == (HERE, 2, 2)
    assert here["actions"] == {"mail": 1, "hand": 1}
    assert [(one["given_name"], one["action"]) for one in here["list"]] == [("Léa", "mail"), ("=Tom", "hand")]
    assert (elsewhere["school"], elsewhere["children"], elsewhere["unreached"]) == (ELSEWHERE, 1, 0)


@pytest.mark.usefixtures("engine")
def test_the_text_says_what_to_do_in_words(desk: CommandLine) -> None:
    out, _ = desk.text("report", "access")
    assert f"{HERE} Etablissement {HERE} : 2 sans compte d'un responsable, sur 2" in out
    assert f"{ELSEWHERE} Etablissement {ELSEWHERE} : 0 sans compte d'un responsable, sur 1" in out
    assert out.index("un courriel est connu : inviter") < out.index("aucun moyen connu : remettre une lettre")
    assert "Zoé" not in out


@pytest.mark.usefixtures("engine")
def test_the_csv_computes_nothing_and_tells_no_contact(desk: CommandLine) -> None:
    out, _ = desk.text("report", "access", "--csv")
    rows = list(csv.DictReader(StringIO(out), delimiter=";"))
    assert [(row["uai"], row["prénom"], row["action"]) for row in rows] == [
        (HERE, "Léa", "mail"),
        (HERE, "'=Tom", "hand"),
    ]
    for form in ([], ["--csv"], ["--json"]):
        assert "secrete@example.org" not in desk.text("report", "access", *form)[0]


def test_one_school_alone_tells_nothing_of_another(desk: CommandLine, engine: Engine) -> None:
    def told(uai: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(desk.text("report", "access", "--school", uai, "--json")[0])
        return found

    assert [school["school"] for school in told(HERE.lower())] == [HERE]
    assert told(ELSEWHERE)[0]["list"] == []
    with writing(engine) as conn:
        conn.execute(update(schema.accounts).values(state="undone"))
    assert [one["given_name"] for one in told(ELSEWHERE)[0]["list"]] == ["Zoé"]
    out, _ = desk.text("report", "access", "--school", ELSEWHERE)
    assert not [word for word in (HERE, "Léa", "Tom") if word in out]


def test_a_school_that_nobody_named_is_told_and_an_empty_base_is_an_empty_list(desk: CommandLine) -> None:
    for form in ([], ["--csv"], ["--json"]):
        out, err = desk.text("report", "access", "--school", "0990009Z", *form, status=1)
        assert (out, "0990009Z" in err) == ("", True)
    assert json.loads(desk.text("report", "access", "--json")[0]) == []
    assert desk.text("report", "access") == ("", "")
