"""`preau policy test`: the examples beside the policies, tried on the policies as they would be in force."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from broker.cli.options import Commands, command, family, settings_of, with_json
from broker.cli.output import DONE, FAILED, Progress, complain, print_json, print_table
from policies.example_sets import SHIPPED, ExampleSet, example_sets
from policies.examples import Outcome, missing_examples, try_examples

_HINT = (
    "examples written beside an override (examples/*.toml) take the place of those of the rule or number it overrides"
)


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of one set. `missing`: what no example shows, in words with file and line."""

    name: str
    version: str
    count: int
    failed: tuple[Outcome, ...]
    missing: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        """Tell whether every example came true and none is missing."""
        return not self.failed and not self.missing


def add_to(commands: Commands) -> None:
    """Add the family to the command line."""
    verbs = family(commands, "policy", "rules, numbers and dates")
    test = with_json(command(verbs, "test", try_policies, "try the examples of every rule, number and date"))
    test.add_argument(
        "folder", nargs="?", type=Path, metavar="DIR", help="overrides not yet in force (else policies_dir)"
    )


def try_policies(args: argparse.Namespace) -> int:
    """Try the examples of the shipped policies, the installation's and each tenant's; 1 when one does not come true."""
    folder = args.folder or settings_of(args).policies_dir
    progress = Progress()
    tried = [_tried(each, progress) for each in example_sets(folder)]
    progress.close()
    if args.json:
        print_json({"sets": [_plain(each) for each in tried]})
    else:
        _print(tried)
    return DONE if all(each.is_sound for each in tried) else FAILED


def _tried(tried: ExampleSet, progress: Progress) -> Tried:
    total, failed = len(tried.examples.all), []
    for done, outcome in enumerate(try_examples(tried.policies, tried.examples), start=1):
        progress.show(tried.name, done, total)
        if outcome.fault is not None:
            failed.append(outcome)
    missing = missing_examples(tried.policies, tried.examples)
    return Tried(tried.name, tried.policies.version, total, tuple(failed), missing)


def _print(tried: Iterable[Tried]) -> None:
    sets = tuple(tried)
    complain(f"{each.name}: {sentence}" for each in sets for sentence in (*map(str, each.failed), *each.missing))
    if any(not each.is_sound and each.name != SHIPPED for each in sets):
        complain([_HINT])
    head = ("POLICIES", "VERSION", "EXAMPLES", "FAILED", "MISSING")
    print_table(head, ((each.name, each.version, each.count, len(each.failed), len(each.missing)) for each in sets))


def _plain(tried: Tried) -> dict[str, object]:
    return {
        "set": tried.name,
        "policies": tried.version,
        "examples": tried.count,
        "failed": [
            {
                "file": outcome.example.position.file,
                "line": outcome.example.position.line,
                "of": outcome.example.of,
                "says": outcome.example.says,
                "fault": outcome.fault,
            }
            for outcome in tried.failed
        ],
        "missing": tried.missing,
    }
