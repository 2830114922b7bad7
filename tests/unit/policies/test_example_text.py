"""Every fault of a file of examples is told at once with its line, and the file is read once it is repaired."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.domain.errors import PolicyError
from policies.example_shapes import EdgeExample, MomentExample, RuleExample, WhereExample
from policies.example_text import read_texts
from policies.examples import read_examples
from policies.facts import ReleaseFacts, Role

NOBODY = {"role": "none", "declared": True, "about_child": False, "service": "declared", "claim": "name"}
RULE = """
[[release]]
rule = "release.nobody"
says = "rien"
facts = {}
decision = "refused"
speak = ["release.nobody"]
"""
NUMBER = '\n[[number]]\nnumber = "sessions.code"\nsays = "une minute"\nafter = "59 s"\nholds = true\n'
MOMENT = '\n[[moment]]\ndate = "disconnect.days"\nsays = "ouvert"\nat = 2026-11-19T12:00:00+01:00\nopen = true\n'
WHERE = """
[[where]]
date = "zones.school_holidays.C"
says = "Paris"
academies = ["01"]
zone = "C"
time_zone = "Europe/Paris"
public_holidays = "Métropole"
"""
WHOLE = RULE + NUMBER + MOMENT + WHERE


def read(text: str) -> tuple[list[str], tuple[object, ...]]:
    problems: list[str] = []
    _, examples = read_texts({"a.toml": text}, problems, usual={"release": NOBODY})
    return problems, examples


def test_a_sound_file_is_read_into_values() -> None:
    problems, (rule, edge, moment, where) = read(WHOLE)
    assert problems == []
    assert isinstance(rule, RuleExample)
    assert isinstance(edge, EdgeExample)
    assert isinstance(moment, MomentExample)
    assert isinstance(where, WhereExample)
    assert (str(rule.position), rule.of, rule.allowed) == ("a.toml:2", "release.nobody", False)
    assert rule.speak == {"release.nobody"}
    assert (edge.at, edge.holds) == (timedelta(seconds=59), True)
    assert (moment.at, moment.until) == ((datetime(2026, 11, 19, 11, tzinfo=UTC),), None)
    assert (where.academies, where.departements, where.zone) == (("01",), (), "C")


def test_a_list_of_values_is_every_combination() -> None:
    _, (rule,) = read(RULE.replace("facts = {}", 'facts = { role = ["none", "pupil"], declared = [true, false] }'))
    assert isinstance(rule, RuleExample)
    told = [each for each in rule.facts if isinstance(each, ReleaseFacts)]
    assert {(each.role, each.declared) for each in told} == {
        (Role.NONE, True), (Role.NONE, False), (Role.PUPIL, True), (Role.PUPIL, False),
    }  # fmt: skip
    assert len(told) == 4


def test_times_are_added_up() -> None:
    _, (edge,) = read(NUMBER.replace("59 s", "1 d 2 h 3 min 4s"))
    assert isinstance(edge, EdgeExample)
    assert edge.at == timedelta(days=1, hours=2, minutes=3, seconds=4)


@pytest.mark.parametrize(
    ("was", "slip", "problem"),
    [
        ("[[release]]", "[[relaese]]", "a.toml:2: [[relaese]] is not of access, release, helpdesk, number, moment"),
        ("[[release]]", "[release]", "a.toml:2: examples are written [[release]]"),
        ("[[release]]", "[[release]", "a.toml:2: "),
        (RULE, 'release = ["x"]\n', "a.toml:1: an example is a table"),
        ('rule = "release.nobody"\n', "", "a.toml:2: rule is missing or has not its shape"),
        ('says = "rien"', 'says = ""', "a.toml:2: says is missing or has not its shape"),
        ("facts = {}", "facts = []", "a.toml:2: facts is missing or has not its shape"),
        ("facts = {}", "facts = { rule = true }", "a.toml:2: unknown fact rule; there are claim, declared"),
        ("facts = {}", 'facts = { role = "king" }', "a.toml:2: role: one of guardian, pupil, staff, none is wanted"),
        ("facts = {}", "facts = { role = [] }", "a.toml:2: role: one of"),
        ("facts = {}", "facts = { declared = 1 }", "a.toml:2: declared: one of false, true is wanted"),
        ('decision = "refused"', 'decision = "no"', "a.toml:2: decision: one of allowed, refused is wanted"),
        ('speak = ["release.nobody"]', "speak = [1]", "a.toml:2: speak: a list of words is wanted"),
        ('speak = ["release.nobody"]', 'speaks = ["release.nobody"]', "a.toml:2: unknown key speaks"),
        ('speak = ["release.nobody"]\n', "", "a.toml:2: speak is missing or has not its shape"),
        ('after = "59 s"\n', "", "a.toml:9: one of after, at, is says what is tried"),
        ('after = "59 s"', 'after = "59 s"\nat = 1', "a.toml:9: one of after, at, is"),
        ('after = "59 s"', 'after = "59 secs"', "a.toml:9: after: an elapsed time is wanted"),
        ('after = "59 s"', 'after = ""', "a.toml:9: after: an elapsed time is wanted"),
        ('after = "59 s"', "after = 59", "a.toml:9: after: an elapsed time is wanted"),
        ('after = "59 s"', "at = true", "a.toml:9: at: a number is wanted"),
        ('after = "59 s"', 'at = "59"', "a.toml:9: at: a number is wanted"),
        ('after = "59 s"', "is = 59", "a.toml:9: is is missing or has not its shape"),
        ("holds = true", "hold = true", "a.toml:9: unknown key hold"),
        ("holds = true", "holds = 1", "a.toml:9: holds is missing or has not its shape"),
        ("open = true", "open = false", "a.toml:15: either open = true or quiet_until says what comes"),
        ("open = true", "open = true\nquiet_until = 2026-11-19T12:00:00Z", "a.toml:15: either open = true"),
        ("at = 2026-11-19T12:00:00+01:00", "at = 2026-11-19T12:00:00", "a.toml:15: at: an instant with its offset"),
        ("at = 2026-11-19T12:00:00+01:00", "at = []", "a.toml:15: at: an instant with its offset"),
        ("open = true", "quiet_until = 2026-11-19", "a.toml:15: quiet_until: an instant with its offset"),
        ("open = true", "open = true\nschool = 5", "a.toml:15: school is missing or has not its shape"),
        ('academies = ["01"]\n', "", "a.toml:21: departements or academies say which schools"),
        ('academies = ["01"]', 'academies = "01"', "a.toml:21: academies: a list of words is wanted"),
        ('time_zone = "Europe/Paris"\n', "", "a.toml:21: time_zone is missing or has not its shape"),
    ],
)
def test_each_fault_has_its_sentence_and_its_line(was: str, slip: str, problem: str) -> None:
    assert was in WHOLE
    problems, _ = read(WHOLE.replace(was, slip, 1))
    assert problems
    assert problems[0].startswith(problem), problems
    assert read(WHOLE)[0] == []


@pytest.mark.parametrize("usual", ["usual = 5", "[usual.relaese]\nrole = 'none'", "[usual]\nrelease = 5"])
def test_what_is_usual_is_of_an_action(usual: str) -> None:
    problems, _ = read(f"{usual}\n")
    (told,) = problems
    assert told.startswith(("a.toml:1: usual.", "a.toml:2: usual."))
    assert "the facts of access, release, helpdesk may be usual" in told


def test_a_fact_that_nobody_states_is_told() -> None:
    problems: list[str] = []
    read_texts({"a.toml": RULE}, problems, usual={"release": {"role": "none"}})
    assert problems == ["a.toml:2: fact claim, declared, about_child, service is not stated, here or as usual"]


def test_all_faults_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "a.toml").write_text(RULE.replace("refused", "no") + NUMBER.replace("59 s", "soon"))
    (tmp_path / "examples" / "b.toml").write_text("= 1")
    (tmp_path / "examples" / "c.toml").write_bytes(b"\xff")
    (tmp_path / "examples" / "d.toml").mkdir()
    with pytest.raises(PolicyError) as caught:
        read_examples(tmp_path)
    told = [problem.removeprefix(f"{tmp_path}/examples/") for problem in caught.value.problems]
    assert sorted(each.partition(": ")[0] for each in told) == ["a.toml:2", "a.toml:9", "b.toml:1", "c.toml", "d.toml"]
