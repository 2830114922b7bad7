"""Layers of policies: the shipped ones, the installation's upon them, a tenant's upon those. Each is read once.

A layer overrides key by key (TOML) and rule by rule (`@id`, Cedar). A `forbid` of a layer beneath is a guard rail: a
layer may add rules beside it, never replace it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policies.bounds import MOST_RULES
from policies.calendar_tables import Disconnect, Zones
from policies.engine import ParsedRule, RuleUnreadable, parse_rule, rule_faults
from policies.facts import FACT_TYPES, ReleaseFacts
from policies.folders import entries, read_texts, unknown_files
from policies.numbers import AssuranceTable, CodeTable, KeyTable, LinkingRules, SessionLimits, ThrottleTable, read_table
from policies.retention import Retention
from policies.text import KeyLines, TomlFault, parse_toml, statements
from policies.trust import TrustOrders

SCHEMA = "schema.cedarschema"
RULES = ("access.cedar", "release.cedar", "helpdesk.cedar")
TABLES: Mapping[str, type[Any]] = {
    "sessions.toml": SessionLimits,
    "linking.toml": LinkingRules,
    "assurance.toml": AssuranceTable,
    "throttle.toml": ThrottleTable,
    "codes.toml": CodeTable,
    "keys.toml": KeyTable,
    "disconnect.toml": Disconnect,
    "zones.toml": Zones,
    "retention.toml": Retention,
    "trust.toml": TrustOrders,
}
_NOTES = {"id", "reason", "legal_basis"}
_SUFFIXES = {".cedar", ".cedarschema", ".toml"}


@dataclass(frozen=True, slots=True)
class LocatedRule:
    """A rule and where it stands."""

    rule: ParsedRule
    file: str
    line: int

    @property
    def id(self) -> str:
        """What the rule is called."""
        return self.rule.annotations["id"]

    def at(self, reason: str) -> str:
        """A fault of this rule, in one line."""
        return f"{self.file}:{self.line}: {reason}"


@dataclass(frozen=True, slots=True)
class Layer:
    """One folder of policies, parsed. `label` is written before its files' names."""

    label: str
    texts: Mapping[str, str]
    tables: Mapping[str, Mapping[str, Any]]
    rules: tuple[LocatedRule, ...]


def read_layer(texts: Mapping[str, str], schema: Any, problems: list[str], *, label: str) -> Layer:
    """Parse the files of one folder; the faults of what is left out go to `problems`."""
    tables: dict[str, Mapping[str, Any]] = {}
    for name in (name for name in TABLES if name in texts):
        parsed = parse_toml(texts[name])
        if isinstance(parsed, TomlFault):
            problems.append(f"{label}{name}:{parsed.line}: {parsed.reason}")
        else:
            tables[name] = parsed
    located = [rule for name in RULES for rule in _located(texts.get(name, ""), schema, problems, label, name)]
    seen: dict[str, LocatedRule] = {}
    for each in located:
        first = seen.setdefault(each.id, each)
        if first is not each:
            problems.append(each.at(f"@id {each.id} is already at {first.file}:{first.line}"))
    return Layer(label, texts, tables, tuple(seen.values()))


def read_folder(folder: Path, problems: list[str], *, label: str, complete: bool) -> dict[str, str]:
    """The policy files of a folder by name. A name that is none of ours is told: a slip would change nothing.

    `complete` is the shipped folder: it has every file, and modules of Python beside them.
    """
    wanted = {*RULES, *TABLES, SCHEMA} if complete else {*RULES, *TABLES}
    texts = read_texts(folder, problems, label=label, wanted=wanted)
    if complete:
        present = {path.name for path in entries(folder)}
        problems += [f"{folder / name}: missing policy file" for name in sorted(wanted - present)]
        strange = {name for name in present - wanted if Path(name).suffix in _SUFFIXES}
        problems += [f"{folder / name}: unknown policy file" for name in sorted(strange)]
    else:
        problems += unknown_files(folder, wanted)
    return texts


def join_tables(name: str, layers: Sequence[Layer], problems: list[str]) -> Any:
    """Read a table from all layers that have it, the last word counting; None when it cannot be read."""
    merged: Mapping[str, Any] = {}
    if any(name in layer.texts and name not in layer.tables for layer in layers) or name not in layers[0].tables:
        return None  # told already; half of a table would only be called incomplete
    for layer in layers:
        merged = _joined(merged, layer.tables.get(name, {}))
    built = read_table(TABLES[name], merged)
    if isinstance(built, tuple):
        places = [(layer.label, KeyLines(layer.texts.get(name, ""))) for layer in reversed(layers)]
        problems += [f"{_place(name, fault.key, places)}: {fault.key}: {fault.reason}" for fault in built]
        return None
    return built


def join_rules(layers: Sequence[Layer], problems: list[str]) -> tuple[tuple[LocatedRule, ...], ...]:
    """The rules in force, layer by layer: a rule stands with the layer that wrote it last."""
    standing: list[dict[str, LocatedRule]] = []
    for layer in layers:
        own: dict[str, LocatedRule] = {}
        for located in layer.rules:
            replaced = next((beneath[located.id] for beneath in standing if located.id in beneath), None)
            if replaced is not None and replaced.rule.effect == "forbid":
                problems.append(located.at("a forbid of a layer beneath is a guard rail and cannot be replaced"))
                continue
            for beneath in standing:
                beneath.pop(located.id, None)
            own[located.id] = located
        standing.append(own)
    return tuple(tuple(rules.values()) for rules in standing)


def _joined(beneath: Mapping[str, Any], above: Mapping[str, Any]) -> Mapping[str, Any]:
    """Tables are joined key by key, however deep; any other value above counts."""
    both = {
        key: _joined(beneath[key], value)
        for key, value in above.items()
        if isinstance(value, Mapping) and isinstance(beneath.get(key), Mapping)
    }
    return {**beneath, **above, **both}


def _place(name: str, key: str, places: Sequence[tuple[str, KeyLines]]) -> str:
    """Where a key stands: in the uppermost layer that writes it or the table around it, else the first line below."""
    for label, lines in places:
        line = lines.line(key)
        if line:
            return f"{label}{name}:{line}"
    return f"{places[-1][0]}{name}:1"


def _located(text: str, schema: Any, problems: list[str], label: str, name: str) -> Iterator[LocatedRule]:
    """Sound rules with their place; the faults of the others go to `problems`."""
    for count, (line, statement) in enumerate(statements(text), 1):
        if count > MOST_RULES:
            problems.append(f"{label}{name}:{line}: more than {MOST_RULES} rules in one file")
            return
        try:
            located = LocatedRule(parse_rule(statement), f"{label}{name}", line)
            faults = tuple(_rule_problems(located.rule, name, schema))
        except RuleUnreadable as fault:
            problems.append(f"{label}{name}:{line}: {fault}")
            continue
        problems += [located.at(fault) for fault in faults]
        if not faults:
            yield located


def _rule_problems(rule: ParsedRule, file: str, schema: Any) -> Iterable[str]:
    """Every check of one rule, in the order of the file's own lines."""
    wanted = {"id", "reason", "legal_basis"} if rule.action == ReleaseFacts.action else {"id", "reason"}
    yield from (f"@{note} is missing" for note in sorted(wanted) if not rule.annotations.get(note, "").strip())
    yield from (f"@{note} is not an annotation of ours" for note in sorted(rule.annotations.keys() - _NOTES))
    if rule.action not in {kind.action for kind in FACT_TYPES}:
        yield f"action {rule.action} is unknown"
    elif f"{rule.action}.cedar" != file:
        yield f"a rule on {rule.action} belongs in {rule.action}.cedar"
    if schema is not None:  # its own fault is told, and nothing could be checked against it
        yield from rule_faults(rule, schema)
