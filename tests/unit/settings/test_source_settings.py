"""What preau.toml may say of a source that checks passwords, and what of another kind it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.domain.errors import SettingsError
from broker.settings import Settings, SourceKind, load_settings
from broker.sources import source_faults
from tests.aggregates import certificate_pem
from tests.saml_sources import write_source

LDAP = """issuer = "https://sso.example.fr"
[secrets]
master_file = "master"
[[tenants]]
id = "ac"
name = "Académie fictive"
[[feeds]]
id = "99-2d"
tenant = "ac"
academie = "99"
degree = "2D"
[[sources]]
id = "annuaire"
tenant = "ac"
label = { fr = "Mon lycée" }
kind = "ldap"
url = "ldaps://annuaire.example.fr"
reader_dn = "cn=lecteur,dc=example"
reader_password_file = "reader"
people_dn = "ou=personnes,dc=example"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "services").mkdir()
    for name in ("master", "reader"):
        (tmp_path / name).write_bytes(b"x" * 32)
    (tmp_path / "blank").write_bytes(b"\n")
    return tmp_path


def read(folder: Path, text: str) -> Settings:
    (folder / "preau.toml").write_text(text, encoding="utf-8")
    return load_settings(folder / "preau.toml", {}, also=source_faults)


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read(folder, text)
    return [problem.partition(": ")[2].removeprefix("sources.annuaire.") for problem in caught.value.problems]


def test_a_directory_as_a_source_is_read(folder: Path) -> None:
    more = 'login_attributes = ["uid", "mail"]\nsubject_attribute = "entryUUID"\ndecoy_dn = "cn=leurre,dc=example"\n'
    (source,) = read(folder, LDAP + more + 'feeds = ["99-2d"]\nreleases_references = true\n').sources
    assert source.kind is SourceKind.LDAP
    assert (source.login_attributes, source.subject_attribute) == (("uid", "mail"), "entryUUID")
    assert (source.reader_password_file, source.decoy_dn) == (folder / "reader", "cn=leurre,dc=example")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('url = "ldaps://annuaire.example.fr"', "", "url: missing (kind = ldap)"),
        (
            "ldaps://annuaire.example.fr",
            "https://annuaire.example.fr",
            "url: an address as ldaps://annuaire.example.fr",
        ),
        ("ldaps://annuaire.example.fr", "ldaps://annuaire.example.fr/dc=x", "url: an address as ldaps://"),
        ('reader_dn = "cn=lecteur,dc=example"', "", "reader_dn: missing (kind = ldap)"),
        ("cn=lecteur,dc=example", "lecteur", "reader_dn: no name of an entry"),
        ('reader_password_file = "reader"', "", "reader_password_file: missing (kind = ldap)"),
        ('"reader"', '"none"', "reader_password_file: "),
        ('"reader"', '"blank"', "reader_password_file: "),
        ('people_dn = "ou=personnes,dc=example"', "", "people_dn: missing (kind = ldap)"),
        ("ou=personnes,dc=example", "=", "people_dn: no name of an entry"),
        ('kind = "ldap"', 'kind = "ldap"\ndecoy_dn = "x"', "decoy_dn: no name of an entry"),
        (
            'kind = "ldap"',
            'kind = "ldap"\nlogin_attributes = ["uid", "a)(b"]',
            "login_attributes: a)(b is no name",
        ),
        ('kind = "ldap"', 'kind = "ldap"\nsubject_attribute = "*"', "subject_attribute: * is no name of an attribute"),
        ('kind = "ldap"', 'kind = "ldap"\nassurance = "standard"', "assurance: low is all that a password proves"),
        ('kind = "ldap"', 'kind = "ldap"\nclient_id = "x"', "client_id: misplaced (kind = ldap)"),
        ('kind = "ldap"', 'kind = "ldap"\nscopes = ["openid"]', "scopes: misplaced (kind = ldap)"),
        ('kind = "ldap"', 'kind = "ldap"\nca_file = "none"', "ca_file: "),
        ('kind = "ldap"', 'kind = "ldap"\nreleases_references = true', "feeds: a source that releases references"),
        ('kind = "ldap"', 'kind = "ldap"\nacademies = { X = "9" }', "academies.X: two digits"),
    ],
)
def test_each_fault_has_its_sentence_and_its_repair(folder: Path, old: str, new: str, problem: str) -> None:
    assert old in LDAP
    (told,) = problems(folder, LDAP.replace(old, new, 1))
    assert told.startswith(problem)
    read(folder, LDAP)


def test_two_branches_of_a_directory_are_no_two_sources_with_the_same_keys_of_persons(folder: Path) -> None:
    """One uid in both branches would be one account: whoever has the second would come in as the first."""
    source = LDAP[LDAP.index("[[sources]]") :].replace('"annuaire"', '"annexe"').replace("ou=personnes", "ou=annexe")
    (told,) = problems(folder, LDAP + source)
    assert told.startswith("sources.annexe.url: annuaire asks this directory by the same subject_attribute")
    assert problems(folder, f'{LDAP}{source}subject_attribute = "uid"\n') == [told]
    for other in (f'{source}subject_attribute = "entryUUID"\n', source.replace("annuaire.example.fr", "x.example.fr")):
        assert len(read(folder, LDAP + other).sources) == 2


def test_keys_of_a_directory_are_refused_elsewhere(folder: Path) -> None:
    cas = LDAP.replace('kind = "ldap"', 'kind = "cas"').replace("ldaps://", "https://")
    assert problems(folder, cas) == [
        f"{name}: misplaced (kind = cas)" for name in ("reader_dn", "reader_password_file", "people_dn")
    ]


def test_every_fault_is_told_at_once(folder: Path) -> None:
    text = LDAP.replace("cn=lecteur,dc=example", "lecteur").replace('"reader"', '"none"').replace("ldaps:", "http:")
    assert [told.partition(":")[0] for told in problems(folder, text)] == ["url", "reader_password_file", "reader_dn"]


PUBLISHED = 'metadata_url = "https://idp.example/metadata"\nmetadata_certificate_file = "metadata.pem"\n'
SAML = (
    LDAP[: LDAP.index('kind = "ldap"')]
    + f"""kind = "saml"
issuer = "https://idp.example/saml"
key_file = "sp.key"
certificate_file = "sp.pem"
{PUBLISHED}"""
)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            'metadata_url = "https://idp.example/metadata"\nmetadata_certificate_file = "metadata.pem"\n',
            "",
            "metadata_file: either",
        ),
        ('metadata_url = "https', 'metadata_file = "idp.xml"\nmetadata_url = "https', "metadata_file: either"),
        ('metadata_certificate_file = "metadata.pem"\n', "", "metadata_certificate_file: goes with metadata_url"),
        ('"https://idp.example/metadata"', '"http://idp.example/metadata"', "metadata_url: https is wanted"),
        ('"https://idp.example/metadata"', '"https:///metadata"', "metadata_url: an address is wanted"),
        ('"metadata.pem"', '"none.pem"', "metadata_certificate_file: no certificate"),
        ('"metadata.pem"', '"sp.key"', "metadata_certificate_file: no certificate"),
    ],
)
def test_metadata_of_a_saml_source_come_from_one_place_and_signed_from_an_address(
    folder: Path, old: str, new: str, problem: str
) -> None:
    write_source(folder)
    (folder / "metadata.pem").write_text(certificate_pem(), "ascii")
    assert old in SAML
    (told,) = problems(folder, SAML.replace(old, new, 1))
    assert told.startswith(problem)
    read(folder, SAML)


OWN = LDAP.partition('kind = "ldap"')[0] + 'kind = "own"\n'
SECOND = OWN.partition("[[sources]]")[2].replace("annuaire", "autre")


def faults_of(folder: Path, text: str) -> tuple[str, ...]:
    (folder / "preau.toml").write_text(text, "utf-8")
    try:
        load_settings(folder / "preau.toml", {})
    except SettingsError as refused:
        return refused.problems
    return ()


def test_accounts_of_our_own_need_nothing_but_a_name(folder: Path) -> None:
    assert faults_of(folder, OWN) == ()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (OWN + "[[sources]]" + SECOND, "annuaire is of kind own already"),
        (OWN + 'url = "https://x.example"\n', "url: misplaced (kind = own)"),
        (OWN + 'assurance = "standard"\n', "low is all that a password proves (kind = own)"),
        (OWN + 'releases_references = true\nfeeds = ["99-2d"]\n', "what is proven here is a code"),
        (OWN + "[hashing]\nmemory_kib = 19455\n", "hashing.memory_kib: 19456 or more"),
        (OWN + "[hashing]\npasses = 1\n", "hashing.passes: 2 or more"),
        ("threads = 5\n" + OWN, "hashing.waiting: "),
    ],
)
def test_what_accounts_of_our_own_cannot_say(folder: Path, text: str, fault: str) -> None:
    assert any(fault in told for told in faults_of(folder, text))
