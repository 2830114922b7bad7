"""The corpus of spoilt SAML answers before two libraries no one here wrote: honest ones come in there as here.

Where they let in what we refuse, the table of docs/saml.md says so. The whole of it is counted by `make proof`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.saml_second_opinion import FAMILIES, RECORDED, Family, Judge, judges, table, vectors_of
from tests.vectors.saml_documents import PARTS, VICTIM, come_in, form_of, honest

pytestmark = pytest.mark.filterwarnings("ignore")
EVERY = 16
"""Every how manieth answer is judged here."""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Judge]]:
    with judges(tmp_path_factory.mktemp("opinions")) as opened:
        yield opened


@pytest.mark.parametrize("parts", PARTS)
def test_the_honest_answer_comes_in_everywhere_as_the_same_person(both: dict[str, Judge], parts: str) -> None:
    body = form_of(honest(parts))
    ours = come_in(body)
    assert ours is not None
    assert {name: judge(body) for name, judge in both.items()} == dict.fromkeys(both, ours.key.subject)


@pytest.mark.parametrize(("name", "family"), FAMILIES, ids=[name for name, _ in FAMILIES])
def test_what_one_of_them_lets_in_we_refuse_and_the_table_tells(
    both: dict[str, Judge], name: str, family: Family
) -> None:
    some = vectors_of(family)[::EVERY]
    assert [each.id for each in some if come_in(each.body)] == []
    for judge, count in zip(both.values(), RECORDED[name][1:], strict=True):
        let_in = [judge(each.body) for each in some]
        assert VICTIM not in let_in, "not even there"
        assert count or not any(let_in)


def test_the_table_stands_in_the_documentation() -> None:
    assert table() in (Path(__file__).parents[2] / "docs" / "saml.md").read_text("utf-8")
