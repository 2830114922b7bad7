"""The demo town's people: the twelve families, and numbers that hold."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date

import pytest

from broker.demo.accounts import Logins, accounts_of
from broker.demo.book import split_name
from broker.demo.changes import changes_of
from broker.demo.generate import HOW_MANY, generated
from broker.demo.people import Adult, Degree, Family, Population, Pupil, Site
from broker.demo.records import entries_of
from broker.demo.schools import SCHOOLS
from broker.demo.town import population_of, school_year
from broker.domain.names import name_key
from broker.domain.school import ine_is_plausible, uai_is_plausible

YEAR = 2026
NUMBERS = ["1", "1b", *map(str, range(2, 13))]


@pytest.fixture(scope="module")
def town() -> Population:
    return population_of(YEAR)


def adults(town: Population) -> list[Adult]:
    return [adult for family in town.families for adult in family.adults]


def pupils(town: Population) -> list[Pupil]:
    return [pupil for family in town.families for pupil in family.pupils]


def family(town: Population, number: str) -> Family:
    return next(family for family in town.families if family.number == number)


def test_the_twelve_families_and_1b_are_there_and_two_hundred_more(town: Population) -> None:
    assert [family.number for family in town.families if family.number] == NUMBERS
    assert len(town.families) == len(NUMBERS) + HOW_MANY


def test_two_draws_give_the_same_people(town: Population) -> None:
    assert population_of(YEAR) == town
    assert generated(YEAR) != generated(YEAR, seed=1)


def test_every_school_and_pupil_number_has_a_key_that_holds(town: Population) -> None:
    assert all(uai_is_plausible(school.uai) and school.uai.startswith("999") for school in SCHOOLS)
    numbers = [pupil.ine for pupil in pupils(town)]
    assert all(ine_is_plausible(number) for number in numbers)
    assert len(set(numbers)) == len(numbers)


def test_no_two_people_of_the_academie_share_a_key(town: Population) -> None:
    keys = [key for adult in adults(town) for key in adult.keys.values()]
    keys += [place.key for pupil in pupils(town) for place in pupil.places]
    keys += [m.key for m in (*town.staff, *(member for f in town.families for member in f.staff))]
    assert [key for key, count in Counter(keys).items() if count > 1] == []


def test_telephone_numbers_and_mails_are_of_the_ranges_kept_for_fiction(town: Population) -> None:
    mobiles = [number for adult in adults(town) for number in adult.mobile.values()]
    mails = [mail for adult in adults(town) for mail in adult.mail.values()]
    assert all(re.fullmatch(r"\+33 6 39 98 \d\d \d\d", number) for number in mobiles)
    assert all(re.fullmatch(r"[a-z0-9.]+@example\.org", mail) for mail in mails)


def test_contacts_are_filled_as_measured_on_real_exports(town: Population) -> None:
    drawn = [adult for family in town.families if not family.number for adult in family.adults]
    for degree, mail, mobile in ((Degree.FIRST, 0.32, 0.76), (Degree.SECOND, 0.50, 0.96)):
        known = [adult for adult in drawn if degree in adult.keys]
        assert sum(degree in adult.mail for adult in known) / len(known) == pytest.approx(mail, abs=0.08)
        assert sum(degree in adult.mobile for adult in known) / len(known) == pytest.approx(mobile, abs=0.08)


def test_the_mother_of_family_1_has_a_key_in_each_feed_and_three_children_in_three_schools(town: Population) -> None:
    one = family(town, "1")
    assert one.adults[0].keys == {Degree.FIRST: "610777", Degree.SECOND: "500101"}
    assert {place.school for pupil in one.pupils for place in pupil.places} == {"9001", "9002", "9003"}
    assert all("1-mere" in [tie.adult for tie in pupil.places[0].ties] for pupil in one.pupils)


def test_the_mother_of_1b_has_one_name_and_mobile_in_both_feeds_and_no_educonnect(town: Population) -> None:
    mother = family(town, "1b").adults[0]
    assert mother.mobile[Degree.FIRST] == mother.mobile[Degree.SECOND]
    assert not mother.spelled
    sites = {account.site for account in accounts_of(town) if account.person == mother.ref}
    assert sites == {Site.PETITS_PRES, Site.GRAND_LARGE}


def test_the_restricted_father_is_a_contact_in_one_feed_and_a_legal_guardian_in_the_stale_one(town: Population) -> None:
    lila = next(pupil for pupil in family(town, "5").pupils if pupil.ref == "5-lila")
    legal = {place.degree: next(tie.legal for tie in place.ties if tie.adult == "5-pere") for place in lila.places}
    assert legal == {Degree.SECOND: "0", Degree.FIRST: "1"}


def test_the_three_marie_martin_are_told_apart_by_nothing_in_a_folded_name(town: Population) -> None:
    names = {name_key(family=a.family, given=a.given, civility=a.civility) for a in family(town, "9").adults}
    assert len(names) == 1


def test_one_marie_martin_was_given_the_record_of_another_by_error(town: Population) -> None:
    first, second, _ = family(town, "9").adults
    accounts = {(account.person, account.site): account.keys for account in accounts_of(town)}
    assert accounts[first.ref, Site.EDUCONNECT] == (first.keys[Degree.FIRST], second.keys[Degree.SECOND])
    assert accounts[first.ref, Site.PETITS_PRES] == (first.keys[Degree.FIRST],)


def test_the_pupil_of_family_7_turns_18_on_14_march_and_the_grown_one_is_her_own_guardian(town: Population) -> None:
    emre, deniz = family(town, "7").pupils
    assert emre.born == date(YEAR + 1 - 18, 3, 14)
    assert deniz.born < date(YEAR - 18, 9, 1)
    assert [tie.link for tie in deniz.places[0].ties] == ["70"]


def test_the_teacher_of_family_8_is_a_mother_under_another_key(town: Population) -> None:
    eight = family(town, "8")
    accounts = [
        account for account in accounts_of(town) if account.given == "Nadia" and account.site is Site.GRAND_LARGE
    ]
    assert {account.keys for account in accounts if account.family == "BERRAHAL"} == {("500181",), ("700181",)}
    assert eight.staff[0].posts[0].school == eight.pupils[0].places[0].school


def test_the_same_father_was_created_twice_with_one_child_on_each(town: Population) -> None:
    letter, state = family(town, "10").adults
    assert (letter.given, letter.family) == (state.given, state.family)
    assert letter.keys != state.keys


def test_each_ent_releases_one_key_of_its_own_feed(town: Population) -> None:
    keys = {Site.PETITS_PRES: Degree.FIRST, Site.GRAND_LARGE: Degree.SECOND}
    own = {degree: {entry.key for entry in entries_of(town, degree)} for degree in Degree}
    for account in (account for account in accounts_of(town) if account.site in keys):
        assert len(account.keys) == 1
        assert account.keys[0] in own[keys[account.site]]


def test_educonnect_knows_no_adult_without_a_legal_tie(town: Population) -> None:
    people = {account.person for account in accounts_of(town) if account.site is Site.EDUCONNECT}
    assert {"4-beau-pere", "6-educateur", "1-tante", "6-tante"}.isdisjoint(people)


def test_a_stranger_has_a_login_and_no_record(town: Population) -> None:
    known = {entry.key for degree in Degree for entry in entries_of(town, degree)}
    assert all(known.isdisjoint(account.keys) for account in town.strangers)


def test_logins_are_plain_and_never_shared_at_a_site(town: Population) -> None:
    logins = Counter((account.site, account.login) for account in accounts_of(town))
    assert set(logins.values()) == {1}
    assert all(re.fullmatch(r"[a-z.-]+[0-9]*", login) for _, login in logins)


def test_a_taken_login_is_numbered() -> None:
    names = Logins()
    assert [names.draw("Đức", "N'GUYỄN") for _ in range(3)] == ["duc.n-guyen", "duc.n-guyen2", "duc.n-guyen3"]


def test_a_name_is_split_at_its_first_upper_case_word() -> None:
    assert split_name("Mme Marie-Ange DE LA TOUR") == ("Mme", "Marie-Ange", "DE LA TOUR")


@pytest.mark.parametrize(
    ("day", "year"), [(date(2026, 9, 11), 2025), (date(2026, 9, 12), 2026), (date(2027, 1, 5), 2026)]
)
def test_the_town_s_school_year_begins_when_its_exports_are_made(day: date, year: int) -> None:
    assert school_year(day) == year


def test_the_delta_brings_one_leaver_one_newcomer_and_changes(town: Population) -> None:
    requests = Counter((entry.category.value, entry.request.value) for entry in changes_of(town))
    assert requests["Eleve", "addRequest"] == 1
    assert requests["Eleve", "deleteRequest"] == 1
    assert requests["Eleve", "modifyRequest"] == 1
    assert requests["PersRelEleve", "modifyRequest"] >= 3
