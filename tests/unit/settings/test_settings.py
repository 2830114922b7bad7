"""Settings: read whole or refused whole, with every fault told at once."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from broker.domain.errors import SettingsError
from broker.settings import (
    Degree,
    LogLevel,
    Settings,
    SourceKind,
    SourceProfile,
    is_loopback,
    load_settings,
    read_secret,
)
from broker.settings.example import render_example
from policies import Assurance

ROOT = Path(__file__).parents[3]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The example as an administrator would use it, with the files it names."""
    for folder in ("secrets", "services", "policies"):
        (tmp_path / folder).mkdir()
    (tmp_path / "secrets" / "master").write_bytes(os.urandom(32))
    (tmp_path / "secrets" / "educonnect").write_text("s3cret\n", encoding="utf-8")
    (tmp_path / "secrets" / "annuaire").write_text("lecture\n", encoding="utf-8")
    (tmp_path / "secrets" / "db").write_text("postgresql+psycopg://preau:pw@db/preau\n", encoding="utf-8")
    (tmp_path / "secrets" / "empty").write_text(" \n", encoding="utf-8")
    (tmp_path / "secrets" / "bytes").write_bytes(b"\xff")
    path = tmp_path / "preau.toml"
    path.write_text(render_example(), encoding="utf-8")
    return path


def edit(path: Path, change: Callable[[str], str]) -> None:
    before = path.read_text(encoding="utf-8")
    after = change(before)
    assert after != before
    path.write_text(after, encoding="utf-8")


def problems(path: Path | None, environ: dict[str, str] | None = None) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load_settings(path, environ or {})
    assert caught.value.code == "PRE-1001"
    return caught.value.problems


# ---- the example --------------------------------------------------------------------------------------------------


def test_the_example_in_the_tree_is_the_one_the_classes_print() -> None:
    assert (ROOT / "preau.example.toml").read_text(encoding="utf-8") == render_example()


def test_the_example_shows_every_setting() -> None:
    shown = render_example()
    for name in Settings.__dataclass_fields__:
        assert f"\n{name} = " in shown or f"\n# {name} = " in shown or f"[{name}]" in shown


def test_the_example_can_be_used(file: Path) -> None:
    settings = load_settings(file, {})
    assert settings.issuer == "https://sso.example.fr"
    assert settings.data_dir == file.parent / "var"
    assert settings.database_url == f"sqlite:///{file.parent}/var/preau.sqlite"
    assert (settings.redis_url, settings.policies_dir) == ("", None)
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.feeds[0].degree is Degree.SECOND
    assert settings.feed("99-1d") == settings.feeds[1]
    assert settings.feed("98-1d") is None
    educonnect, ent, annuaire, _ = settings.sources
    assert (educonnect.kind, educonnect.profile, educonnect.assurance) == (
        SourceKind.OIDC,
        SourceProfile.EDUCONNECT,
        Assurance.STANDARD,
    )
    assert educonnect.client_secret_file is not None
    assert read_secret(educonnect.client_secret_file) == "s3cret"
    assert (annuaire.kind, annuaire.login_attributes, annuaire.assurance) == (SourceKind.LDAP, (), Assurance.LOW)
    assert (ent.kind, dict(ent.academies), ent.assurance) == (SourceKind.CAS, {"AC-FICTIVE": "99"}, Assurance.LOW)


def test_what_the_example_shows_as_a_default_is_the_default(file: Path) -> None:
    """Uncommenting a line changes nothing."""
    settings = load_settings(file, {})
    head, table, rest = file.read_text(encoding="utf-8").partition("\n[secrets]")
    lines = [line.removeprefix("# ") if line.startswith("# ") and " = " in line else line for line in head.splitlines()]
    assert len([line for line in lines if " = " in line and not line.startswith("#")]) > 8
    file.write_text("\n".join(lines) + table + rest, encoding="utf-8")
    assert load_settings(file, {}) == settings


# ---- the environment ----------------------------------------------------------------------------------------------


def test_the_environment_overrides_single_values(file: Path, tmp_path: Path) -> None:
    settings = load_settings(
        file,
        {
            "PREAU_ISSUER": "http://127.0.0.1:8000",
            "PREAU_LOG_LEVEL": "debug",
            "PREAU_WORKERS": "2",
            "PREAU_REDIS_URL": "redis://localhost/0",
            "PREAU_SECRETS__MASTER_FILE": str(tmp_path / "secrets" / "master"),
            "PREAU_SOURCES__ENT_1__URL": "https://other.example.fr/cas",
            "PREAU_SOURCES__ENT_1__RELEASES_REFERENCES": "false",
            "PREAU_SOURCES__EDUCONNECT__SCOPES": "openid, profile,  email",
            "PREAU_SOURCES__EDUCONNECT__LABEL__EN": "State login",
            "PREAU_DATABASE_URL_FILE": "secrets/db",
            "PREAU_CONFIG": "elsewhere",
            "PREAU_SKIP_SERVICES": "1",
            "PATH": "/bin",
        },
    )
    assert (settings.issuer, settings.log_level, settings.workers) == ("http://127.0.0.1:8000", LogLevel.DEBUG, 2)
    assert settings.database_url == "postgresql+psycopg://preau:pw@db/preau"
    educonnect, ent, *_ = settings.sources
    assert (ent.url, ent.releases_references) == ("https://other.example.fr/cas", False)
    assert educonnect.scopes == ("openid", "profile", "email")
    assert educonnect.label["en"] == "State login"


def test_a_variable_that_leads_nowhere_is_told(file: Path) -> None:
    told = problems(
        file,
        {"PREAU_ISSEUR": "x", "PREAU_SOURCES__ENT_9__URL": "x", "PREAU_ISSUER__X": "y", "PREAU_SECRETS__": "z"},
    )
    assert {problem.partition(": ")[2] for problem in told} == {
        "isseur: unknown key (is issuer meant?)",
        "PREAU_SOURCES__ENT_9__URL: leads to no setting",
        "PREAU_ISSUER__X: leads to no setting",
        "PREAU_SECRETS__: leads to no setting",
    }


def test_the_file_may_be_named_by_the_environment(file: Path) -> None:
    assert load_settings(None, {"PREAU_CONFIG": str(file)}).issuer == "https://sso.example.fr"


# ---- refusals -----------------------------------------------------------------------------------------------------


def test_every_fault_is_told_at_once(file: Path) -> None:
    edit(
        file,
        lambda text: (
            text.replace("issuer =", "isuer =", 1)
            .replace("# workers = 1", 'workers = "two"')
            .replace('degree = "2D"', 'degree = "3D"')
            .replace('kind = "cas"', 'kind = "cash"')
            .replace("releases_references = true", "releases_references = 1")
        ),
    )
    told = {problem.partition(": ")[2] for problem in problems(file)}
    assert told == {
        "isuer: unknown key (is issuer meant?)",
        "issuer: missing",
        "workers: a whole number is wanted",
        "feeds.99-2d.degree: one of 1D, 2D is wanted",
        "sources.ent-1.kind: one of oidc, cas, ldap, saml, own is wanted",
        "sources.educonnect.releases_references: true or false is wanted",
        "sources.ent-1.releases_references: true or false is wanted",
        "sources.annuaire.releases_references: true or false is wanted",
    }


ISSUER = 'issuer = "https://sso.example.fr"'


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (ISSUER, 'issuer = "http://sso.example.fr"', "issuer: https is wanted (http on loopback only)"),
        (ISSUER, 'issuer = "https://sso.example.fr/"', "issuer: an address as https://sso.example.fr is wanted"),
        (ISSUER, 'issuer = "https://sso.example.fr/sso"', "issuer: an address as"),
        (ISSUER, 'issuer = "https://u:p@sso.example.fr"', "issuer: an address as"),
        (ISSUER, 'issuer = "sso.example.fr"', "issuer: an address as"),
        (ISSUER, "issuer = 1", "issuer: a text is wanted"),
        ("# listen = ", 'listen = "8000"\n# ', "listen: an address and a port"),
        ("# listen = ", 'listen = "127.0.0.1:0"\n# ', "listen: an address and a port"),
        ("# listen = ", 'listen = "127.0.0.1:http"\n# ', "listen: an address and a port"),
        ("# workers = 1", "workers = 0", "workers: at least 1"),
        ("# workers = 1", "workers = 2", "more than one worker process needs redis_url"),
        ("# threads = 8", "threads = 0", "threads: at least 1"),
        (
            "# trusted_proxies = ",
            'trusted_proxies = ["10.0.0.1/8"]\n# ',
            "trusted_proxies: 10.0.0.1/8 is not a network",
        ),
        (
            "# reachable_networks = ",
            'reachable_networks = ["intranet"]\n# ',
            "reachable_networks: intranet is not a network",
        ),
        ("# services_ca_file = ", 'services_ca_file = "none.pem"\n# ', "services_ca_file: "),
        ("# database_url = ", 'database_url = "mysql://x"\n# ', "database_url: sqlite"),
        ("# database_url_file = ", 'database_url_file = "secrets/none"\n# ', "database_url_file: "),
        ("# redis_url = ", 'redis_url = "memcached://x"\n# ', "redis_url: redis://"),
        ("# services_dir = ", 'services_dir = "none"\n# ', "services_dir: "),
        ("# policies_dir = ", 'policies_dir = "none"\n# ', "policies_dir: "),
        ('"secrets/master"', '"secrets/none"', "secrets.master_file: "),
        ("[secrets]", "[secret]", "secret: unknown key (is secrets meant?)"),
        ("[secrets]\n", "secrets = 1\n[other]\n", "secrets: a table is wanted"),
        ("[[tenants]]", "[tenants]", "tenants: a list of tables is wanted"),
        ('id = "99-1d"', 'id = "99-2d"', "feeds.99-2d: this id is already taken"),
        ('id = "99-1d"', 'id = "99_1D"', "feeds.99_1D: an id is lower-case"),
        ('id = "99-1d"', 'id = ""', "feeds.: an id is lower-case"),
        ('academie = "99"', 'academie = "9"', "feeds.99-2d.academie: two digits"),
        ('name = "Académie fictive"', "nom = 1", "tenants.ac-fictive.nom: unknown key"),
        ('id = "ac-fictive"', 'id = "other"', "feeds.99-2d.tenant: ac-fictive is not among the tenants"),
        ('id = "ac-fictive"', 'id = "other"', "sources.ent-1.tenant: ac-fictive is not among the tenants"),
        ('feeds = ["99-2d"]', 'feeds = ["98-2d"]', "sources.ent-1.feeds: 98-2d is not among the feeds"),
        ('feeds = ["99-2d"]', "feeds = []", "sources.ent-1.feeds: a source that releases references needs"),
        ('feeds = ["99-2d"]', 'feeds = "99-2d"', "sources.ent-1.feeds: a list of texts is wanted"),
        ('"https://ent.example.fr/cas"', '""', "sources.ent-1.url: missing (kind = cas)"),
        ('"https://ent.example.fr/cas"', '"http://ent.example.fr"', "sources.ent-1.url: https is wanted"),
        ('client_id = "preau"', "", "sources.educonnect.client_id: missing (kind = oidc)"),
        ('client_secret_file = "secrets/educonnect"', "", "sources.educonnect.client_secret_file: missing"),
        ('"secrets/educonnect"', '"secrets/none"', "sources.educonnect.client_secret_file: "),
        ('"secrets/educonnect"', '"secrets/empty"', "(leave the source out until you have its secret)"),
        (
            '"secrets/educonnect"',
            '"secrets/bytes"',
            "is not UTF-8 text (leave the source out until you have its secret)",
        ),
        ("# database_url_file = ", 'database_url_file = "secrets/empty"\n# ', "secrets/empty is empty"),
        ("# redis_url_file = ", 'redis_url_file = "secrets/empty"\n# ', "secrets/empty is empty"),
        ("# scopes = ", 'scopes = ["profile"]\n# ', "sources.educonnect.scopes: openid is wanted"),
        ('fr = "EduConnect", ', "", "sources.educonnect.label.fr: missing"),
        ('fr = "EduConnect"', "fr = 1", "sources.educonnect.label: a table of texts is wanted"),
        ('AC-FICTIVE = "99"', 'AC-FICTIVE = "AC"', "sources.ent-1.academies.AC-FICTIVE: two digits"),
        ('profile = "educonnect"', "", "sources.educonnect.releases_references: among oidc sources only"),
        ("# auth_method = ", 'auth_method = "none"\n# ', "sources.educonnect.auth_method: client_secret_basic or"),
        ('scopes = ["openid", "profile"]\n', 'scopes = ["openid"]\nca_file = "none"\n', "sources.educonnect.ca_file: "),
        ('assurance = "standard"', 'assurance = "none"', "sources.educonnect.assurance: low, standard or strong"),
    ],
)
def test_each_fault_has_its_sentence(file: Path, old: str, new: str, problem: str) -> None:
    sound = file.read_text(encoding="utf-8")
    edit(file, lambda text: text.replace(old, new, 1))
    told = problems(file)
    assert [
        line
        for line in told
        if line.removeprefix(f"{file}: ").startswith(problem) or f": {problem}" in line or line.endswith(problem)
    ], told
    file.write_text(sound, encoding="utf-8")
    load_settings(file, {})


def test_http_is_accepted_on_loopback_only() -> None:
    assert [host for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost", "localhost.example.fr", "10.0.0.1", "") if
            is_loopback(host)] == ["127.0.0.1", "127.9.9.9", "::1", "localhost"]  # fmt: skip


def test_a_file_that_is_missing_or_unreadable_is_told(tmp_path: Path) -> None:
    assert "no such file" in problems(tmp_path / "none.toml")[0]
    broken = tmp_path / "broken.toml"
    broken.write_text("issuer = ", encoding="utf-8")
    assert problems(broken)[0].startswith(f"{broken}: ")
    broken.write_bytes(b"\xff")
    assert problems(broken) == (f"{broken}: cannot be read as UTF-8 text",)


def test_a_secret_that_cannot_be_read_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: Path, **_: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("broker.settings.secret_files.read_secret", refuse)
    problem, other = problems(file)
    assert problem.endswith(
        "educonnect cannot be read (Permission denied) (leave the source out until you have its secret)"
    )
    assert other.endswith("annuaire cannot be read (Permission denied)")


def test_faults_that_only_the_caller_sees_are_told_with_the_others(file: Path) -> None:
    edit(file, lambda text: text.replace('academie = "99"', 'academie = "9"', 1))
    with pytest.raises(SettingsError) as caught:
        load_settings(file, {}, also=lambda settings: (f"{settings.issuer}: seen",))
    assert [line.partition(": ")[2] for line in caught.value.problems] == [
        "feeds.99-2d.academie: two digits are wanted",
        "https://sso.example.fr: seen",
    ]


def test_no_secret_stands_in_the_settings(file: Path) -> None:
    settings = load_settings(file, {})
    assert "s3cret" not in repr(settings)


def test_the_example_is_plain_toml() -> None:
    assert set(tomllib.loads(render_example())) <= set(Settings.__dataclass_fields__)
