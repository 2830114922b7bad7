"""A yes is remembered only while everything that it came from is the very same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from broker.domain.assurance import Assurance
from broker.domain.portraits import Portrait
from broker.services.access import Weighed
from broker.services.weigh_memory import WeighBasis, WeighMemory
from policies import load_book
from tests.oidc_stand import service

BASIS = WeighBasis(load_book(), service(), Portrait(None, mark="as read"), Assurance.LOW)
YES = cast("Weighed", object())


def test_the_same_is_weighed_once() -> None:
    memory = WeighMemory()
    memory.keep("prs_1", BASIS, YES)
    assert memory.find("prs_1", replace(BASIS)) is YES


@pytest.mark.parametrize(
    "change",
    [
        {"book": load_book()},
        {"service": service()},
        {"service": service("lycee")},
        {"portrait": Portrait(None, mark="as read")},
        {"assurance": Assurance.STRONG},
    ],
)
def test_anything_else_is_weighed_anew(change: dict[str, Any]) -> None:
    memory = WeighMemory()
    memory.keep("prs_1", BASIS, YES)
    assert memory.find("prs_1", replace(BASIS, **change)) is None
    assert memory.find("prs_2", BASIS) is None


def test_what_bears_no_mark_is_not_remembered_and_the_oldest_goes() -> None:
    memory = WeighMemory(most=1)
    memory.keep("prs_1", replace(BASIS, portrait=Portrait(None)), YES)
    assert memory.find("prs_1", replace(BASIS, portrait=Portrait(None))) is None
    memory.keep("prs_1", BASIS, YES)
    memory.keep("prs_2", BASIS, YES)
    assert memory.find("prs_1", BASIS) is None
    assert memory.find("prs_2", BASIS) is YES
