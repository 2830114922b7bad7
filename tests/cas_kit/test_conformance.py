"""The CAS Protocol 3.0.3, clause by clause, at the server that `CAS_KIT_DRIVER` names; at Préau without it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

import pytest

from tests.cas_kit.found import SECTIONS
from tests.cas_kit.server import Assertion, Section, Server

LEAST = 150
FOUND: dict[str, list[Assertion]] = {}
"""What each section found, for the count and the record that come last."""


@pytest.fixture(scope="module")
def cas() -> Iterator[Server]:
    named = os.environ.get("CAS_KIT_DRIVER", "tests.cas_kit.preau:open_preau")
    module, _, function = named.partition(":")
    with getattr(import_module(module), function)() as server:
        yield server


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_the_server_does_what_the_text_asks(cas: Server, section: Callable[[Server], Section]) -> None:
    FOUND[section.__name__] = []
    for assertion in section(cas):
        FOUND[section.__name__].append(assertion)
    assert [f"{each.clause}: {each.asks}" for each in FOUND[section.__name__] if not each.held] == []


def test_there_are_enough_assertions_and_what_was_found_is_kept() -> None:
    every = [assertion for section in FOUND.values() for assertion in section]
    if record := os.environ.get("CAS_KIT_RECORD"):
        told = {"held": sum(each.held for each in every), "asked": len(every), "assertions": [asdict(e) for e in every]}
        Path(record).write_text(json.dumps(told, indent=1, ensure_ascii=False), encoding="utf-8")
    if len(FOUND) == len(SECTIONS):
        assert len(every) >= LEAST
        assert len({(each.clause, each.asks) for each in every}) >= LEAST
