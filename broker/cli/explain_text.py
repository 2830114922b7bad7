"""How an explanation is printed: labels in English, sentences in the French that families read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from broker.cli.output import plain_text, print_json, print_pairs, print_table
from broker.domain.errors import LinkSuspended, PersonSuspended, PreauError, SourceSuspended
from broker.domain.standings import Standing, StandingKind
from broker.services.explain import AccessExplanation, Said
from policies import Decision, Facts, Rule
from policies.counterfactual import Counterfactual
from policies.explain import explain, facts_told

_MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
    "décembre",
)  # fmt: skip


_CLOSED: Mapping[StandingKind, type[PreauError]] = {
    StandingKind.PERSON: PersonSuspended,
    StandingKind.SOURCE: SourceSuspended,
    StandingKind.LINK: LinkSuspended,
}


@dataclass(frozen=True, slots=True)
class Told:
    """A decision ready to print. `facts`: name, value, what said it."""

    allowed: bool
    rules: tuple[Rule, ...]
    facts: tuple[tuple[str, str, str], ...]
    would_pass: str
    version: str
    more: Mapping[str, Any]


def access_told(told: AccessExplanation, *, closed: Sequence[Standing] = ()) -> Told:
    """An access explained for a person and a service. `closed`: standings that keep any session from opening."""
    opens = {"opens": told.opens.isoformat(), "families read": told.opening_text.get("fr", "")} if told.opens else {}
    return Told(
        allowed=told.allowed and not closed,
        rules=(*_closing(closed), *(() if told.allowed and closed else told.rules)),
        facts=tuple((fact.fact, fact.value, french(fact.grounds)) for fact in told.facts),
        would_pass=_together(_conditions(told, closed)),
        version=told.version,
        more={**_stands(closed), **opens, **({"step up by": ", ".join(told.step_up)} if told.step_up else {})},
    )


def _closing(closed: Sequence[Standing]) -> tuple[Rule, ...]:
    """The standings as if they were rules, in the words that the person reads."""
    kinds = dict.fromkeys(row.kind for row in closed)
    return tuple(Rule(f"standing.{kind}", f"{_CLOSED[kind].title} {_CLOSED[kind].sentence}") for kind in kinds)


def _conditions(told: AccessExplanation, closed: Sequence[Standing]) -> Sequence[str]:
    """None where the rules refuse and no change in life would alter that."""
    otherwise = [french(said) for said in told.conditions]
    return ["si la suspension était levée", *otherwise] if closed and (told.allowed or otherwise) else otherwise


def _stands(closed: Sequence[Standing]) -> Mapping[str, str]:
    """Who closed what, and since when; the reason stays with `preau person suspend` and its siblings."""
    lines = [f"{row.kind} {row.subject} by {row.tenant} since {plain_text(row.since)}" for row in closed]
    return {"suspended": "; ".join(lines)} if lines else {}


def decision_told(decision: Decision, facts: Facts, found: Sequence[Counterfactual]) -> Told:
    """A decision explained for facts alone: nobody said them, and what would pass is said in general."""
    first = found[0] if found else ()
    return Told(
        allowed=decision.allowed,
        rules=decision.rules,
        facts=tuple((fact, value, "") for fact, value in facts_told(facts)),
        would_pass=_together(change.condition for change in first),
        version=decision.version,
        more={},
    )


def print_told(told: Told, *, as_json: bool) -> None:
    """Print one decision."""
    if as_json:
        print_json(_plain(told))
        return
    shown = explain(Decision(told.allowed, told.rules, told.version))
    pairs = {
        "decision": "allowed" if told.allowed else "refused",
        "rules": ", ".join(shown.rule_ids) or "none (refusal is the default)",
        "reasons": " ".join(shown.sentences),
        "legal bases": " ; ".join(shown.legal_bases),
        "would pass": told.would_pass,
        **told.more,
        "policies": told.version,
    }
    print_pairs({name: value for name, value in pairs.items() if value})
    print()
    print_table(("FACT", "VALUE", "GROUNDS"), told.facts)


def print_several(told: Sequence[tuple[str, Told]], *, as_json: bool) -> None:
    """Print several decisions under their names, one a line."""
    if as_json:
        print_json([{"claim": name, **_plain(each)} for name, each in told])
        return
    rows = [
        (name, "yes" if each.allowed else "no", ", ".join(rule.id for rule in each.rules) or "none", each.would_pass)
        for name, each in told
    ]
    print_table(("CLAIM", "TOLD", "RULES", "WOULD PASS"), rows)


def french(said: Said) -> str:
    """A sentence in French, its values filled in."""
    return said.msgid % {name: _day(value) if isinstance(value, date) else value for name, value in said.values.items()}


def _together(conditions: Iterable[str]) -> str:
    """All of the conditions at once; empty when there is none."""
    told = " et ".join(conditions)
    return f"passerait {told}" if told else ""


def _day(day: date) -> str:
    return f"{'1er' if day.day == 1 else day.day} {_MONTHS[day.month - 1]} {day.year}"


def _plain(told: Told) -> dict[str, Any]:
    return {
        "allowed": told.allowed,
        "rules": told.rules,
        "facts": {name: {"value": value, "grounds": grounds} for name, value, grounds in told.facts},
        "would_pass": told.would_pass,
        **{name.replace(" ", "_"): value for name, value in told.more.items()},
        "policies": told.version,
    }
