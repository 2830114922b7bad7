"""`preau report …`: lists that the law, a family or a school may ask for."""

from __future__ import annotations

from broker.cli import report_access, report_exposure, report_quality, report_sms
from broker.cli.options import Commands, family


def add_to(commands: Commands) -> None:
    """Add the family to the command line."""
    verbs = family(commands, "report", "lists that the law, a family or a school may ask for")
    for module in (report_quality, report_access, report_exposure, report_sms):
        module.add_verb(verbs)
