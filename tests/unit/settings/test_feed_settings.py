"""What preau.toml may say of feeds: each kind has keys of its own, and one school's part is found under its own id."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.domain.errors import SettingsError
from broker.settings import FeedKind, GuardiansAre, Settings, load_settings
from broker.settings.values import Degree

HEAD = """issuer = "https://sso.example.fr"
[secrets]
master_file = "secrets/master"
[[tenants]]
id = "ac"
name = "Académie fictive"
"""
AAF = 'academie = "99"\ndegree = "1D"'
CSV = 'kind = "csv"\npeople = "pupils"\ncolumns = { login = "Login" }'
LDAP = """kind = "ldap"
url = "ldaps://annuaire.example.fr"
reader_dn = "cn=lecteur,dc=example"
reader_password_file = "secrets/reader"
people_dn = "ou=personnes,dc=example"
structures_dn = "ou=structures,dc=example\""""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("secrets", "services"):
        (tmp_path / name).mkdir()
    for name in ("master", "reader"):
        (tmp_path / "secrets" / name).write_bytes(b"x" * 32)
    (tmp_path / "secrets" / "blank").write_bytes(b"\n")
    return tmp_path


def load(folder: Path, keys: str, *, more: str = "") -> Settings:
    """Settings with the one feed `f` that has these keys."""
    file = folder / "preau.toml"
    file.write_text(f'{HEAD}[[feeds]]\nid = "f"\ntenant = "ac"\n{keys}\n{more}', encoding="utf-8")
    return load_settings(file, {})


def problems(folder: Path, keys: str, *, more: str = "") -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(folder, keys, more=more)
    return [problem.partition(": ")[2] for problem in caught.value.problems]


@pytest.mark.parametrize(
    "keys",
    [
        AAF,
        f'kind = "aaf"\n{AAF}',
        'kind = "onde"',
        'kind = "onde"\nguardians = "legal"',
        'kind = "siecle"',
        'kind = "siecle"\nlevel = "lycee"',
        f'{CSV}\nseparator = ","\nlevel = "ecole"',
        LDAP,
        f'{LDAP}\nkey_attribute = "entryUUID"\nacademies = {{ AC = "99" }}\nca_file = "secrets/master"',
    ],
)
def test_each_kind_has_its_keys(folder: Path, keys: str) -> None:
    assert load(folder, keys).feeds[0].id == "f"


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ("", ["academie: missing (kind = aaf)", "degree: missing (kind = aaf)"]),
        ('kind = "xml"', ["kind: one of aaf, onde, siecle, csv, ldap is wanted"]),
        (f'{AAF}\nguardians = "legal"', ["guardians: misplaced (kind = aaf)"]),
        (f'kind = "onde"\n{AAF}', ["academie: misplaced (kind = onde)", "degree: misplaced (kind = onde)"]),
        ('kind = "onde"\nguardians = "parents"', ["guardians: one of contact, legal is wanted"]),
        ('kind = "onde"\nguardian = "legal"', ["guardian: unknown key (is guardians meant?)"]),
        ('kind = "onde"\nlevel = "ecole"', ["level: misplaced (kind = onde)"]),
        ('kind = "siecle"\nlevel = "ecole"', ["level: college or lycee is wanted"]),
        ('kind = "siecle"\nguardians = "contact"', ["guardians: misplaced (kind = siecle)"]),
        ('kind = "csv"', ["people: missing (kind = csv)", "columns: missing (kind = csv)"]),
        (f'{CSV}\nseparator = ";;"', ["separator: one character is wanted, and no quote"]),
        (f"{CSV}\nseparator = '\"'", ["separator: one character is wanted, and no quote"]),
        (LDAP.replace("example.fr", "example.fr/dc=x"), ["url: an address as ldaps://annuaire.example.fr is wanted"]),
        (LDAP.replace("ldaps:", "https:"), ["url: an address as ldaps://annuaire.example.fr is wanted"]),
        (LDAP.replace("//", "//me@"), ["url: an address as ldaps://annuaire.example.fr is wanted"]),
        (f'{LDAP}\nacademies = {{ AC = "x" }}', ["academies.AC: two digits are wanted"]),
        (f'{LDAP}\ndegree = "2D"', ["degree: misplaced (kind = ldap)"]),
        (
            'kind = "ldap"',
            [f"{key}: missing (kind = ldap)" for key in ("url", "reader_dn", "reader_password_file", "people_dn")]
            + ["structures_dn: missing (kind = ldap)"],
        ),
    ],
)
def test_what_is_missing_misplaced_or_unknown_is_told_at_once(folder: Path, keys: str, told: list[str]) -> None:
    assert problems(folder, keys) == [f"feeds.f.{one}" for one in told]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"secrets/reader"', '"secrets/none"', "secrets/none is not a file"),
        ('"secrets/reader"', '"secrets/blank"', "secrets/blank is empty"),
        ("people_dn", 'ca_file = "secrets/none"\npeople_dn', "secrets/none is not a file"),
    ],
)
def test_files_that_a_directory_needs_are_looked_at(folder: Path, old: str, new: str, told: str) -> None:
    (problem,) = problems(folder, LDAP.replace(old, new))
    assert problem.endswith(told)
    load(folder, LDAP)


SOURCE = """[[sources]]
id = "ent"
kind = "cas"
tenant = "ac"
label = { fr = "ENT" }
url = "https://ent.example.fr/cas"
releases_references = true
feeds = ["f"]
"""


@pytest.mark.parametrize("kind", ["onde", "siecle"])
def test_a_source_is_never_allotted_a_feed_without_national_keys(folder: Path, kind: str) -> None:
    assert problems(folder, f'kind = "{kind}"', more=SOURCE) == [
        f"sources.ent.feeds: f has no national keys (kind = {kind})"
    ]
    assert load(folder, AAF, more=SOURCE).sources[0].feeds == ("f",)


@pytest.mark.parametrize(("keys", "found"), [('kind = "onde"', True), ('kind = "siecle"', True), (AAF, False)])
def test_one_schools_own_part_is_found_where_schools_deliver(folder: Path, keys: str, found: bool) -> None:
    settings = load(folder, keys)
    assert (settings.feed("f.9990001x") is not None) == found
    assert settings.feed("f") is settings.feeds[0]
    assert settings.feed("f.") is None
    assert settings.feed("g.9990001x") is None


def test_what_a_feed_says_of_itself(folder: Path) -> None:
    aaf, onde = load(folder, AAF).feeds[0], load(folder, 'kind = "onde"\nguardians = "legal"').feeds[0]
    assert (aaf.kind, aaf.degree, aaf.degree_of_schools) == (FeedKind.AAF, Degree.FIRST, "1D")
    assert (onde.guardians, onde.degree_of_schools, onde.academie) == (GuardiansAre.LEGAL, "1D", "")
    assert load(folder, 'kind = "siecle"').feeds[0].degree_of_schools == "2D"
    assert load(folder, LDAP).feeds[0].degree_of_schools == ""
