"""Whether what joined a record still holds: one person's records, seen as a connected set."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest

from broker.directory.grounds import review, review_all
from broker.domain.founding import AttachmentChange, Belonging, Beside, Surroundings, judged_facts

INE, OTHER = "990000003DK", "990000004DJ"
BORN = date(2012, 3, 14)


def pupil(name: str, *, other: str = "", ine: str = INE, state: str = "attached", **evidence: str) -> Belonging:
    """A pupil's record, joined beside another one where one is named."""
    stored = {**({"other": other} if other else {}), **evidence}
    kind = "same_ine" if other else "own_record"
    return Belonging(f"att_{name}", name, "prs", state, kind, stored, "pupil", "99-2d", "", "Léa", "", BORN, ine)


def mother(name: str, *, other: str = "", feed: str = "99-2d", **changes: str) -> Belonging:
    """A mother's record, joined to another by a shared child where one is named."""
    one = pupil(name, other=other)
    kind = "shared_child" if other else "own_record"
    plain = one._replace(kind="guardian", evidence_kind=kind, feed=feed, civility="Mme", name_key="martin|lea|mme")
    return plain._replace(**changes)


def becomes(*rows: Belonging, ties: tuple[frozenset[str], ...] = (), beside: tuple[Beside, ...] = ()) -> dict[str, str]:
    """State of each record after the review."""
    changes = {one.record_id: one.state for one in review(Surroundings(belongings=rows, ties=ties, beside=beside))}
    return {row.record_id: changes.get(row.record_id, row.state) for row in rows}


def changed(*rows: Belonging) -> dict[str, dict[str, str]]:
    return {one.record_id: json.loads(one.evidence) for one in review(Surroundings(belongings=rows))}


def test_what_holds_is_not_touched() -> None:
    assert changed(pupil("a"), pupil("b", other="a"), pupil("c", other="b")) == {}


def test_a_broken_tie_freezes_the_joined_record_alone() -> None:
    rows = (pupil("a"), pupil("b", other="a", ine=OTHER))
    assert changed(*rows) == {"b": {"other": "a", "frozen": "b"}}
    assert becomes(*rows) == {"a": "attached", "b": "frozen"}


@pytest.mark.parametrize("ine", ["", "00000000000", "INCONNU"])
def test_what_a_feed_leaves_out_contradicts_nothing_and_is_counted(ine: str) -> None:
    for rows in (
        (pupil("a", ine=ine), pupil("b", other="a", ine=ine)),
        (pupil("a", ine=ine), pupil("b", other="a")),
        (pupil("a"), pupil("b", other="a", ine=ine)),
        (pupil("a"), pupil("b", other="a")._replace(birth_date=None)),
    ):
        found = review_all(Surroundings(belongings=rows))
        assert (found.changed, dict(found.unproven)) == ([], {"same_ine": 1})
    assert review_all(Surroundings(belongings=(pupil("a"), pupil("b", other="a")))).unproven == {}


def test_silence_thaws_nothing() -> None:
    frozen = pupil("b", other="a", state="frozen", frozen="b")
    assert changed(pupil("a"), frozen._replace(ine="")) == {}
    assert changed(pupil("a", ine=""), frozen) == {}
    unheld = pupil("b", other="a", ine="", unheld="grounds")
    assert becomes(pupil("a"), unheld)["b"] == "frozen"


@pytest.mark.parametrize(
    ("changes", "state"),
    [({"ine": OTHER}, "frozen"), ({"birth_date": date(2012, 3, 15)}, "frozen"), ({"given_name": "Zoé"}, "frozen")],
    ids=str,
)
def test_what_a_feed_states_otherwise_contradicts(changes: dict[str, object], state: str) -> None:
    bare = pupil("a")._replace(ine="" if "ine" not in changes else INE)
    assert becomes(bare, pupil("b", other="a")._replace(**changes))["b"] == state  # type: ignore[arg-type]


def test_a_frozen_one_thaws_when_its_grounds_are_back() -> None:
    frozen = pupil("b", other="a", state="frozen", frozen="b")
    assert changed(pupil("a"), frozen) == {"b": {"other": "a"}}


def test_what_a_human_froze_stays_frozen() -> None:
    assert changed(pupil("a"), pupil("b", other="a", state="frozen")) == {}


def test_what_a_human_judged_holds_while_the_facts_are_what_they_were() -> None:
    one, other = pupil("a"), pupil("b", other="a", ine=OTHER)
    judged = other._replace(evidence={**other.evidence, **judged_facts(other, one, ())})
    assert changed(one, judged) == {}
    for anew in (
        {"ine": "990000005DH"},
        {"birth_date": date(2013, 9, 9)},
        {"given_name": "Zoé"},
    ):
        assert becomes(one, judged._replace(**anew))["b"] == "frozen"
    assert becomes(one._replace(ine="990000005DH"), judged)["b"] == "frozen"


# ---- what has left, and who changed -------------------------------------------------------------------------------


def test_a_record_that_left_the_directory_takes_no_grounds_with_it() -> None:
    row = pupil("b", other="elsewhere", ine=OTHER)
    assert review(Surroundings(belongings=(row, pupil("a")), purged=frozenset({"elsewhere"}))) == []
    assert changed(pupil("b", settled="2026-09-01")._replace(evidence_kind="same_ine"), pupil("a", ine=OTHER)) == {}
    frozen = row._replace(state="frozen", evidence={"other": "elsewhere", "frozen": "b"})
    assert (
        review(Surroundings(belongings=(frozen, pupil("a", ine="990000005DH")), purged=frozenset({"elsewhere"}))) == []
    )


def test_a_retired_record_is_contradicted_only_by_who_changed() -> None:
    retired, row = pupil("a")._replace(retired=True), pupil("b", other="a", ine=OTHER)
    assert becomes(retired, row)["b"] == "attached"
    assert becomes(retired, row._replace(changed=True))["b"] == "frozen"


def test_a_settled_record_rests_on_another_that_it_agrees_with() -> None:
    settled = pupil("b", settled="2026-09-01")._replace(evidence_kind="same_ine")
    assert changed(settled, pupil("a")) == {"b": {"other": "a"}}


def test_the_record_that_changed_is_in_doubt_and_not_the_one_beside_it() -> None:
    rows = (pupil("a", ine=OTHER)._replace(changed=True), pupil("b", other="a", child="c"))
    assert becomes(*rows) == {"a": "frozen", "b": "attached"}
    first, second = review(Surroundings(belongings=rows))
    assert (first.evidence_kind, json.loads(first.evidence)) == (
        "same_ine",
        {"child": "c", "other": "b", "frozen": "a"},
    )
    assert (second.evidence_kind, json.loads(second.evidence)) == ("own_record", {})
    after = [row._replace(evidence_kind=one.evidence_kind, evidence=json.loads(one.evidence), state=one.state)
             for row, one in zip(rows, (first, second), strict=True)]  # fmt: skip
    assert changed(*after) == {}
    assert becomes(after[0], after[1]._replace(changed=True)) == {"a": "frozen", "b": "attached"}
    assert becomes(after[0]._replace(ine=INE), after[1]) == {"a": "attached", "b": "attached"}


def test_more_and_older_ground_keeps_the_person() -> None:
    a, b, c = pupil("a", ine=OTHER)._replace(changed=True), pupil("b", other="a"), pupil("c", ine="990000005DH")
    assert becomes(a, b, c, ties=(frozenset("ac"),)) == {"a": "attached", "b": "frozen", "c": "attached"}
    assert becomes(a, b, ties=(frozenset("a"),)) == {"a": "attached", "b": "frozen"}
    assert becomes(a, b, ties=(frozenset("a"), frozenset("b"))) == {"a": "frozen", "b": "attached"}


def test_a_whole_line_turns_round() -> None:
    rows = (
        pupil("a", ine=OTHER)._replace(changed=True),
        pupil("b", other="a", ine=OTHER)._replace(changed=True),
        pupil("c", other="b"),
    )
    assert becomes(*rows) == {"a": "frozen", "b": "frozen", "c": "attached"}
    stored = changed(*rows)
    assert (stored["a"]["other"], stored["b"]["other"], stored["c"]) == ("b", "c", {})


@pytest.mark.parametrize("changing", ["a", "b"])
def test_no_feed_of_a_school_s_own_freezes_what_an_academie_s_delivers(changing: str) -> None:
    rows = [pupil("a")._replace(trusted=False), pupil("b", other="a", ine=OTHER)]
    marked = [row._replace(changed=row.record_id == changing) for row in rows]
    named = (frozenset("a"), frozenset("a"))
    assert becomes(*marked, ties=named) == {"a": "frozen", "b": "attached"}
    turned = (pupil("a"), pupil("b", other="a", ine=OTHER)._replace(trusted=False))
    assert becomes(turned[0]._replace(changed=True), turned[1]) == {"a": "attached", "b": "frozen"}


def test_the_chain_behind_a_broken_tie_freezes_too() -> None:
    rows = (pupil("a", ine=OTHER), pupil("b", other="a"), pupil("c", other="b"))
    assert becomes(*rows) == {"a": "attached", "b": "frozen", "c": "frozen"}
    assert changed(*rows)["c"] == {"other": "b", "frozen": "b"}


def test_a_record_whose_neighbour_left_rests_on_another_that_it_agrees_with() -> None:
    rows = (pupil("a"), pupil("b", other="a", ine=OTHER), pupil("c", other="b"))
    assert becomes(*rows) == {"a": "attached", "b": "frozen", "c": "attached"}
    assert changed(*rows)["c"] == {"other": "a"}


def test_records_that_agree_with_each_other_leave_together() -> None:
    rows = (pupil("a", ine=OTHER), pupil("b", other="a"), pupil("c", other="a"))
    assert becomes(*rows) == {"a": "attached", "b": "frozen", "c": "frozen"}
    assert changed(*rows) == {"b": {"other": "c", "frozen": "c"}, "c": {"other": "a", "frozen": "c"}}


def test_a_record_beside_one_that_is_gone_freezes() -> None:
    assert becomes(pupil("b", other="elsewhere", ine=OTHER), pupil("a"))["b"] == "frozen"


def test_a_login_that_named_both_keeps_them_together_and_says_so() -> None:
    rows = (pupil("a"), pupil("b", other="a", ine=OTHER))
    (change,) = review(Surroundings(belongings=rows, ties=[frozenset("ab")]))
    assert (change.state, json.loads(change.evidence)) == ("attached", {"other": "a", "unheld": "grounds"})
    held = rows[1]._replace(ine=INE, evidence=json.loads(change.evidence))
    assert changed(rows[0], held) == {"b": {"other": "a"}}


def test_what_a_login_tied_to_the_broken_record_leaves_with_it() -> None:
    rows = (pupil("a"), pupil("b", other="a", ine=OTHER), pupil("c", ine="990000005DH"))
    tied = becomes(*rows, ties=(frozenset("bc"), frozenset({"unknown"})))
    assert tied == {"a": "attached", "b": "frozen", "c": "frozen"}
    assert becomes(*rows) == {"a": "attached", "b": "frozen", "c": "attached"}


# ---- adults -------------------------------------------------------------------------------------------------------


def beside(one: str = "10", other: str = "10", *, child: str = "prs_c", state: str = "attached") -> tuple[Beside, ...]:
    return (Beside("a", "ca", "prs_c", "attached", one), Beside("b", "cb", child, state, other))


ONE, TWO = mother("a", feed="99-1d"), mother("b", other="a")


@pytest.mark.parametrize(
    ("around", "state"),
    [
        (beside(), "attached"),
        (beside(other="20"), "frozen"),
        (beside("", ""), "frozen"),
        (beside(child="prs_d"), "frozen"),
        (beside(state="frozen"), "frozen"),
        ((), "frozen"),
    ],
    ids=["as it was", "another link", "no link", "another child", "a child in doubt", "no child"],
)
def test_a_shared_child_holds_while_it_is_shared(around: tuple[Beside, ...], state: str) -> None:
    assert becomes(ONE, TWO, beside=around)["b"] == state


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({"name_key": "durand|lea|mme"}, "attached"),
        ({"given_name": "Léa Marie"}, "attached"),
        ({"given_name": "Zoé"}, "frozen"),
        ({"civility": "M."}, "frozen"),
        ({"civility": ""}, "attached"),
        ({"feed": "99-1d"}, "frozen"),
    ],
    ids=str,
)
def test_a_name_may_be_married_but_not_another(change: dict[str, str], state: str) -> None:
    assert becomes(ONE, TWO._replace(**change), beside=beside())["b"] == state


def test_a_settled_join_outlives_its_child_and_no_contradiction() -> None:
    settled = TWO._replace(evidence={"other": "a", "settled": "2026-09-01"})
    assert becomes(ONE, settled)["b"] == "attached"
    assert becomes(ONE, settled._replace(given_name="Zoé"))["b"] == "frozen"
    anew = review(Surroundings(belongings=(ONE, settled), beside=beside()))
    assert [json.loads(one.evidence) for one in anew] == [{"other": "a"}]


def test_a_verdict_on_adults_holds_for_these_names_and_relations() -> None:
    around = beside(other="50")
    judged = TWO._replace(evidence={"other": "a", **judged_facts(ONE, TWO, around)})
    assert becomes(ONE, judged, beside=around)["b"] == "attached"
    assert becomes(ONE, judged, beside=beside(other="60"))["b"] == "frozen"
    assert becomes(ONE, judged._replace(name_key="durand|lea|mme"), beside=around)["b"] == "frozen"
    assert becomes(ONE, judged)["b"] == "frozen"
    settled = judged._replace(evidence={**judged.evidence, "settled": "2026-09-01"})
    assert becomes(ONE, settled)["b"] == "attached"


def test_beside_another_record_of_the_person_only_the_very_same_name_holds() -> None:
    third = mother("c", other="b", feed="99-3d")
    around = (beside()[0], Beside("c", "cc", "prs_c", "attached", "10"))
    assert becomes(ONE, TWO, third, beside=around) == {"a": "attached", "b": "frozen", "c": "attached"}
    married = third._replace(name_key="durand|lea|mme")
    assert becomes(ONE, TWO, married, beside=around)["c"] == "frozen"


def test_a_child_frozen_by_the_same_look_is_shared_no_more() -> None:
    children = (
        pupil("ca")._replace(person_id="prs_c"),
        pupil("cb", other="ca", ine=OTHER)._replace(person_id="prs_c"),
    )
    around = Surroundings(belongings=(*children, ONE, TWO), beside=beside())
    assert {one.record_id for one in review(around)} == {"cb", "b"}
    held = replace(around, belongings=(children[0], children[1]._replace(ine=INE), ONE, TWO))
    assert review(held) == []
    assert all(isinstance(one, AttachmentChange) for one in review(around))


# ---- what a directory calls one human -----------------------------------------------------------------------------


def tied(name: str, *, other: str, **changes: object) -> Belonging:
    """A mother's record that a directory's word joined to another."""
    return mother(name, other=other)._replace(evidence_kind="directory_tie", **changes)  # type: ignore[arg-type]


def judged(*rows: Belonging, says: bool) -> list[AttachmentChange]:
    pairs = frozenset({frozenset(row.record_id for row in rows)}) if says else frozenset()
    return review(Surroundings(belongings=rows, tied_pairs=pairs))


@pytest.mark.parametrize("says", [True, False])
def test_what_a_directory_said_holds_while_nothing_contradicts_it(says: bool) -> None:
    assert judged(mother("a"), tied("b", other="a"), says=says) == []


@pytest.mark.parametrize("says", [True, False])
def test_what_a_directory_says_does_not_hold_against_what_is_stated(says: bool) -> None:
    (change,) = judged(mother("a"), tied("b", other="a", given_name="Zoé"), says=says)
    assert (change.record_id, change.state) == ("b", "frozen")


@pytest.mark.parametrize(("says", "state"), [(True, "attached"), (False, "frozen")])
def test_what_is_in_doubt_needs_the_directory_to_say_it_still(says: bool, state: str) -> None:
    frozen = tied("b", other="a", state="frozen")._replace(evidence={"other": "a", "frozen": "b"})
    changes = {one.record_id: one.state for one in judged(mother("a"), frozen, says=says)}
    assert changes.get("b", "frozen") == state


def test_a_directory_keeps_what_a_child_in_common_joined_when_the_child_is_gone() -> None:
    assert [one.state for one in judged(mother("a"), mother("b", other="a", feed="99-1d"), says=False)] == ["frozen"]
    assert judged(mother("a"), mother("b", other="a", feed="99-1d"), says=True) == []
