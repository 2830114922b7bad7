"""What families of SAML providers say in attributes: EduConnect's two contracts, agents, vectors."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from broker.domain.errors import UpstreamRefused
from broker.domain.people import Reference
from broker.wire.saml.names import PERSISTENT, TRANSIENT
from broker.wire.saml.statements import Attribute, Envelope, NameId, Statements
from connectors.agents import Delegated, HeadOf, delegated_to, headed_by, parse_delegated, parse_headed
from connectors.saml import AgentsProfile, EduConnectSamlProfile, PlainSamlProfile
from connectors.saml.vecteurs import KnownPupil, matching, parse_vecteur, parse_vecteurs

NOW = datetime(2026, 9, 7, 8, 0, tzinfo=UTC)
ARC = "urn:oid:1.3.6.1.4.1.20326.10.999.1."


def said(*attributes: tuple[str, str, tuple[str, ...]], name_id: NameId | None = None) -> Statements:
    return Statements(
        "_a", "idp", NOW, name_id, (), None, None, (), (), tuple(Attribute(*each) for each in attributes),
        Envelope("idp", "", "", NOW),
    )  # fmt: skip


ENT = EduConnectSamlProfile(releases_references=True)
REFS = ("{AAF}99|x|500101", "{AAF}99|x|610777", "{ECT}autre", "")


@pytest.mark.parametrize("names", [("FrEduCtRefId", ""), ("urn:oid:9.9.9", "FrEduCtRefId")])
def test_references_count_by_name_or_friendly_name(names: tuple[str, str]) -> None:
    found = ENT.references(said((*names, REFS), (f"{ARC}7", "", ("resp1d", "resp2d"))))
    assert found == (Reference("99", "500101"), Reference("99", "610777"))


def test_the_plain_contract_has_an_opaque_id_and_no_reference() -> None:
    plain = EduConnectSamlProfile()
    statements = said((f"{ARC}57", "FrEduCtId", ("9f3c",)), ("FrEduCtRefId", "", REFS))
    assert (plain.subject(statements).value, plain.references(statements)) == ("9f3c", ())


def test_a_login_of_a_pupil_and_a_parent_at_once_is_nobodys() -> None:
    with pytest.raises(UpstreamRefused):
        ENT.references(said((f"{ARC}7", "", ("eleve2d", "resp2d")), ("FrEduCtRefId", "", REFS)))


@pytest.mark.parametrize("values", [(), ("",), ("a", "b")])
def test_an_account_has_exactly_one_name(values: tuple[str, ...]) -> None:
    with pytest.raises(UpstreamRefused):
        ENT.subject(said((f"{ARC}57", "FrEduCtId", values)))


@pytest.mark.parametrize("name_id", [None, NameId("x", TRANSIENT, "", ""), NameId("a@b.example", "", "", "")])
def test_a_name_that_does_not_last_is_no_account(name_id: NameId | None) -> None:
    with pytest.raises(UpstreamRefused):
        PlainSamlProfile().subject(said(name_id=name_id))


def test_a_persistent_name_or_the_stated_attribute_is_an_account() -> None:
    name_id = NameId("k1", PERSISTENT, "", "")
    assert PlainSamlProfile().subject(said(name_id=name_id)).value == "k1"
    assert PlainSamlProfile("uid").subject(said(("uid", "", ("u1",)), name_id=name_id)).value == "u1"


@pytest.mark.parametrize("attribute", ["ctemail", "mail"])
def test_an_agent_is_known_by_the_work_mail(attribute: str) -> None:
    assert AgentsProfile().subject(said((attribute, "", ("a@ac-essai.example",)))).value == "a@ac-essai.example"


HEADED = "9990002Y$UAJ$PU$N$T3$CLG$340"


def test_only_who_has_the_function_of_a_head_heads_a_school() -> None:
    head = (("FrEduFonctAdm", "", ("DIR",)), ("FrEduRneResp", "", (HEADED, "X")))
    assert headed_by(said(*head).values) == (HeadOf("9990002Y", "CLG", is_public=True),)
    assert headed_by(said(("FrEduFonctAdm", "", ("ENS",)), head[1]).values) == ()


@pytest.mark.parametrize("value", ["X", "", "9990002Y", HEADED + "$", HEADED.replace("PU", "XX"), HEADED.lower()])
def test_a_school_of_another_form_is_none(value: str) -> None:
    assert parse_headed(value) is None


DELEGATED = (
    "Préau|https://preau.example/?applicationname=preau|2026-09-01|2027-07-31|chef|"
    f"FrEduRneResp={HEADED};9990003Z$UAJ$PR$N$T3$LYC$300|srv|mod"
)


def test_a_delegation_holds_from_its_first_day_through_its_last() -> None:
    (found,) = delegated_to(said(("FrEduResDel", "", (DELEGATED,))).values, "preau")
    assert found == Delegated("preau", date(2026, 9, 1), date(2027, 7, 31), "chef", ("9990002Y", "9990003Z"))
    days = (date(2026, 8, 31), date(2026, 9, 1), date(2027, 7, 31), date(2027, 8, 1))
    assert [found.holds(day) for day in days] == [False, True, True, False]
    assert delegated_to(said(("FrEduResDel", "", (DELEGATED,))).values, "autre") == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("applicationname=preau", ""), ("2026-09-01", "hier"), ("2027-07-31", "2025-07-31"), (HEADED, "X"),
        ("FrEduRneResp=", "Autre="), ("|mod", ""), ("|mod", "|applicationname=deux"),
    ],
)  # fmt: skip
def test_a_delegation_of_another_form_is_none(old: str, new: str) -> None:
    assert parse_delegated(DELEGATED.replace(old, new)) is None


@pytest.mark.parametrize(
    "value", ["", "2|A|B|771204", "2|A|B||9990002Y", "2|A|B|771204|", "9|A|B|771204|9990002Y", "2|||771204|9990002Y"]
)
def test_a_vector_that_lacks_something_is_refused(value: str) -> None:
    with pytest.raises(UpstreamRefused):
        parse_vecteur(value)


def test_vectors_are_matched_as_tuples_and_never_cross() -> None:
    vecteurs = parse_vecteurs(["2|QUEMENEUR|Aline|771204|9990002Y;1|QUEMENEUR|Aline|30981|9990001X"])
    hers = [
        KnownPupil("771204", "9990002Y", "Quemeneur", "ALINE"),
        KnownPupil("30981", "9990001X", "Quemeneur", "Aline"),
    ]
    crossed = [
        KnownPupil("771204", "9990001X", "Quemeneur", "Aline"),
        KnownPupil("30981", "9990002Y", "Quemeneur", "Aline"),
    ]
    others = [KnownPupil("771204", "9990002Y", "Autre", "Aline")]
    assert matching(vecteurs, [*hers, *crossed, *others]) == tuple(hers)


def test_a_pupil_is_matched_by_number_and_school_and_has_one_vector() -> None:
    found = parse_vecteurs(["4|||771204|9990002Y"])
    assert matching(found, [KnownPupil("771204", "9990002Y", "A", "B")]) == (
        KnownPupil("771204", "9990002Y", "A", "B"),
    )
    for values in (["4|||771204|9990002Y", "4|||771205|9990002Y"], ["4|||771204|9990002Y", "2|A|B|771204|9990002Y"]):
        with pytest.raises(UpstreamRefused):
            parse_vecteurs(values)
