"""Loading tells every fault at once, with file and line, and accepts the same files once they are repaired."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest

import policies
from broker.domain.errors import PolicyError
from policies import Assurance, Role
from policies.loader import RULES, SCHEMA, SHIPPED, TABLES
from tests.policy_facts import access

ACCESS = 'permit (principal, action == Action::"access", resource)'
FORBID = ACCESS.replace("permit", "forbid")
LOCAL_RULE = f'@id("local.all") @reason("Ouvert.") {ACCESS};\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped policies."""
    for name in (*RULES, *TABLES, SCHEMA):
        shutil.copy(SHIPPED / name, tmp_path)
    return tmp_path


@pytest.fixture
def overrides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("local")


def edit(path: Path, change: Callable[[str], str]) -> None:
    before = path.read_text(encoding="utf-8")
    after = change(before)
    assert after != before
    path.write_text(after, encoding="utf-8")


def problems(folder: Path | None, overrides: Path | None = None) -> tuple[str, ...]:
    with pytest.raises(PolicyError) as caught:
        policies.load(folder, overrides)
    assert caught.value.code == "PRE-1002"
    return caught.value.problems


def test_the_shipped_numbers_are_those_of_the_design() -> None:
    shipped = policies.load()
    sessions, linking = shipped.sessions, shipped.linking
    assert (sessions.shared_idle, sessions.shared_absolute) == (timedelta(minutes=20), timedelta(hours=12))
    assert sessions.pupil_absolute == timedelta(hours=8)
    assert (sessions.own_absolute, sessions.step_up) == (timedelta(days=30), timedelta(minutes=5))
    assert (sessions.staff_idle, sessions.staff_absolute) == (timedelta(minutes=15), timedelta(hours=8))
    assert (sessions.code, sessions.access_token, sessions.id_token) == (
        timedelta(seconds=60),
        timedelta(minutes=5),
        timedelta(minutes=5),
    )
    assert (linking.undo_by_person, linking.undo_by_academie) == (timedelta(days=30), timedelta(days=90))
    assert (linking.in_charge_sees, linking.mass_change_percent) == (False, 5.0)


def test_assurance_reads_what_sources_say_and_takes_the_unknown_for_silence() -> None:
    table = policies.load().assurance
    assert table.level("eidas2") is Assurance.STANDARD
    assert table.level("strong") is Assurance.STRONG
    assert table.level("") is table.level("https://refeds.org/no-such") is Assurance.LOW


def test_the_version_is_the_text(folder: Path) -> None:
    assert policies.load().version == policies.load(folder).version
    edit(folder / "linking.toml", lambda text: text + "# one more word\n")
    assert policies.load().version != policies.load(folder).version


def test_every_fault_is_told_at_once_with_its_place(folder: Path) -> None:
    edit(folder / "sessions.toml", lambda text: text.replace('"20 min"', '"20 minutes"').replace("code =", "coed ="))
    edit(folder / "linking.toml", lambda text: text.replace("in_charge_sees = false", "in_charge_sees = 1"))
    edit(folder / "assurance.toml", lambda text: text.replace('"strong"', '"iron"'))
    edit(folder / "access.cedar", lambda text: text.replace('@id("access.served")\n', "").replace("Role", "Rool", 1))
    edit(folder / "release.cedar", lambda text: text + 'permit (principal, action == Action::"release"\n')
    found = problems(folder)
    assert {problem.rpartition(": ")[0] for problem in found} >= {
        "sessions.toml:4: shared_idle",
        "sessions.toml:1: code",
        "linking.toml:7: in_charge_sees",
        "assurance.toml:18: acr.eidas3",
        "access.cedar:4",
    }
    assert "access.cedar:4: @id is missing" in found
    assert [problem for problem in found if problem.startswith("sessions.toml") and "coed: unknown key" in problem]
    assert [problem for problem in found if problem.startswith("release.cedar:") and "unexpected end" in problem]
    for name in (*RULES, *TABLES):
        shutil.copy(SHIPPED / name, folder)
    policies.load(folder)


@pytest.mark.parametrize(
    ("file", "change", "problem"),
    [
        ("access.cedar", lambda t: t.replace('"access.nobody"', '"access.served"'), "already at access.cedar:4"),
        ("access.cedar", lambda t: t.replace("@reason(", "@raison(", 1), "access.cedar:4: @reason is missing"),
        ("access.cedar", lambda t: t.replace("@reason(", "@raison(", 1), "@raison is not an annotation of ours"),
        ("access.cedar", lambda t: t.replace('"Ce service est prévu pour votre profil, dans votre école."', '" "'),
         "access.cedar:4: @reason is missing"),
        ("release.cedar", lambda t: t.replace('@legal_basis("RGPD article 6(1)(e)")\n', ""), "@legal_basis is missing"),
        ("access.cedar", lambda t: t.replace("context.profil_served", "context.profile"), "profile"),
        ("access.cedar", lambda t: t.replace('Role::"none"', 'Role::"guardin"', 1), '`"guardin"` is not declared'),
        ("access.cedar", lambda t: t + '@id("x") @reason("X.") permit (principal, action == Action::"fly", resource);',
         "action fly is unknown"),
        ("release.cedar", lambda t: t + LOCAL_RULE, "belongs in access.cedar"),
        ("schema.cedarschema", lambda t: t.replace("entity Role", "entiti Role"), "schema.cedarschema:7: "),
        ("sessions.toml", lambda t: t.replace("code =", "code = = "), "sessions.toml:20: Invalid value"),
        ("sessions.toml", lambda t: t + "x = [", "sessions.toml:40: "),
        ("sessions.toml", lambda t: t.replace('step_up = "5 min"\n', ""), "step_up: missing key"),
        ("sessions.toml", lambda t: t.replace('step_up = "5 min"', 'step_up = "0 min"'), "step_up: a duration"),
        ("sessions.toml", lambda t: t.replace('step_up = "5 min"', "step_up = 5"), "step_up: a duration"),
        ("linking.toml", lambda t: t.replace("5.0", "true"), "mass_change_percent: a number"),
        ("linking.toml", lambda t: t.replace("5.0", "-1"), "mass_change_percent: a number"),
        ("linking.toml", lambda t: t.replace("5.0", "nan"), "mass_change_percent: a number"),
        ("assurance.toml", lambda t: t.replace('silent = "low"', 'silent = "loud"'), "silent: one of none, low"),
        ("assurance.toml", lambda t: t.partition("[acr]")[0] + 'acr = "low"', "acr: a table"),
    ],
)  # fmt: skip
def test_each_fault_has_its_sentence(folder: Path, file: str, change: Callable[[str], str], problem: str) -> None:
    edit(folder / file, change)
    assert [told for told in problems(folder) if problem in told]
    shutil.copy(SHIPPED / file, folder)
    policies.load(folder)


BOUNDS = {
    "shared_idle": ("1 min", "1 h", "59 s", "61 min"),
    "shared_absolute": ("10 min", "24 h", "9 min", "25 h"),
    "pupil_absolute": ("10 min", "24 h", "9 min", "25 h"),
    "own_absolute": ("1 h", "90 d", "59 min", "91 d"),
    "staff_idle": ("1 min", "30 min", "59 s", "31 min"),
    "staff_absolute": ("10 min", "12 h", "9 min", "13 h"),
    "interaction": ("1 min", "60 min", "59 s", "61 min"),
    "step_up": ("30 s", "15 min", "29 s", "3650 d"),
    "code": ("5 s", "60 s", "4 s", "61 s"),
    "ticket": ("5 s", "300 s", "4 s", "301 s"),
    "pushed": ("5 s", "600 s", "4 s", "601 s"),
    "device_code": ("1 min", "15 min", "59 s", "16 min"),
    "access_token": ("30 s", "15 min", "29 s", "16 min"),
    "id_token": ("30 s", "15 min", "29 s", "16 min"),
    "logout_token": ("10 s", "2 min", "9 s", "121 s"),
    "logout_tries": ("1 h", "7 d", "59 min", "8 d"),
    "refresh_family_idle": ("1 min", "7 d", "59 s", "8 d"),
    "refresh_family_absolute": ("1 h", "90 d", "59 min", "91 d"),
    "refresh_staff_idle": ("1 min", "24 h", "59 s", "25 h"),
    "refresh_staff_absolute": ("1 h", "90 d", "59 min", "91 d"),
    "copy": ("1 s", "30 s", "31 s", "3650 d"),
    "undo_by_person": ("1 d", "365 d", "23 h", "366 d"),
    "undo_by_academie": ("1 d", "365 d", "23 h", "366 d"),
    "idle_most": ("30 d", "730 d", "29 d", "731 d"),
    "mass_change_percent": (0, 50, 50.1, 1e9),
    "mass_change_window": ("1 h", "30 d", "59 min", "31 d"),
    "mass_change_few": (1, 100, 0, 100.1),
    "propose_from": (0.5, 1, 0, 1.1),
}


@pytest.mark.parametrize("key", list(BOUNDS))
def test_no_file_sets_a_number_beyond_its_bounds(overrides: Path, key: str) -> None:
    """A tenant's typing slip, or worse: copies that outlive a revocation for years, an import guard that never acts."""
    name = "sessions.toml" if hasattr(policies.load().sessions, key) else "linking.toml"
    least, most, below, above = BOUNDS[key]
    for value in (below, above):
        (overrides / name).write_text(f"\n{key} = {value!r}\n", encoding="utf-8")
        (told,) = problems(None, overrides)
        assert told.startswith(f"override of {name}:2: {key}: from ")
    beside = {"undo_by_person": "undo_by_academie = '365 d'", "undo_by_academie": "undo_by_person = '1 d'"}.get(key, "")
    for value in (least, most):
        (overrides / name).write_text(f"{beside}\n{key} = {value!r}\n", encoding="utf-8")
        policies.load(None, overrides)


def test_the_academie_may_undo_at_least_as_long_as_the_person(overrides: Path) -> None:
    """After its time the purge erases what an undo writes back."""
    file = overrides / "linking.toml"
    file.write_text('undo_by_academie = "29 d"\n', encoding="utf-8")
    (told,) = problems(None, overrides)
    assert told.startswith("override of linking.toml:1: undo_by_academie: undo_by_person or longer")
    file.write_text('undo_by_academie = "30 d"\n', encoding="utf-8")
    assert policies.load(None, overrides).linking.undo_by_academie == timedelta(days=30)


def test_every_duration_and_every_number_has_bounds() -> None:
    shipped = policies.load()
    numbers = {
        field.name
        for table in (shipped.sessions, shipped.linking)
        for field in fields(table)
        if not isinstance(getattr(table, field.name), bool)
    }
    assert numbers == set(BOUNDS)


def test_a_file_missing_or_unknown_is_told(folder: Path) -> None:
    (folder / "linking.toml").unlink()
    (folder / "acces.cedar").write_text("", encoding="utf-8")
    (folder / "access.cedar").write_bytes(b"// a\n// \xff")
    (folder / "sessions.toml").unlink()
    (folder / "sessions.toml").mkdir()
    assert set(problems(folder)) == {
        f"{folder / 'linking.toml'}: missing policy file",
        f"{folder / 'acces.cedar'}: unknown policy file",
        "access.cedar:2: cannot be read as UTF-8 text",
        "sessions.toml:1: is no regular file",
    }


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert problems(None, tmp_path / "none") == (f"{tmp_path / 'none'}: no such folder",)


def test_a_tenant_overrides_key_by_key(overrides: Path) -> None:
    (overrides / "sessions.toml").write_text('shared_idle = "10 min"\n', encoding="utf-8")
    (overrides / "assurance.toml").write_text('[acr]\neidas1 = "standard"\n', encoding="utf-8")
    local = policies.load(None, overrides)
    assert local.sessions.shared_idle == timedelta(minutes=10)
    assert local.sessions.shared_absolute == timedelta(hours=12)
    assert local.assurance.level("eidas1") is Assurance.STANDARD
    assert local.assurance.level("eidas3") is Assurance.STRONG
    assert local.version != policies.load().version


def test_a_tenant_adds_a_rule_and_guard_rails_still_hold(overrides: Path) -> None:
    (overrides / "access.cedar").write_text(LOCAL_RULE, encoding="utf-8")
    local = policies.load(None, overrides)
    elsewhere = access(school_served=False)
    nobody = access(role=Role.NONE)
    assert local.access(elsewhere).allowed
    assert not policies.load().access(elsewhere).allowed
    assert not local.access(nobody).allowed


def test_a_tenant_replaces_a_permit_by_its_id(overrides: Path) -> None:
    pupils = f'@id("access.served") @reason("Pour les élèves.") {ACCESS} when {{ context.role == Role::"pupil" }};'
    (overrides / "access.cedar").write_text(pupils, encoding="utf-8")
    local = policies.load(None, overrides)
    assert not local.access(access()).allowed
    assert [rule.reason for rule in local.access(access(role=Role.PUPIL)).rules] == ["Pour les élèves."]


def test_a_tenant_closes_by_a_forbid_what_a_shipped_permit_opens(overrides: Path) -> None:
    """A layer above may close all that a permit beneath gives: that is no slip."""
    (overrides / "access.cedar").write_text(
        f'@id("local.no_outage") @reason("Jamais.") {FORBID} when {{ context.outage_accepted }};', encoding="utf-8"
    )
    excused = access(assured=False, outage_accepted=True)
    assert policies.load().access(excused).allowed
    assert not policies.load(None, overrides).access(excused).allowed


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        (f'@id("x") @reason("X.") {ACCESS} when {{ false }};', "no combination of facts ever satisfies x"),
        (
            f'@id("x") @reason("X.") {FORBID} when {{ context.assured && !context.assured }};',
            "no combination of facts ever satisfies x",
        ),
        (
            f'@id("x") @reason("X.") {ACCESS} when {{ context.term == Term::"ahead" && context.assured }};',
            "whatever x permits, a forbid closes",
        ),
        (
            f'@id("x") @reason("X.") {ACCESS}; @id("y") @reason("Y.") {FORBID};',
            "whatever x permits, a forbid closes",
        ),
        (f'@id("x") @reason("X.") {ACCESS} when {{ principal == principal }};', "knows no principal"),
    ],
)
def test_a_rule_that_nothing_reaches_is_refused(overrides: Path, rule: str, problem: str) -> None:
    (overrides / "access.cedar").write_text(f"\n{rule}", encoding="utf-8")
    (told,) = problems(None, overrides)
    assert told.startswith("override of access.cedar:2: ")
    assert problem in told


@pytest.mark.parametrize("word", ["low", "none", ""])
def test_an_assurance_row_that_is_never_read_is_refused(overrides: Path, word: str) -> None:
    """A word of ours is itself, and silence is `silent`: such a row would promise what never happens."""
    (overrides / "assurance.toml").write_text(f'[acr]\n"{word}" = "strong"\n', encoding="utf-8")
    (told,) = problems(None, overrides)
    assert told.startswith(f"override of assurance.toml:2: acr.{word}: ")
    (overrides / "assurance.toml").write_text('[acr]\n"lower" = "strong"\n', encoding="utf-8")
    assert policies.load(None, overrides).assurance.level("lower") is Assurance.STRONG


def test_a_tenant_cannot_replace_a_guard_rail(overrides: Path) -> None:
    (overrides / "access.cedar").write_text(f'\n@id("access.nobody") @reason("Ouvert.") {ACCESS};', encoding="utf-8")
    assert problems(None, overrides) == (
        "override of access.cedar:2: a forbid of a layer beneath is a guard rail and cannot be replaced",
    )


def test_faults_of_an_override_name_the_override(overrides: Path) -> None:
    (overrides / "sessions.toml").write_text('\nshared_idle = "soon"\n', encoding="utf-8")
    (overrides / "linking.toml").write_text("= 1", encoding="utf-8")
    (overrides / "access.cedar").write_text(LOCAL_RULE + LOCAL_RULE, encoding="utf-8")
    found = problems(None, overrides)
    assert [problem for problem in found if problem.startswith("override of sessions.toml:2: shared_idle")]
    assert [problem for problem in found if problem == "override of linking.toml:1: Invalid statement"]
    assert "override of access.cedar:2: @id local.all is already at override of access.cedar:1" in found
