"""What a decision costs: asked of Cedar, remembered, and a portal page of 4 children at 8 services, once warm.

    python -m bench.decisions [--rules 200] [--rounds 3000] [--dry]

The shipped rules are joined by made-up ones of the same kind until every action has its share. An action's rules are a
slice of their own, so that 200 rules over 8 actions are 25 a slice: the shipped actions are measured with at least that
many. The rows in `bench/results.json` are the medians of the runs of the last call.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import time
from collections.abc import Callable, Iterable, Iterator
from statistics import median, quantiles
from typing import Any

from bench.results import Row, append
from policies.engine import Engine, ParsedRule, parse_rule, parse_schema, rule_faults
from policies.facts import FACT_TYPES, Facts, every, values_of
from policies.loader import RULES, SCHEMA, SHIPPED
from policies.text import statements

ACTIONS = 8
CHILDREN, SERVICES = 4, 8
RUNS = 5
BARS = {"uncached_p95": 150.0, "remembered": 2.0, "portal_page": 1000.0}
"""Microseconds."""


def main() -> None:
    """Measure, print, append."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rules", type=int, default=200, help="rules over 8 actions")
    parser.add_argument("--rounds", type=int, default=3000)
    parser.add_argument("--dry", action="store_true", help="print only")
    options = parser.parse_args()
    rules = tuple(enough_rules(options.rules // ACTIONS))
    facts = {kind.action: sample(every(kind), options.rounds) for kind in FACT_TYPES}
    runs = [measure(rules, facts, options.rounds) for _ in range(RUNS)]
    found = {name: median(run[name] for run in runs) for name in BARS}
    for name, ours in found.items():
        each = ", ".join(f"{run[name]:.1f}" for run in runs)
        print(f"{name:<14} {ours:8.2f} us   bar {BARS[name]:,.0f} us   runs {each}   load {os.getloadavg()[0]:.1f}")
    if not options.dry:
        append(
            [Row(f"decisions_{name}_{options.rules}", ours, BARS[name], "lower", "us") for name, ours in found.items()]
        )


def measure(rules: tuple[ParsedRule, ...], facts: dict[str, list[Facts]], rounds: int) -> dict[str, float]:
    """One run on an engine of its own; the slowest action's p95 counts."""
    engine = Engine(rules, version="bench")
    spent = {action: sorted(timed(engine.decide, asked)) for action, asked in facts.items()}
    gc.collect()
    for action, times in spent.items():
        each = sum(rule.action == action for rule in rules)
        print(f"{action:<9} {each:>4} rules   p50 {median(times):6.1f} us   p95 {quantiles(times, n=20)[-1]:6.1f} us")
    return {
        "uncached_p95": max(quantiles(times, n=20)[-1] for times in spent.values()),
        "remembered": median(remembered(engine, [each for asked in facts.values() for each in asked[:1000]])),
        "portal_page": median(portal_pages(engine, rounds // 10)),
    }


def enough_rules(each: int) -> Iterator[ParsedRule]:
    """The shipped rules, and made-up forbids on two to four facts until every action has `each`."""
    schema = parse_schema((SHIPPED / SCHEMA).read_text(encoding="utf-8"))
    drawn = random.Random(3)
    for kind, name in zip(FACT_TYPES, RULES, strict=True):
        shipped = [parse_rule(text) for _, text in statements((SHIPPED / name).read_text(encoding="utf-8"))]
        made = [parse_rule(made_up(kind, number, drawn)) for number in range(each - len(shipped))]
        if faults := [fault for rule in made for fault in rule_faults(rule, schema)]:
            raise SystemExit(f"a made-up rule is none: {faults[0]}")
        yield from (*shipped, *made)


def made_up(kind: type[Any], number: int, drawn: random.Random) -> str:
    """A forbid that reads some facts of a kind."""
    space = values_of(kind)
    names = drawn.sample(sorted(space), drawn.randint(2, 4))
    tests = " && ".join(condition(name, drawn.choice(space[name])) for name in names)
    head = f'forbid (principal, action == Action::"{kind.action}", resource)'
    return f'@id("made.{number}") @reason("R.") @legal_basis("R") {head} when {{ {tests} }};'


def condition(name: str, value: Any) -> str:
    """That a fact has a value, as Cedar."""
    if isinstance(value, bool):
        return f"context.{name}" if value else f"!context.{name}"
    return f'context.{name} == {type(value).__name__}::"{value.value}"'


def sample(facts: Iterable[Facts], count: int) -> list[Facts]:
    """Different facts, drawn with a fixed seed."""
    whole = list(facts)
    return random.Random(3).sample(whole, min(count, len(whole)))


def timed(decide: Callable[[Facts], object], facts: Iterable[Facts]) -> Iterator[float]:
    """Microseconds of each decision that was not met before."""
    for each in facts:
        begin = time.perf_counter()
        decide(each)
        yield (time.perf_counter() - begin) * 1e6


def remembered(engine: Engine, facts: list[Facts]) -> Iterator[float]:
    """Microseconds of a decision met before, over equal facts that are other objects, as requests make them."""
    again = [type(each)(**{name: getattr(each, name) for name in values_of(type(each))}) for each in facts]
    for each in facts:
        engine.decide(each)
    for _ in range(30):
        begin = time.perf_counter()
        for each in again:
            engine.decide(each)
        yield (time.perf_counter() - begin) * 1e6 / len(again)


def portal_pages(engine: Engine, rounds: int) -> Iterator[float]:
    """Microseconds of the decisions of one page: each child at each service, the facts made anew each time."""
    kind = FACT_TYPES[0]
    drawn = [dict(zip(values_of(kind), values, strict=True)) for values in _cards(kind)]
    for asked in drawn:
        engine.decide(kind(**asked))
    for _ in range(max(rounds, 50)):
        begin = time.perf_counter()
        for asked in drawn:
            engine.decide(kind(**asked))
        yield (time.perf_counter() - begin) * 1e6


def _cards(kind: type[Any]) -> Iterator[tuple[Any, ...]]:
    drawn = random.Random(4)
    space = tuple(values_of(kind).values())
    for _ in range(CHILDREN * SERVICES):
        yield tuple(drawn.choice(values) for values in space)


if __name__ == "__main__":
    main()
