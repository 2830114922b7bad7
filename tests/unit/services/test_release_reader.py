"""The table `[release]` of a descriptor: what is read, and what is refused on its line."""

from __future__ import annotations

import pytest

from broker.domain.people import Space
from broker.domain.release_rules import (
    AttributeRule,
    DateFormat,
    IdShape,
    PrincipalKind,
    PrincipalRule,
    ReleaseRules,
    XmlShape,
)
from broker.domain.services import ClaimName, Protocol
from broker.domain.toml_text import parse_toml
from broker.services.reading import Fault, Reader
from broker.services.release_reader import RESERVED, read_release

EVERY = tuple(ClaimName)
WHOLE = """
[release]
xml = "both"
school_parameter = "UAI"

[release.principal]
kind = "external_id"
feed = "99-2d"
prefix = "AC-FICTIVE$"

[[release.attributes]]
claim = "birthdate"
name = "dateNaissance"
date = "dd/MM/yyyy"

[[release.attributes]]
claim = "profil"
name = "profil"
wrap = "profils"
only_mapped = true
protocols = ["cas", "oidc"]
values = { National_ELV = "National_1" }
"""


def read(
    text: str, *, claims: tuple[ClaimName, ...] = EVERY, space: Space = Space.FAMILY
) -> tuple[ReleaseRules | None, list[Fault]]:
    toml, faults = parse_toml(text), list[Fault]()
    reader = Reader(toml, "x.toml", faults, table=dict(toml.table))
    return read_release(reader.inner("release"), claims=claims, space=space), faults


def told(text: str, **how: object) -> list[str]:
    return [str(fault) for fault in read(text, **how)[1]]  # type: ignore[arg-type]


def attribute(*lines: str) -> str:
    return "\n".join(("[[release.attributes]]", *lines))


def principal(*lines: str) -> str:
    return "\n".join(("[release.principal]", *lines))


def test_a_good_table_is_read_whole() -> None:
    rules, faults = read(WHOLE)
    assert faults == []
    assert rules == ReleaseRules(
        principal=PrincipalRule(PrincipalKind.EXTERNAL_ID, feed="99-2d", prefix="AC-FICTIVE$"),
        attributes=(
            AttributeRule(ClaimName.BIRTH_DATE, "dateNaissance", date=DateFormat.FRENCH),
            AttributeRule(
                ClaimName.PROFIL,
                "profil",
                protocols=frozenset({Protocol.CAS, Protocol.OIDC}),
                values=(("National_ELV", "National_1"),),
                only_mapped=True,
                wrap="profils",
            ),
        ),
        xml=XmlShape.BOTH,
        school_parameter="UAI",
    )


def test_no_table_is_no_rules_and_an_empty_one_is_the_plain_ones() -> None:
    assert read("")[0] is None
    assert read("[release]") == (ReleaseRules(), [])


def test_every_kind_of_name_can_be_declared() -> None:
    assert told(principal('kind = "id"', 'shape = "uuid"')) == []
    assert read(principal('kind = "id"', 'shape = "uuid"'))[0] == ReleaseRules(
        principal=PrincipalRule(PrincipalKind.ID, shape=IdShape.UUID)
    )
    assert told(principal('kind = "login"', 'source = "ent"')) == []
    assert told(principal('kind = "mail"'), space=Space.STAFF) == []
    assert told(principal('kind = "uai"')) == []
    assert told(principal('kind = "subject"')) == []


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("[release]\nxnl = 1", 2, "unknown key 'xnl'"),
        ('[release]\nxml = "cas3"', 2, "'xml' knows no 'cas3'"),
        ('[release]\nschool_parameter = "U A I"', 2, "characters that it cannot have"),
        ('[release.principal]\nkind = "ine"', 2, "'kind' knows no 'ine'"),
        ('[release.principal]\nkind = "login"', 1, "'source' goes with a login"),
        ('[release.principal]\nkind = "external_id"', 1, "'feed' goes with an external_id"),
        ('[release.principal]\nkind = "uai"\nsource = "ent"', 3, "'source' goes with a login"),
        ('[release.principal]\nkind = "uai"\nfeed = "99"', 3, "'feed' goes with an external_id"),
        ('[release.principal]\nkind = "uai"\nprefix = "x"', 3, "'prefix' goes with an external_id"),
        ('[release.principal]\nkind = "external_id"\nfeed = "99"\nprefix = "<"', 4, "characters that it cannot have"),
        ('[release.principal]\nkind = "uai"\nshape = "uuid"', 3, "'shape' goes with kind"),
        ('[release.principal]\nkind = "mail"', 2, "families share addresses"),
        ('[release.principal]\nname = "x"', 2, "unknown key 'name'"),
        ('[[release.attributes]]\nclaim = "ine"\nname = "x"', 2, "'ine' is not among the 'claims'"),
        ('[[release.attributes]]\nclaim = "mobile"\nname = "x"', 2, "'mobile' is not among the 'claims'"),
        ('[[release.attributes]]\nname = "x"', 1, "'claim' is missing"),
        ('[[release.attributes]]\nclaim = "name"', 1, "'name' is missing"),
        ('[[release.attributes]]\nclaim = "name"\nname = "x"\nnome = "y"', 4, "unknown key 'nome'"),
        ('[[release.attributes]]\nclaim = "name"\nname = "a b"', 3, "must be a plain name"),
        ('[[release.attributes]]\nclaim = "name"\nname = "x"\nprotocols = ["ldap"]', 4, "knows no 'ldap'"),
        ('[[release.attributes]]\nclaim = "name"\nname = "x"\ndate = "dd/MM/yyyy"', 4, "'date' goes with"),
        ('[[release.attributes]]\nclaim = "name"\nname = "x"\nonly_mapped = true', 4, "would tell nothing"),
        ('[[release.attributes]]\nclaim = "uai"\nname = "x"\nwrap = "x"', 1, "two attributes are called 'x'"),
        ('[[release.attributes]]\nclaim = "uai"\nname = "x"\nwrap = "y"\njoin = ";"', 4, "'wrap' goes with a list"),
        ('[[release.attributes]]\nclaim = "children"\nname = "x"', 2, "only OpenID Connect can say it"),
        ('[[release.attributes]]\nclaim = "login"\nname = "x"', 1, "'source' goes with a login"),
        ('[[release.attributes]]\nclaim = "external_id"\nname = "x"', 1, "'feed' goes with an external_id"),
        ('[[release.attributes]]\nclaim = "name"\nname = "x"\nvalues = { a = 1 }', 4, "mapped to a text"),
    ],
)
def test_a_fault_is_told_with_its_line(text: str, line: int, reason: str) -> None:
    fault = read(text)[1][0]
    assert fault.line == line
    assert reason in fault.reason


def test_children_are_never_mapped_to_words() -> None:
    base = attribute('claim = "children"', 'name = "enfants"', 'protocols = ["oidc"]')
    assert told(base) == []
    assert "no 'values' and no 'join'" in told(base + '\njoin = ";"')[0]


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_a_name_that_means_something_else_in_an_answer_is_refused(name: str) -> None:
    assert "means something else" in told(attribute('claim = "name"', f'name = "{name}"'))[0]
    assert "means something else" in told(attribute('claim = "uai"', 'name = "x"', f'wrap = "{name}"'))[0]


@pytest.mark.parametrize("name", ["ine", "INE", "ENTEleveINE", "FrEduCtEleveINE", "FrEduCtEleveINEHash", "num_ine"])
def test_nothing_is_called_an_ine(name: str) -> None:
    assert "as an INE" in told(attribute('claim = "name"', f'name = "{name}"'))[0]


@pytest.mark.parametrize("name", ["medecine", "vaccine", "ineligible", "line", "ENTEleveMEF"])
def test_a_name_that_only_holds_the_letters_is_a_name(name: str) -> None:
    assert told(attribute('claim = "name"', f'name = "{name}"')) == []


def test_two_attributes_of_one_name_are_refused_where_both_speak() -> None:
    one = attribute('claim = "given_name"', 'name = "nom"', 'protocols = ["cas"]')
    other = attribute('claim = "family_name"', 'name = "nom"', 'protocols = ["saml"]')
    assert told(f"{one}\n{other}") == []
    assert told(f"{one}\n{other}".replace('"saml"', '"cas"')) == [
        "x.toml:1: release: two attributes are called 'nom' in cas"
    ]
    wrapped = attribute('claim = "uai"', 'name = "x"', 'wrap = "nom"', 'protocols = ["cas"]')
    assert len(told(f"{one}\n{wrapped}")) == 1


def test_a_name_or_a_claim_that_is_not_declared_is_refused() -> None:
    declared = (ClaimName.NAME,)
    login = principal('kind = "login"', 'source = "ent"')
    assert "which 'claims' does not name" in told(login, claims=declared)[0]
    family = attribute('claim = "family_name"', 'name = "nom"')
    assert "is not among the 'claims'" in told(family, claims=declared)[0]
    assert told(family, claims=(ClaimName.FAMILY_NAME,)) == []
