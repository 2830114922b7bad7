"""What no descriptor and no tenant can release: the INE, another adult's contact, the reason of a right.

A hostile tenant writes rules that permit everything and a descriptor that asks for everything; the answers of every
protocol and shape are searched for what must not be there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, update

from broker.domain.details import ChildPlace, OwnLogin, OwnPlace, OwnRecord, PersonDetails
from broker.domain.errors import ReleaseRefused, SettingsError
from broker.domain.people import Profil, RecordKind
from broker.domain.release_rules import AttributeRule, PrincipalKind, PrincipalRule, ReleaseRules, XmlShape
from broker.domain.services import NO_TEXT, ClaimName, Protocol, Service
from broker.services.register import load_services
from broker.services.release import About, Asker, as_claims, release_for
from broker.services.release_details import read_details
from broker.storage.schema import accounts, records, schools
from broker.storage.sql_details import SqlDetails
from broker.storage.sql_people import SqlPeople
from broker.wire.cas_answer import write_success
from policies import Policies, load
from tests import builders as b
from tests.descriptors import REQUIRED
from tests.oidc_stand import service

INE = "990000002EA"
HERS = ("+33639980001", "1 rue du Port 99100 VILLE")
"""The mother's own: told of her, and of her alone."""
NEVER = (INE, "pere@example.org", "+33639980002", "2 rue du Phare", "500102", "Karim", "judgement", "legal_guardian")
EVERYTHING = """
@id("tenant.everything")
@reason("Tout est permis.")
@legal_basis("Aucune.")
permit (principal, action == Action::"release", resource) when { !context.about_child || context.about_child };
"""
WORDS = ("ine", "INE", "FrEduCtEleveINE", "mobile", "home_phone", "relations", "quality", "other_parent", "reason")
GREEDY = service(profils=frozenset({Profil.TUTEUR, Profil.ELEVE}), claims=tuple(ClaimName))
PLAIN = tuple(claim for claim in ClaimName if claim not in NO_TEXT)


@pytest.fixture
def everything(tmp_path: Path) -> Policies:
    """The policies of a tenant that permits whatever it can."""
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "release.cedar").write_text(EVERYTHING, encoding="utf-8")
    return load(None, folder)


@pytest.fixture
def people(sql_engine: Engine) -> dict[str, str]:
    """A child in her mother's and her father's charge, their records full of what must stay."""
    with sql_engine.begin() as conn:
        b.add_school(conn, "0990001A")
        conn.execute(update(schools).values(kind="COLLEGE"))
        mother, mothers = b.add_guardian(conn, "500101", given="Aline")
        _, fathers = b.add_guardian(conn, "500102", given="Karim")
        child, childs = b.add_pupil(conn, INE, given="Lila")
        b.enrol(conn, childs, "0990001A")
        for parent in (mothers, fathers):
            b.add_guardianship(conn, parent, childs, quality="legal_guardian")
        b.add_account(conn, child, subject=INE)
    full = {"ine": INE, "siecle_id": INE, "relations": [["500102", "10", "legal_guardian", 1, 1, "judgement"]]}
    said = {
        mothers: {"mobile": HERS[0], "mail": "mere@example.org", "address": HERS[1]},
        fathers: {"mobile": "+33639980002", "mail": "pere@example.org", "address": "2 rue du Phare 99100 VILLE"},
        childs: {**full, "mail": "pere@example.org", "mobile": "+33639980002", "address": "2 rue du Phare 99100 VILLE"},
    }
    with sql_engine.begin() as conn:
        for record, content in said.items():
            conn.execute(update(records).where(records.c.id == record).values(content=json.dumps(content)))
        conn.execute(update(records).where(records.c.id == childs).values(ine=INE))
    return {"mother": mother, "child": child}


def about(engine: Engine, person_id: str) -> About:
    """Whom it is about, with every detail read."""
    store = SqlPeople(engine)
    view = store.person(person_id, now=b.NOW)
    assert view is not None
    children = store.children_of(person_id, now=b.NOW) if RecordKind.GUARDIAN in view.kinds else ()
    details = read_details(SqlDetails(engine), view, tuple(ClaimName), now=b.NOW)
    return About(view, children, "f" * 32, lambda _child: "e" * 32, b.NOW, details)


def everywhere(policies: Policies, whom: About) -> Iterator[str]:
    """Every answer of every protocol and shape, with whatever rule could be written."""
    rules = tuple(
        AttributeRule(claim, claim.value, source="ent1", feed=b.FEED_2D, wrap=f"{claim.value}s") for claim in PLAIN
    )
    yield json.dumps(as_claims(release_for(policies, Asker(GREEDY, Protocol.OIDC), whom)), ensure_ascii=False)
    for shape in XmlShape:
        ruled = replace(GREEDY, release=ReleaseRules(attributes=rules, xml=shape))
        told = release_for(policies, Asker(ruled, Protocol.CAS), whom)
        yield write_success(told.principal, told.attributes, shape=shape).body.decode()


@pytest.mark.parametrize("who", ["mother", "child"])
def test_whatever_is_asked_and_permitted_these_are_not_told(
    sql_engine: Engine, people: dict[str, str], everything: Policies, who: str
) -> None:
    answers = list(everywhere(everything, about(sql_engine, people[who])))
    assert len(answers) == 1 + len(XmlShape)
    for answer in answers:
        assert "0990001A" in answer
        assert [secret for secret in NEVER if secret.lower() in answer.lower()] == []
    assert all((own in answers[0]) is (who == "mother") for own in HERS)


def test_her_own_address_is_told_where_permitted(
    sql_engine: Engine, people: dict[str, str], everything: Policies
) -> None:
    assert all("mere@example.org" in answer for answer in everywhere(everything, about(sql_engine, people["mother"])))


@pytest.mark.parametrize("kind", [PrincipalKind.LOGIN, PrincipalKind.EXTERNAL_ID])
def test_a_pupil_is_not_known_by_her_ine_under_another_name(
    sql_engine: Engine, people: dict[str, str], everything: Policies, kind: PrincipalKind
) -> None:
    rule = PrincipalRule(kind, source="ent1", feed=b.FEED_2D)
    ruled = replace(GREEDY, release=ReleaseRules(principal=rule))
    whom = about(sql_engine, people["child"])
    with pytest.raises(ReleaseRefused, match="0 values"):
        release_for(everything, Asker(ruled, Protocol.CAS), whom)
    with sql_engine.begin() as conn:
        conn.execute(update(records).values(ine=""))
    with pytest.raises(ReleaseRefused, match="0 values"):
        release_for(everything, Asker(ruled, Protocol.CAS), about(sql_engine, people["child"]))
    with sql_engine.begin() as conn:
        conn.execute(update(records).where(records.c.key == INE).values(key="200345"))
        conn.execute(update(accounts).values(subject="200345"))
    assert release_for(everything, Asker(ruled, Protocol.CAS), about(sql_engine, people["child"])).principal == "200345"


@pytest.mark.parametrize("word", WORDS)
def test_no_descriptor_can_even_name_them(tmp_path: Path, word: str) -> None:
    text = (
        f'service_id = "x1"\ntenant = "t1"\nnames = {{ fr = "X" }}\n{REQUIRED}\npurpose = "X."\nprofils = ["TUT"]\n'
        f'claims = ["{word}"]\n[[instances]]\nurl = "https://x.example/"\n'
    )
    (tmp_path / "x.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        load_services(tmp_path)
    assert any("'claims' knows no" in problem for problem in refused.value.problems)
    (tmp_path / "x.toml").write_text(text.replace(word, "name"), encoding="utf-8")
    assert load_services(tmp_path).all()[0].claims == (ClaimName.NAME,)


def test_no_tenant_can_write_a_rule_about_them(tmp_path: Path) -> None:
    for word in WORDS:
        rule = EVERYTHING.replace("!context.about_child || ", f'context.claim == ClaimName::"{word}" && ')
        (tmp_path / "release.cedar").write_text(rule, encoding="utf-8")
        with pytest.raises(SettingsError):
            load(None, tmp_path)


def test_what_a_release_is_built_from_has_no_place_for_them() -> None:
    """Adding a field here is a decision: it can then be released."""
    named = {kind: {each.name for each in fields(kind)} for kind in _SOURCES}
    assert named == _SOURCES


_SOURCES: dict[Any, set[str]] = {
    PersonDetails: {"records", "children", "logins"},
    OwnRecord: {
        "kind", "feed", "key", "birth_date", "mail", "mobile", "address", "postal_code", "number", "teachings",
        "places", "ranks",
    },
    OwnPlace: {"uai", "structure_type", "class_label", "mef"},
    ChildPlace: {"child_id", "uai", "structure_type", "number"},
    OwnLogin: {"source_id", "login"},
}  # fmt: skip


def test_the_greedy_service_declares_every_claim_there_is() -> None:
    asked: Service = GREEDY
    assert set(asked.claims) == set(ClaimName)
