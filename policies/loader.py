"""Policies from files: every fault is collected with its file and line before anything is refused.

A folder of a tenant overrides key by key (TOML) and rule by rule (`@id`, Cedar). A shipped `forbid` is a guard rail:
an override may add rules beside it, never replace it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from broker.domain.errors import PolicyError
from policies.decision import Decision, Rule
from policies.engine import Engine, ParsedRule, RuleUnreadable, parse_rule, rule_faults, schema_faults
from policies.facts import FACT_TYPES, AccessFacts, ReleaseFacts
from policies.numbers import AssuranceTable, LinkingRules, SessionLimits, TableFault, read_table
from policies.text import line_of_key, parse_toml, statements

SHIPPED = Path(__file__).parent
SCHEMA = "schema.cedarschema"
RULES = ("access.cedar", "release.cedar")
TABLES: Mapping[str, type[Any]] = {
    "sessions.toml": SessionLimits,
    "linking.toml": LinkingRules,
    "assurance.toml": AssuranceTable,
}
_NOTES = {"id", "reason", "legal_basis"}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Policies:
    """Everything decided by policy, of one version. `version` is a digest of the text it was read from."""

    version: str
    sessions: SessionLimits
    linking: LinkingRules
    assurance: AssuranceTable
    engine: Engine

    def access(self, facts: AccessFacts) -> Decision:
        """Decide whether this person may open this service."""
        return self.engine.decide(facts)

    def release(self, facts: ReleaseFacts) -> Decision:
        """Decide whether this claim may be told to this service."""
        return self.engine.decide(facts)

    def rules(self) -> tuple[Rule, ...]:
        """Every rule in force, by id."""
        return self.engine.rules()


@dataclass(frozen=True, slots=True)
class _Located:
    """A rule and where it stands."""

    rule: ParsedRule
    file: str
    line: int


def load(folder: Path | None = None, overrides: Path | None = None) -> Policies:
    """Read the policies of `folder` (the shipped ones when None), overridden by those of `overrides`.

    Raises `PolicyError` with every problem found, each as `file:line: reason`.
    """
    shipped = folder or SHIPPED
    problems: list[str] = []
    texts = _read_folder(shipped, problems, complete=True)
    local = _read_folder(overrides, problems, complete=False) if overrides else {}
    tables = {name: _table(name, texts, local, problems) for name in TABLES}
    rules = _rules(texts, local, problems)
    if problems:
        raise PolicyError(tuple(problems))
    version = _version(texts, local)
    return Policies(
        version=version,
        sessions=tables["sessions.toml"],
        linking=tables["linking.toml"],
        assurance=tables["assurance.toml"],
        engine=Engine((located.rule for located in rules), version=version),
    )


def _read_folder(folder: Path, problems: list[str], *, complete: bool) -> dict[str, str]:
    texts: dict[str, str] = {}
    if not folder.is_dir():
        problems.append(f"{folder}: no such folder")
        return texts
    wanted = {*RULES, *TABLES, SCHEMA} if complete else {*RULES, *TABLES}
    present = {path.name for path in folder.iterdir() if path.suffix in {".cedar", ".cedarschema", ".toml"}}
    problems += [f"{folder / name}: unknown policy file" for name in sorted(present - wanted)]
    if complete:
        problems += [f"{folder / name}: missing policy file" for name in sorted(wanted - present)]
    for name in sorted(present & wanted):
        try:
            texts[name] = (folder / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            problems.append(f"{folder / name}: cannot be read as UTF-8 text")
    return texts


def _table(name: str, texts: Mapping[str, str], local: Mapping[str, str], problems: list[str]) -> Any:
    merged: dict[str, Any] = {}
    for origin, text in (("", texts.get(name)), ("override of ", local.get(name))):
        if text is None:
            continue
        parsed = parse_toml(text)
        if isinstance(parsed, str):
            problems.append(f"{origin}{name}: {parsed}")
            return None
        for key, value in parsed.items():
            merged[key] = merged[key] | value if _both_tables(merged.get(key), value) else value
    if not merged:
        return None
    built = read_table(TABLES[name], merged)
    if isinstance(built, tuple):
        problems += [_table_problem(name, fault, texts, local) for fault in built]
        return None
    return built


def _both_tables(left: object, right: object) -> bool:
    return isinstance(left, dict) and isinstance(right, dict)


def _table_problem(name: str, fault: TableFault, texts: Mapping[str, str], local: Mapping[str, str]) -> str:
    line = line_of_key(local.get(name, ""), fault.key)
    if line:
        return f"override of {name}:{line}: {fault.key}: {fault.reason}"
    return f"{name}:{line_of_key(texts.get(name, ''), fault.key) or 1}: {fault.key}: {fault.reason}"


def _rules(texts: Mapping[str, str], local: Mapping[str, str], problems: list[str]) -> tuple[_Located, ...]:
    schema = texts.get(SCHEMA, "")
    faults = schema_faults(schema)
    if faults:
        problems += [f"{SCHEMA}:1: {fault}" for fault in faults]
        return ()
    chosen: dict[str, _Located] = {}
    for located in _located(texts, schema, problems, origin=""):
        _choose(chosen, located, problems)
    shipped = dict(chosen)
    own: dict[str, _Located] = {}
    for located in _located(local, schema, problems, origin="override of "):
        replaced = shipped.get(located.rule.annotations["id"])
        if replaced is not None and replaced.rule.effect == "forbid":
            problems.append(_at(located, "a shipped forbid is a guard rail and cannot be replaced"))
            continue
        _choose(own, located, problems)
    return tuple({**shipped, **own}.values())


def _choose(chosen: dict[str, _Located], located: _Located, problems: list[str]) -> None:
    name = located.rule.annotations["id"]
    if name in chosen:
        problems.append(_at(located, f"@id {name} is already at {chosen[name].file}:{chosen[name].line}"))
        return
    chosen[name] = located


def _located(texts: Mapping[str, str], schema: str, problems: list[str], *, origin: str) -> Iterator[_Located]:
    """Sound rules with their place; the faults of the others go to `problems`."""
    for name in (name for name in RULES if name in texts):
        for line, text in statements(texts[name]):
            place = f"{origin}{name}"
            try:
                located = _Located(parse_rule(text), place, line)
            except RuleUnreadable as fault:
                problems.append(f"{place}:{line}: {fault}")
                continue
            faults = tuple(_rule_problems(located.rule, name, schema))
            problems += [_at(located, fault) for fault in faults]
            if not faults:
                yield located


def _rule_problems(rule: ParsedRule, file: str, schema: str) -> Iterable[str]:
    """Every check of one rule, in the order of the file's own lines."""
    wanted = {"id", "reason", "legal_basis"} if rule.action == ReleaseFacts.action else {"id", "reason"}
    yield from (f"@{note} is missing" for note in sorted(wanted) if not rule.annotations.get(note, "").strip())
    yield from (f"@{note} is not an annotation of ours" for note in sorted(rule.annotations.keys() - _NOTES))
    if rule.action not in {kind.action for kind in FACT_TYPES}:
        yield f"action {rule.action} is unknown"
    elif f"{rule.action}.cedar" != file:
        yield f"a rule on {rule.action} belongs in {rule.action}.cedar"
    yield from rule_faults(rule, schema)


def _at(located: _Located, reason: str) -> str:
    return f"{located.file}:{located.line}: {reason}"


def _version(texts: Mapping[str, str], local: Mapping[str, str]) -> str:
    whole = hashlib.sha256()
    for origin, group in (("shipped", texts), ("local", local)):
        for name in sorted(group):
            whole.update(f"{origin}/{name}\0{len(group[name])}\0{group[name]}".encode())
    return whole.hexdigest()[:16]
