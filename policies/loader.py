"""Policies from files: every fault of every layer is collected with its file and line before anything is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path

from broker.domain.errors import PolicyError
from policies.calendar_tables import Calendars
from policies.decision import Decision, Rule
from policies.engine import Engine
from policies.facts import AccessFacts, HelpdeskFacts, ReleaseFacts
from policies.layers import (
    RULES,
    SCHEMA,
    TABLES,
    Layer,
    LocatedRule,
    join_rules,
    join_tables,
    read_folder,
    read_layer,
)
from policies.numbers import AssuranceTable, CodeTable, KeyTable, LinkingRules, SessionLimits, ThrottleTable
from policies.reach import Reach
from policies.retention import Retention
from policies.schema_facts import read_schema
from policies.trust import TrustOrders

__all__ = ["OVERRIDE", "RULES", "SCHEMA", "SHIPPED", "TABLES", "Policies", "Reader", "load"]

SHIPPED = Path(__file__).parent
OVERRIDE = "override of "


@dataclass(frozen=True, slots=True)
class Policies:
    """Everything decided by policy, of one version. `version` is a digest of the text it was read from."""

    version: str
    sessions: SessionLimits
    linking: LinkingRules
    assurance: AssuranceTable
    throttle: ThrottleTable
    codes: CodeTable
    keys: KeyTable
    calendar: Calendars
    retention: Retention
    trust: TrustOrders
    engine: Engine

    def access(self, facts: AccessFacts) -> Decision:
        """Decide whether this person may open this service."""
        return self.engine.decide(facts)

    def release(self, facts: ReleaseFacts) -> Decision:
        """Decide whether this claim may be told to this service."""
        return self.engine.decide(facts)

    def helpdesk(self, facts: HelpdeskFacts) -> Decision:
        """Decide whether this agent may do this act."""
        return self.engine.decide(facts)

    def rules(self) -> tuple[Rule, ...]:
        """Every rule in force, by id."""
        return self.engine.rules()


class Reader:
    """Reads the layers of one book, and collects what is wrong with any of them in `problems`.

    A layer that was sound is not parsed again while its text is the same.
    """

    def __init__(self, folder: Path) -> None:
        self.problems: list[str] = []
        texts = read_folder(folder, self.problems, label="", complete=True)
        self._schema = read_schema(texts[SCHEMA], self.problems) if SCHEMA in texts else None
        self._reach = Reach()
        self._sound: dict[str, Layer] = {}
        self.shipped = read_layer(texts, self._schema, self.problems, label="")

    def apart(self, problems: Sequence[str]) -> Reader:
        """The same reader for layers whose faults are theirs alone, beside these that they stand upon."""
        other = copy(self)
        other.problems = list(problems)
        return other

    def layer(self, folder: Path, *, label: str) -> Layer:
        """Read one folder of overrides."""
        texts = read_folder(folder, self.problems, label=label, complete=False)
        known = self._sound.get(label)
        if known is not None and known.texts == texts:
            return known
        found: list[str] = []
        layer = read_layer(texts, self._schema, found, label=label)
        self.problems += found
        if not found:
            self._sound[label] = layer
        return layer

    def join(self, layers: Sequence[Layer]) -> Policies | None:
        """Put layers together, the first one lowest. None as soon as anything is wrong: `problems` says what."""
        tables = {name: join_tables(name, layers, self.problems) for name in TABLES}
        rules = join_rules(layers, self.problems)
        if not self.problems:
            self.problems += _unreached(rules, self._reach)
        if self.problems:
            return None
        version = _version(layers)
        return Policies(
            version=version,
            sessions=tables["sessions.toml"],
            linking=tables["linking.toml"],
            assurance=tables["assurance.toml"],
            throttle=tables["throttle.toml"],
            codes=tables["codes.toml"],
            keys=tables["keys.toml"],
            calendar=Calendars(tables["disconnect.toml"], tables["zones.toml"]),
            retention=tables["retention.toml"],
            trust=tables["trust.toml"],
            engine=Engine((located.rule for group in rules for located in group), version=version),
        )

    def refusal(self) -> PolicyError:
        """Every problem, once each: a layer that several tenants stand on is wrong once."""
        return PolicyError(tuple(dict.fromkeys(self.problems)))


def load(folder: Path | None = None, overrides: Path | None = None) -> Policies:
    """Read the policies of `folder` (the shipped ones when None), overridden by those of `overrides`.

    Folders within `overrides` are the tenants', which `load_book` reads. Raises `PolicyError` with every problem found,
    each as `file:line: reason`.
    """
    reader = Reader(folder or SHIPPED)
    upon = [reader.layer(overrides, label=OVERRIDE)] if overrides else []
    found = reader.join([reader.shipped, *upon])
    if found is None:
        raise reader.refusal()
    return found


def _unreached(layers: Sequence[Sequence[LocatedRule]], reach: Reach) -> Iterator[str]:
    """Rules that never speak.

    A permit is held against the forbids it was written beside or upon: a layer above may close what it likes.
    """
    forbids: list[LocatedRule] = []
    for rules in layers:
        forbids += [located for located in rules if located.rule.effect == "forbid"]
        for located in rules:
            if not reach.is_satisfiable(located.rule):
                yield located.at(f"no combination of facts ever satisfies {located.id}")
            elif located.rule.effect == "permit" and not reach.is_heard(located.rule, [each.rule for each in forbids]):
                yield located.at(f"whatever {located.id} permits, a forbid closes")


def _version(layers: Sequence[Layer]) -> str:
    whole = hashlib.sha256()
    for place, layer in enumerate(layers):
        for name in sorted(layer.texts):
            whole.update(f"{place}/{name}\0{len(layer.texts[name])}\0{layer.texts[name]}".encode())
    return whole.hexdigest()[:16]
