"""The OpenID Foundation's conformance plans as this repository tests them: one mark a module, counted after a run.

`tests/oidf/modules.txt` is the list: plan, tab, module. A module has passed when a test carries its mark and every test
that does passed. This is not a certification: the Foundation's own suite was not run.

`python -m tests.oidf_plans` runs the plans and writes the README's table from what the run said.
"""

from __future__ import annotations

import contextlib
import io
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PLANS = Path(__file__).with_name("oidf")
MODULES = PLANS / "modules.txt"
README = PLANS.parent.parent / "README.md"
CONFIG = "oidcc-config-certification-test-plan"
BASIC = "oidcc-basic-certification-test-plan"
FORM_POST = "oidcc-formpost-basic-certification-test-plan"
DYNAMIC = "oidcc-dynamic-certification-test-plan"
THIRD_PARTY = "oidcc-3rdparty-init-login-certification-test-plan"
RP_LOGOUT = "oidcc-rp-initiated-logout-certification-test-plan"
BACK_CHANNEL = "oidcc-backchannel-rp-initiated-logout-certification-test-plan"
FRONT_CHANNEL = "oidcc-frontchannel-rp-initiated-logout-certification-test-plan"
FAPI2 = "fapi2-security-profile-final-test-plan"

_MARK = "oidf"


def module(plan: str, name: str) -> pytest.MarkDecorator:
    """The module of a plan that a test stands for."""
    return pytest.mark.oidf(plan, name)


@dataclass(frozen=True, slots=True)
class Module:
    """One module of one plan."""

    plan: str
    name: str


def listed() -> tuple[Module, ...]:
    """Every module of the list, in its order."""
    lines = MODULES.read_text(encoding="utf-8").splitlines()
    return tuple(Module(*line.split("\t")) for line in lines if line and not line.startswith("#"))


def marked_by(item: pytest.Item) -> tuple[Module, ...]:
    """The modules that a test stands for."""
    return tuple(Module(*mark.args) for mark in item.iter_markers(_MARK))


def note(items: Iterable[pytest.Item]) -> None:
    """Write the modules of each test into its reports, which reach the process that sums up."""
    for item in items:
        item.user_properties.extend((_MARK, f"{each.plan}\t{each.name}") for each in marked_by(item))


# ---- counting what a run said ------------------------------------------------------------------------------------


def passed(reports: Iterable[pytest.TestReport]) -> dict[Module, bool]:
    """Each module of which a test ran: whether all of its tests passed, none skipped."""
    found: dict[Module, bool] = {}
    for report in reports:
        ended = report.when == "call" or report.outcome != "passed"
        for kind, value in getattr(report, "user_properties", ()):
            if kind == _MARK and ended:
                each = Module(*str(value).split("\t"))
                found[each] = found.get(each, True) and report.outcome == "passed" and not hasattr(report, "wasxfail")
    return found


def table(found: dict[Module, bool]) -> list[str]:
    """Markdown lines: plan, modules of the list, how many passed, and the total."""
    rows: defaultdict[str, list[bool]] = defaultdict(list)
    for each in listed():
        rows[each.plan].append(found.get(each, False))
    every = [one for row in rows.values() for one in row]
    counted = [f"| {plan} | {len(row)} | {sum(row)} |" for plan, row in rows.items()]
    return [
        "| plan | modules | passed |",
        "| --- | ---: | ---: |",
        *counted,
        f"| total | {len(every)} | {sum(every)} |",
    ]


def write_summary(terminal: pytest.TerminalReporter) -> None:
    """Print the table after a run in which modules were tested."""
    kinds = ("passed", "failed", "error", "skipped", "xfailed", "xpassed")
    reports = (report for kind in kinds for report in terminal.stats.get(kind, ()))
    found = passed(report for report in reports if isinstance(report, pytest.TestReport))  # files too have errors
    if found:
        terminal.section("OpenID Foundation's plans, tested here over HTTPS: not certified")
        terminal.write("\n".join(table(found)) + "\n")


# ---- the README's table ------------------------------------------------------------------------------------------

_BEGIN, _END = "<!-- plans: written by tests.oidf_plans -->\n", "<!-- plans: end -->"


def with_table(page: str, found: dict[Module, bool]) -> str:
    """The page with the lines between the two marks written anew."""
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError("the page has lost its marks")
    return before + begin + "\n".join(table(found)) + "\n" + end + after


class _Run:
    def __init__(self) -> None:
        self.reports: list[pytest.TestReport] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.reports.append(report)


def main() -> int:
    """Run the plans and write the table, also when something failed; returns the status of the run."""
    run = _Run()
    status = pytest.main(["-q", "-m", _MARK, str(PLANS)], plugins=[run])
    README.write_text(with_table(README.read_text(encoding="utf-8"), passed(run.reports)), encoding="utf-8")
    return int(status)


# ---- what is marked ----------------------------------------------------------------------------------------------


class _Marks:
    def __init__(self) -> None:
        self.found: set[Module] = set()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            self.found.update(marked_by(item))


def marked(paths: Sequence[str] = (str(PLANS),)) -> set[Module]:
    """The modules that tests carry, running none. Raises `RuntimeError` when a file does not load."""
    marks, said = _Marks(), io.StringIO()
    options: list[Any] = ["--collect-only", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *paths]
    with contextlib.redirect_stdout(said):
        status = pytest.main(options, plugins=[marks])
    if status not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        raise RuntimeError(said.getvalue())
    return marks.found


if __name__ == "__main__":
    raise SystemExit(main())
