"""Examples are tried as they stand, what is missing is told, and a tenant's own take the place of those beneath."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import policies
from broker.domain.errors import PolicyError
from policies import Policies
from policies.example_sets import ExampleSet, example_sets
from policies.examples import Examples, missing_examples, read_examples, try_examples

SHIPPED = policies.load()
EXAMPLES = read_examples()

ACCESS = 'permit (principal, action == Action::"access", resource)'
EXAMPLE = """
[[access]]
rule = "{rule}"
says = "{says}"
facts = {{ {facts} }}
decision = "{decision}"
speak = {speak}
"""


def example(rule: str, facts: str, decision: str, speak: str) -> str:
    return EXAMPLE.format(rule=rule, says="ainsi", facts=facts, decision=decision, speak=speak)


@pytest.fixture
def overrides(tmp_path: Path) -> Path:
    (tmp_path / "examples").mkdir()
    return tmp_path


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def faults(tried: Policies, examples: Examples) -> list[str]:
    return [str(outcome) for outcome in try_examples(tried, examples) if outcome.fault is not None]


def of_sets(overrides: Path) -> dict[str, tuple[list[str], tuple[str, ...]]]:
    """Faults and missing examples, by set."""
    return {
        each.name: (faults(each.policies, each.examples), missing_examples(each.policies, each.examples))
        for each in example_sets(overrides)
    }


def test_every_shipped_example_comes_true_and_none_is_missing() -> None:
    assert faults(SHIPPED, EXAMPLES) == []
    assert missing_examples(SHIPPED, EXAMPLES) == ()
    assert len(EXAMPLES.all) > 150


def test_every_shipped_example_says_in_french_what_it_shows() -> None:
    for each in EXAMPLES.all:
        assert each.says == each.says.strip() != ""
        assert not each.says.endswith(".")


def test_an_example_that_does_not_come_true_is_told_with_file_and_line(overrides: Path) -> None:
    write(overrides, "examples/a.toml", example("access.served", 'role = ["pupil", "none"]', "allowed", "[]"))
    found = faults(SHIPPED, read_examples(overrides))
    came = "allowed without a rule is expected, allowed by access.served comes for role pupil"
    assert found == [f"{overrides}/examples/a.toml:2: access.served: ainsi: {came}"]
    both = '["access.nobody"]'
    write(overrides, "examples/a.toml", example("access.nobody", 'role = ["none", "staff"]', "refused", both))
    (told,) = faults(SHIPPED, read_examples(overrides))
    assert told.endswith("refused by access.nobody is expected, allowed by access.served comes for role staff")
    write(overrides, "examples/a.toml", example("access.nobody", 'role = "none"', "refused", both))
    assert faults(SHIPPED, read_examples(overrides)) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (example("access.nowhere", "", "allowed", "[]"), "no such rule: access.nowhere"),
        (example("access.served", "", "allowed", '["access.nowhere"]'), "no such rule: access.nowhere"),
        (example("access.served", "school_served = false", "allowed", "[]"), "refused without a rule comes"),
        (
            '[[number]]\nnumber = "sessions.code"\nsays = "x"\nafter = "61 s"\nholds = true',
            "no longer holds: it is 0:01",
        ),
        (
            '[[number]]\nnumber = "sessions.code"\nsays = "x"\nafter = "59 s"\nholds = false',
            "still holds: it is 0:01:00",
        ),
        ('[[number]]\nnumber = "sessions.code"\nsays = "x"\nafter = "60 s"\nholds = true', "the very instant"),
        ('[[number]]\nnumber = "sessions.kode"\nsays = "x"\nafter = "1 s"\nholds = true', "no such number"),
        ('[[number]]\nnumber = "sessions.code"\nsays = "x"\nat = 5\nholds = true', "or one of another kind"),
        ('[[number]]\nnumber = "linking.in_charge_sees"\nsays = "x"\nat = 1\nholds = true', "no such number"),
        ('[[number]]\nnumber = "assurance.silent"\nsays = "x"\nat = 1\nholds = true', "no such number"),
        (
            '[[number]]\nnumber = "linking.mass_change_percent"\nsays = "x"\nat = 4\nholds = false',
            "still holds: it is 5",
        ),
        ('[[number]]\nnumber = "linking.propose_from"\nsays = "x"\nat = 0.8\nholds = false', "still holds: it is 0.75"),
        ('[[number]]\nnumber = "linking.in_charge_sees"\nsays = "x"\nis = true', "it is False"),
        ('[[number]]\nnumber = "assurance.silent"\nsays = "x"\nis = "strong"', "it is low"),
        ('[[number]]\nnumber = "assurance.sylent"\nsays = "x"\nis = "low"', "no such word"),
    ],
)
def test_each_way_to_be_wrong_has_its_sentence(overrides: Path, text: str, fault: str) -> None:
    write(overrides, "examples/a.toml", text)
    (told,) = faults(SHIPPED, read_examples(overrides))
    assert fault in told
    (overrides / "examples" / "a.toml").unlink()
    assert faults(SHIPPED, read_examples(overrides)) == []


def without(wanted: Callable[[object], bool]) -> Examples:
    return Examples(tuple(each for each in EXAMPLES.all if not wanted(each)), EXAMPLES.layers)


def test_a_rule_wants_an_example_in_which_it_speaks_and_one_in_which_it_is_silent() -> None:
    speaking = without(lambda each: getattr(each, "of", "") == "access.served" and "access.served" in each.speak)  # type: ignore[attr-defined]
    (told,) = missing_examples(SHIPPED, speaking)
    assert told.startswith("access.cedar:4: access.served: no example in which this rule speaks")
    silent = without(lambda each: getattr(each, "of", "") == "access.nobody" and "access.nobody" not in each.speak)  # type: ignore[attr-defined]
    (told,) = missing_examples(SHIPPED, silent)
    assert told.endswith("access.nobody: no example in which this rule keeps silent")


def test_a_number_wants_an_example_on_each_side_of_its_edge(overrides: Path) -> None:
    def told(number: str, *sides: str) -> tuple[str, ...]:
        text = "".join(f'[[number]]\nnumber = "{number}"\nsays = "x"\n{side}\n' for side in sides)
        write(overrides, "examples/a.toml", text)
        return missing_examples(SHIPPED, read_examples(overrides))

    assert told("sessions.code", 'after = "59 s"\nholds = true', 'after = "61 s"\nholds = false') == ()
    (past,) = told("sessions.code", 'after = "59 s"\nholds = true', 'after = "70 s"\nholds = false')
    assert past.startswith("sessions.toml:")
    assert past.endswith("sessions.code: no example just past its edge, 0:01:00")
    (before,) = told("sessions.code", 'after = "50 s"\nholds = true', 'after = "61 s"\nholds = false')
    assert "no example just before its edge" in before
    assert told("linking.propose_from", "at = 0.76\nholds = true", "at = 0.74\nholds = false") == ()
    assert len(told("linking.propose_from", "at = 0.8\nholds = true", "at = 0.7\nholds = false")) == 2
    assert told("assurance.outage_failures", "at = 4\nholds = false", "at = 5\nholds = true") == ()
    assert len(told("assurance.outage_failures", "at = 3\nholds = false", "at = 7\nholds = true")) == 2


def test_a_word_wants_an_example() -> None:
    missing = missing_examples(SHIPPED, without(lambda each: getattr(each, "of", "") == "assurance.acr.eidas2"))
    assert len(missing) == 1
    assert missing[0].endswith("assurance.acr.eidas2: no example says that this is standard")
    assert missing[0].startswith("assurance.toml:")


def test_a_folder_that_overrides_nothing_needs_no_examples(tmp_path: Path) -> None:
    assert of_sets(tmp_path) == {"shipped": ([], ()), "installation": ([], ())}
    assert [each.name for each in example_sets(None)] == ["shipped"]


def test_a_rule_overridden_owes_examples_of_its_own(overrides: Path) -> None:
    write(overrides, "access.cedar", f'\n@id("local.library") @reason("Ouvert.") {ACCESS} when {{ context.assured }};')
    tried, missing = of_sets(overrides)["installation"]
    owed, *rest = missing
    assert owed == f"{overrides}/access.cedar:2: local.library: an override brings examples of its own"
    assert [told.partition("local.library: ")[2] for told in rest] == [
        "no example in which this rule speaks",
        "no example in which this rule keeps silent",
    ]
    assert tried, "the shipped examples see that another school is let in"


def test_a_number_overridden_brings_its_examples_and_the_shipped_ones_are_replaced(overrides: Path) -> None:
    write(overrides, "sessions.toml", 'shared_idle = "10 min"')
    tried, missing = of_sets(overrides)["installation"]
    assert [told.partition(": ")[0] for told in tried] == ["examples/sessions.toml:4"]
    assert [told.partition(": ")[0] for told in missing] == [f"{overrides}/sessions.toml:1"] * 2
    sides = (("9 min 59 s", "true"), ("10 min 1 s", "false"))
    text = "".join(
        f'[[number]]\nnumber = "sessions.shared_idle"\nsays = "x"\nafter = "{after}"\nholds = {holds}\n'
        for after, holds in sides
    )
    write(overrides, "examples/mine.toml", text)
    (overrides / "99").mkdir()
    assert of_sets(overrides) == {"shipped": ([], ()), "installation": ([], ()), "99": ([], ())}


def test_a_tenant_stands_on_the_installation_and_brings_its_own(overrides: Path) -> None:
    forbid = '@id("local.pupils") @reason("Fermé aux élèves.") forbid (principal, action == Action::"access", resource)'
    write(overrides, "99/access.cedar", f'{forbid} when {{ context.role == Role::"pupil" }};')
    sets = of_sets(overrides)
    assert sets["installation"] == ([], ())
    assert sets["99"][1][0] == f"{overrides}/99/access.cedar:1: local.pupils: an override brings examples of its own"
    shipped = {told.split(": ")[1] for told in sets["99"][0]}
    assert "access.served" in shipped

    own = example("local.pupils", 'role = "pupil"', "refused", '["local.pupils"]')
    own += example("local.pupils", 'role = "guardian"', "allowed", '["access.served"]')
    write(overrides, "99/examples/pupils.toml", own)
    told = of_sets(overrides)["99"]
    assert told[1] == ()
    assert {each.split(": ")[1] for each in told[0]} == shipped, "what else it changes must be said again, on purpose"


def test_what_is_usual_may_be_said_anew(overrides: Path) -> None:
    write(overrides, "examples/a.toml", '[usual.access]\nrole = "none"\n')
    write(overrides, "examples/b.toml", example("access.nobody", "", "refused", '["access.nobody"]'))
    with pytest.raises(PolicyError) as caught:
        read_examples(overrides)
    assert "is not stated, here or as usual" in caught.value.problems[0]


def test_sets_carry_the_policies_they_are_of(overrides: Path) -> None:
    write(overrides, "sessions.toml", 'shared_idle = "10 min"')
    write(overrides, "99/sessions.toml", 'shared_idle = "5 min"')
    (overrides / "_notes").mkdir()
    minutes = {each.name: _minutes(each) for each in example_sets(overrides)}
    assert minutes == {"shipped": 20, "installation": 10, "99": 5}


def _minutes(each: ExampleSet) -> int:
    return int(each.policies.sessions.shared_idle.total_seconds()) // 60
