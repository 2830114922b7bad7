"""Rules rename, map, wrap, join and scope what policies let through; they open nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from broker.domain.details import OwnLogin, OwnPlace, OwnRecord, PersonDetails
from broker.domain.errors import ReleaseRefused
from broker.domain.people import ChildCard, PersonName, Post, Profil, RecordKind, Space
from broker.domain.release_rules import (
    AttributeRule,
    DateFormat,
    IdShape,
    PrincipalKind,
    PrincipalRule,
    ReleaseRules,
)
from broker.domain.released import Attribute, Released
from broker.domain.services import ClaimName, Protocol, Service, ServiceState
from broker.domain.trust import Disputed
from broker.services.release import Asker, as_claims, release_for
from broker.services.release_values import Told, values_of
from broker.services.school_in_play import requested_school
from tests.oidc_stand import service
from tests.releases import COLLEGE, ECOLE, MOTHER, PUPIL, TEACHER, TEACHES, Somebody, shipped

SUBJECT = "0123456789abcdef0123456789abcdef"
FAMILY = service(profils=frozenset({Profil.TUTEUR, Profil.ELEVE}), claims=tuple(ClaimName))
STAFF = replace(FAMILY, space=Space.STAFF, profils=frozenset({Profil.ENSEIGNANT, Profil.DIRECTION}))


def told(
    who: Somebody,
    *rules: AttributeRule,
    served: Service = FAMILY,
    protocol: Protocol = Protocol.CAS,
    school: str = "",
    **changes: Any,
) -> Released:
    ruled = replace(served, release=ReleaseRules(attributes=rules, **changes))
    return release_for(shipped(), Asker(ruled, protocol, school), who.about())


def values(who: Somebody, rule: AttributeRule, **how: Any) -> tuple[object, ...]:
    found = told(who, rule, **how).attributes
    return found[0].values if found else ()


def named(who: Somebody, rule: PrincipalRule, served: Service = FAMILY, **how: Any) -> str:
    return told(who, served=served, principal=rule, **how).principal


# ---- attributes ---------------------------------------------------------------------------------------------------


def test_attributes_come_in_the_order_and_under_the_names_of_the_rules() -> None:
    found = told(MOTHER, AttributeRule(ClaimName.GIVEN_NAME, "prenom"), AttributeRule(ClaimName.FAMILY_NAME, "nom"))
    assert found.attributes == (Attribute("prenom", ("Aline",)), Attribute("nom", ("QUEMENEUR",)))
    assert found.claims == {ClaimName.GIVEN_NAME, ClaimName.FAMILY_NAME}


def test_a_rule_for_what_is_not_declared_or_not_allowed_tells_nothing() -> None:
    rule = AttributeRule(ClaimName.FAMILY_NAME, "nom")
    assert values(MOTHER, rule, served=replace(FAMILY, claims=(ClaimName.GIVEN_NAME,))) == ()
    assert values(MOTHER, rule, served=replace(FAMILY, state=ServiceState.SUSPENDED)) == ()
    assert values(MOTHER, AttributeRule(ClaimName.BIRTH_DATE, "ne")) == ()
    assert values(PUPIL, AttributeRule(ClaimName.BIRTH_DATE, "ne")) == ("2015-03-14",)


@pytest.mark.parametrize(
    ("style", "written"),
    [(DateFormat.ISO, "2015-03-14"), (DateFormat.FRENCH, "14/03/2015"), (DateFormat.COMPACT, "20150314")],
)
def test_a_date_is_written_as_the_service_wants_it(style: DateFormat, written: str) -> None:
    assert values(PUPIL, AttributeRule(ClaimName.BIRTH_DATE, "d", date=style)) == (written,)


def test_values_are_mapped_and_what_is_not_mapped_goes_or_stays() -> None:
    words = (("National_TUT", "parent"),)
    assert values(MOTHER, AttributeRule(ClaimName.PROFIL, "p", values=words)) == ("parent",)
    assert values(PUPIL, AttributeRule(ClaimName.PROFIL, "p", values=words)) == ("National_ELV",)
    assert values(PUPIL, AttributeRule(ClaimName.PROFIL, "p", values=words, only_mapped=True)) == ()


def test_two_values_of_one_word_are_one_and_joined_ones_are_one_text() -> None:
    head = Post(COLLEGE, "Collège", TEACHES.level, Profil.DIRECTION, "DIR")
    both = replace(TEACHER, view=replace(TEACHER.view, posts=(TEACHES, head)))
    words = (("National_ENS", "agent"), ("National_DIR", "agent"))
    assert values(both, AttributeRule(ClaimName.PROFIL, "p", values=words), served=STAFF) == ("agent",)
    joined = told(both, AttributeRule(ClaimName.PROFIL, "p", join=";"), served=STAFF).attributes
    assert joined == (Attribute("p", ("National_DIR;National_ENS",)),)


def test_a_list_is_wrapped_and_a_single_value_is_not_many() -> None:
    rule = AttributeRule(ClaimName.CLASSES, "classe", wrap="classes")
    assert told(PUPIL, rule).attributes == (Attribute("classe", ("6B",), many=True, wrap="classes"),)


def test_openid_connect_keeps_its_registered_names_unless_a_rule_speaks_there() -> None:
    cas_only = AttributeRule(ClaimName.FAMILY_NAME, "nom")
    everywhere = replace(cas_only, protocols=frozenset(Protocol))
    served = replace(FAMILY, claims=(ClaimName.FAMILY_NAME, ClaimName.CHILDREN))
    plain = as_claims(told(MOTHER, cas_only, served=served, protocol=Protocol.OIDC))
    assert list(plain) == ["family_name", "children"]
    assert list(as_claims(told(MOTHER, everywhere, served=served, protocol=Protocol.OIDC))) == ["nom", "children"]


def test_without_rules_a_cas_service_is_told_each_claim_by_its_name_but_the_children() -> None:
    found = release_for(shipped(), Asker(FAMILY, Protocol.CAS), MOTHER.about())
    assert [each.name for each in found.attributes] == [
        "name", "given_name", "family_name", "profil", "uai", "email", "postal_code", "structure_type", "vecteur",
    ]  # fmt: skip
    assert found.principal == SUBJECT


# ---- whose data ---------------------------------------------------------------------------------------------------


def test_only_records_of_the_role_speak_and_the_oldest_first() -> None:
    teacher_and_mother = replace(
        MOTHER,
        view=replace(MOTHER.view, kinds=frozenset({RecordKind.STAFF, RecordKind.GUARDIAN}), posts=(TEACHES,)),
        details=replace(MOTHER.details, records=(*MOTHER.details.records, *TEACHER.details.records)),
    )
    mail = AttributeRule(ClaimName.EMAIL, "mail")
    assert values(teacher_and_mother, mail) == ("aline@example.org",)
    assert values(teacher_and_mother, mail, served=STAFF) == ("camille.bernard@ac-fictive.example",)


def test_a_pupils_address_may_be_a_parents_and_is_never_told() -> None:
    assert values(PUPIL, AttributeRule(ClaimName.EMAIL, "mail")) == ()
    assert values(MOTHER, AttributeRule(ClaimName.EMAIL, "mail")) == ("aline@example.org",)


def test_a_guardian_is_told_of_without_class_mef_or_teaching_of_a_child() -> None:
    rules = [AttributeRule(claim, claim.value) for claim in (ClaimName.CLASSES, ClaimName.MEF, ClaimName.TEACHINGS)]
    assert told(MOTHER, *rules).attributes == ()
    assert [each.values for each in told(PUPIL, *rules).attributes] == [
        ("6B",), ("10110019110",), ("020300", "030201"),
    ]  # fmt: skip


def test_a_place_where_the_service_is_not_offered_is_not_told() -> None:
    elsewhere = replace(FAMILY, schools=frozenset({ECOLE}))
    assert values(PUPIL, AttributeRule(ClaimName.CLASSES, "c"), served=elsewhere) == ()
    assert values(PUPIL, AttributeRule(ClaimName.TEACHINGS, "c"), served=elsewhere) == ()
    closed = replace(FAMILY, closed_schools=frozenset({COLLEGE}))
    assert values(MOTHER, AttributeRule(ClaimName.UAI, "uai"), served=closed) == (ECOLE,)


# ---- the school in play -------------------------------------------------------------------------------------------

UAI = AttributeRule(ClaimName.UAI, "uai")
KIND = AttributeRule(ClaimName.STRUCTURE_TYPE, "type")
PROFIL = AttributeRule(ClaimName.PROFIL, "profil")


@pytest.mark.parametrize(("school", "kind"), [(COLLEGE, "COLLEGE"), (ECOLE, "ECOLE DE NIVEAU ELEMENTAIRE")])
def test_the_school_in_play_is_the_only_one_told_of(school: str, kind: str) -> None:
    found = told(MOTHER, UAI, KIND, AttributeRule(ClaimName.VECTEUR, "v"), school=school, school_parameter="UAI")
    assert [each.values for each in found.attributes[:2]] == [(school,), (kind,)]
    assert len(found.attributes[2].values) == 1
    assert str(found.attributes[2].values[0]).endswith(school)


def test_a_school_that_is_none_of_theirs_is_refused() -> None:
    with pytest.raises(ReleaseRefused):
        told(PUPIL, UAI, school=ECOLE, school_parameter="UAI")
    assert values(PUPIL, UAI, school=COLLEGE, school_parameter="UAI") == (COLLEGE,)


def test_without_a_school_in_play_nothing_of_several_schools_is_told_and_one_needs_no_naming() -> None:
    assert told(MOTHER, UAI, KIND, PROFIL, school_parameter="UAI").attributes == ()
    assert values(PUPIL, UAI, school_parameter="UAI") == (COLLEGE,)
    assert values(MOTHER, UAI) == (COLLEGE, ECOLE)[::-1]


def test_a_member_of_staff_has_at_a_school_the_profile_of_that_school() -> None:
    head = Post(ECOLE, "École", TEACHES.level, Profil.DIRECTION, "DIR")
    both = replace(TEACHER, view=replace(TEACHER.view, posts=(TEACHES, head)))
    assert values(both, PROFIL, served=STAFF, school=ECOLE, school_parameter="UAI") == ("National_DIR",)
    assert values(both, PROFIL, served=STAFF) == ("National_DIR", "National_ENS")


@pytest.mark.parametrize(
    ("url", "school"),
    [
        ("https://kne.example/acces", ""),
        ("https://kne.example/acces?UAI=0990002Y&x=1", COLLEGE),
        ("https://kne.example/acces?uai=0990002Y", ""),
        ("https://kne.example/acces?x=%3FUAI%3D0990001X#UAI=0990001X", ""),
    ],
)
def test_the_school_in_play_is_read_from_the_address(url: str, school: str) -> None:
    assert requested_school(ReleaseRules(school_parameter="UAI"), url) == school
    assert requested_school(ReleaseRules(), url) == ""
    assert requested_school(None, url) == ""


@pytest.mark.parametrize("query", ["UAI=0990002Y&UAI=0990001X", "UAI=", "UAI=0990002y", "UAI=0990002Y%0A", "UAI=x"])
def test_two_schools_or_none_that_is_one_are_refused(query: str) -> None:
    with pytest.raises(ReleaseRefused):
        requested_school(ReleaseRules(school_parameter="UAI"), f"https://kne.example/acces?{query}")


def test_an_address_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ReleaseRefused):
        requested_school(ReleaseRules(school_parameter="UAI"), "https://[kne/acces?UAI=0990002Y")


# ---- by what name -------------------------------------------------------------------------------------------------

LOGIN = PrincipalRule(PrincipalKind.LOGIN, source="ent-1")
KEY = PrincipalRule(PrincipalKind.EXTERNAL_ID, feed="99-2d", prefix="AC-FICTIVE$")


def test_a_person_is_known_by_a_pairwise_identifier_unless_the_rules_say_otherwise() -> None:
    assert named(MOTHER, PrincipalRule()) == SUBJECT
    assert named(MOTHER, PrincipalRule(PrincipalKind.ID)) == SUBJECT
    uuid = "01234567-89ab-cdef-0123-456789abcdef"
    assert named(MOTHER, PrincipalRule(PrincipalKind.ID, shape=IdShape.UUID)) == uuid
    assert told(MOTHER, principal=PrincipalRule(PrincipalKind.ID)).claims == frozenset()


def test_a_login_and_a_directory_key_are_those_of_the_source_and_feed_that_the_rule_names() -> None:
    assert named(MOTHER, LOGIN) == "aline.quemeneur"
    assert named(MOTHER, replace(LOGIN, source="ent-2")) == "a.quemeneur"
    assert named(MOTHER, KEY) == "AC-FICTIVE$500101"
    assert named(MOTHER, replace(KEY, feed="99-1d")) == "AC-FICTIVE$610777"
    assert told(MOTHER, principal=KEY).claims == {ClaimName.EXTERNAL_ID}


@pytest.mark.parametrize("rule", [replace(LOGIN, source="ent-3"), replace(LOGIN, source=""), replace(KEY, feed="98")])
def test_without_the_name_there_is_no_release(rule: PrincipalRule) -> None:
    with pytest.raises(ReleaseRefused):
        named(MOTHER, rule)


def test_of_several_names_none_is_chosen() -> None:
    """Two keys of one feed, two logins at one source, two addresses: somebody else's too. The same twice is one."""
    own, other = MOTHER.details.records[0], replace(MOTHER.details.records[0], key="777777")
    logins = MOTHER.details.logins
    for rule, mother, again, several in (
        (KEY, MOTHER, {"records": (own, own)}, {"records": (own, other)}),
        (LOGIN, MOTHER, {"logins": logins * 2}, {"logins": (*logins, OwnLogin("ent-1", "paul.martin"))}),
    ):
        assert named(replace(mother, details=replace(mother.details, **again)), rule) == named(mother, rule)
        with pytest.raises(ReleaseRefused, match="2 values"):
            named(replace(mother, details=replace(mother.details, **several)), rule)
    post = TEACHER.details.records[0]
    two = replace(TEACHER.details, records=(post, replace(post, mail="b@ac-fictive.example")))
    with pytest.raises(ReleaseRefused, match="2 values"):
        named(replace(TEACHER, details=two), PrincipalRule(PrincipalKind.MAIL), STAFF)


@pytest.mark.parametrize("ine", ["990000003DK", "990000003dk", "eleve-990000003DK"])
def test_no_text_that_holds_a_national_number_is_told(ine: str) -> None:
    keyed = replace(PUPIL.details.records[0], key=ine, postal_code=ine)
    pupil = replace(PUPIL, details=PersonDetails(records=(keyed,), logins=(OwnLogin("ent-1", ine),)))
    for claim in (ClaimName.EXTERNAL_ID, ClaimName.LOGIN, ClaimName.POSTAL_CODE):
        assert values(pupil, AttributeRule(claim, "x", source="ent-1", feed=keyed.feed)) == ()
    for rule in (KEY, LOGIN):
        with pytest.raises(ReleaseRefused, match="0 values"):
            named(pupil, rule)


def test_of_two_classes_of_one_school_only_the_one_that_is_served_is_told() -> None:
    (card,), record = PUPIL.view.pupil_at, PUPIL.details.records[0]
    second = replace(card, class_label="5e C", class_code="5C")
    places = (*record.places, replace(record.places[0], class_label="5e C", mef="10210019110"))
    both = replace(
        PUPIL,
        view=replace(PUPIL.view, pupil_at=(card, second)),
        details=PersonDetails(records=(replace(record, places=places),)),
    )
    classes, mef = AttributeRule(ClaimName.CLASSES, "c"), AttributeRule(ClaimName.MEF, "m")
    assert set(values(both, classes)) == {card.class_label, "5e C"}
    served = replace(FAMILY, classes=frozenset({f"{COLLEGE}:5C"}))
    assert values(both, classes, served=served) == ("5e C",)
    assert values(both, mef, served=served) == ("10210019110",)


@pytest.mark.parametrize("rule", [LOGIN, KEY])
def test_a_name_that_policies_do_not_let_through_is_no_name(rule: PrincipalRule) -> None:
    with pytest.raises(ReleaseRefused):
        named(MOTHER, rule, replace(FAMILY, claims=(ClaimName.NAME,)))
    with pytest.raises(ReleaseRefused):
        named(MOTHER, rule, replace(FAMILY, state=ServiceState.SUSPENDED))


def test_a_mail_names_staff_and_no_family() -> None:
    rule = PrincipalRule(PrincipalKind.MAIL)
    assert named(TEACHER, rule, STAFF) == "camille.bernard@ac-fictive.example"
    with pytest.raises(ReleaseRefused):
        named(MOTHER, rule)


def test_a_school_names_whoever_has_exactly_one() -> None:
    rule = PrincipalRule(PrincipalKind.UAI)
    assert named(PUPIL, rule) == COLLEGE
    with pytest.raises(ReleaseRefused):
        named(MOTHER, rule)
    assert named(MOTHER, rule, school=ECOLE, school_parameter="UAI") == ECOLE


def test_sub_is_pairwise_in_openid_connect_whatever_the_rules_say() -> None:
    assert named(MOTHER, LOGIN, protocol=Protocol.OIDC) == SUBJECT


def test_who_has_no_role_at_the_service_is_not_named_to_it() -> None:
    with pytest.raises(ReleaseRefused):
        named(MOTHER, PrincipalRule(), STAFF)
    assert told(MOTHER, served=STAFF, protocol=Protocol.OIDC).attributes == ()


def test_a_person_without_details_is_told_of_by_the_view_alone() -> None:
    bare = replace(PUPIL, details=PersonDetails(records=(OwnRecord(RecordKind.PUPIL, "99-2d", ""),)))
    assert values(bare, AttributeRule(ClaimName.VECTEUR, "v")) == ()
    with pytest.raises(ReleaseRefused):
        named(bare, KEY)


def test_of_feeds_that_disagree_the_most_trusted_is_told_first() -> None:
    late = OwnRecord(RecordKind.GUARDIAN, "99-2d", "1", mail="old@example.org", postal_code="29999")
    near = OwnRecord(RecordKind.GUARDIAN, "siecle.a", "2", mail="new@example.org", postal_code="29000")
    for first, second in ((late, near), (near, late)):
        ranked = (replace(first, ranks={Disputed.CONTACTS: 0}), replace(second, ranks={Disputed.CONTACTS: 1}))
        for records in (ranked, ranked[::-1]):
            who = replace(MOTHER, details=PersonDetails(records=records))
            assert values(who, AttributeRule(ClaimName.EMAIL, "mail"))[0] == first.mail
            assert values(who, AttributeRule(ClaimName.POSTAL_CODE, "cp"))[0] == first.postal_code


def test_functions_are_those_of_the_posts_where_the_service_is_offered() -> None:
    rule = AttributeRule(ClaimName.FUNCTIONS, "f")
    assert values(TEACHER, rule, served=STAFF) == ("ENS",)
    assert values(TEACHER, rule, served=replace(STAFF, schools=frozenset({ECOLE}))) == ()
    assert values(TEACHER, AttributeRule(ClaimName.SUB_FUNCTIONS, "s"), served=STAFF) == ()


def test_a_pupil_in_two_schools_has_a_vector_and_a_class_for_each() -> None:
    second = ChildCard(
        "prs_maelys", "Maëlys", "QUEMENEUR", ECOLE, "École", MOTHER.children[1].level, "CE1", None, class_code="CE1"
    )
    other = OwnRecord(
        RecordKind.PUPIL, "99-1d", "7", None, "", "", "30981", ("030100",), (OwnPlace(ECOLE, "ECOLE", "CE1", "1"),)
    )
    twice = replace(
        PUPIL,
        view=replace(PUPIL.view, name=PersonName("Q", "M"), pupil_at=(PUPIL.view.pupil_at[0], second)),
        details=PersonDetails(records=(*PUPIL.details.records, other), logins=(OwnLogin("ent-1", "m"),)),
    )
    assert values(twice, AttributeRule(ClaimName.VECTEUR, "v")) == (f"4|||771204|{COLLEGE}", f"3|||30981|{ECOLE}")
    here = {"school": ECOLE, "school_parameter": "UAI"}
    assert values(twice, AttributeRule(ClaimName.CLASSES, "c"), **here) == ("CE1",)
    assert values(twice, AttributeRule(ClaimName.TEACHINGS, "t"), **here) == ("030100",)


def test_rules_name_the_feeds_and_sources_they_need() -> None:
    uid = AttributeRule(ClaimName.EXTERNAL_ID, "uid", feed="99-1d")
    rules = ReleaseRules(principal=KEY, attributes=(uid, AttributeRule(ClaimName.LOGIN, "login", source="ent-1"), UAI))
    assert sorted(rules.feeds) == ["99-1d", "99-2d"]
    assert sorted(rules.sources) == ["ent-1"]
    assert not ReleaseRules().feeds | ReleaseRules().sources


@pytest.mark.parametrize("claim", [ClaimName.PHONE_NUMBER, ClaimName.PHONE_NUMBER_VERIFIED, ClaimName.ADDRESS])
@pytest.mark.parametrize(("who", "told"), [(MOTHER, True), (PUPIL, False), (TEACHER, False)], ids=["M", "P", "T"])
def test_telephone_and_address_are_a_guardians_whatever_a_record_holds(
    who: Somebody, told: bool, claim: ClaimName
) -> None:
    """The details of others hold none, and no shipped rule tells them: this is what stands should they one day."""
    full = replace(who.details.records[0], mobile="+33639980002", address="2 rue du Phare 99100 VILLE")
    details = replace(who.details, records=(full,))
    built_from = Told(STAFF if who is TEACHER else FAMILY, who.view, (), str, details)
    assert bool(values_of(built_from, AttributeRule(claim, claim.value))) is told


def test_what_is_no_text_is_told_by_openid_connect_alone() -> None:
    full = replace(MOTHER.details.records[0], mobile="+33639980001", address="1 rue du Port")
    somebody = replace(MOTHER, details=replace(MOTHER.details, records=(full,)))
    asked = service(claims=(ClaimName.EMAIL_VERIFIED, ClaimName.PHONE_NUMBER, ClaimName.ADDRESS))
    by_protocol = {
        protocol: release_for(shipped(), Asker(asked, protocol), somebody.about())
        for protocol in (Protocol.OIDC, Protocol.CAS)
    }
    assert as_claims(by_protocol[Protocol.OIDC]) == {
        "email_verified": False, "phone_number": "+33639980001",
        "address": {"formatted": "1 rue du Port", "postal_code": "99100"},
    }  # fmt: skip
    assert [each.name for each in by_protocol[Protocol.CAS].attributes] == ["phone_number"]
