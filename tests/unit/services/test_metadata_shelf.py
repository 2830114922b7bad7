"""What is kept of metadata from elsewhere: whole or not at all, and of each name one entity or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.services.metadata_shelf import ShelfUnreadable, fill_shelf, open_shelf, source_of
from broker.wire.saml.aggregate import SignedHead
from broker.wire.saml.metadata import parse_kept_provider
from broker.wire.saml.refusals import Refusal, SamlRefused
from tests.aggregates import PARTIES, SOON, aggregate, believed, entities
from tests.builders import NOW
from tests.saml_party import key_of


def fill(path: Path, octets: bytes) -> None:
    fill_shelf(path, octets, (believed(),), lambda _: None, now=NOW)


def test_each_entity_is_found_by_its_name(tmp_path: Path) -> None:
    fill(tmp_path / "new" / "a.shelf", aggregate())
    shelf = open_shelf(tmp_path / "new" / "a.shelf")
    assert shelf is not None
    assert (shelf.head.until, shelf.taken, shelf.source) == (SOON, NOW, source_of(aggregate()))
    for party in PARTIES:
        kept = shelf.entity(party.entity_id)
        assert kept is not None
        assert parse_kept_provider(kept, party.entity_id).default_acs.location == party.acs
    assert shelf.entity("https://nobody.example/") is None
    assert (tmp_path / "new").stat().st_mode & 0o077 == 0


def test_nothing_is_there_before_something_came(tmp_path: Path) -> None:
    assert open_shelf(tmp_path / "a.shelf") is None


def test_of_a_name_that_two_entities_have_nothing_is_given(tmp_path: Path) -> None:
    one, two, three = entities()
    fill(tmp_path / "a.shelf", aggregate([one, two, one, three, one]))
    shelf = open_shelf(tmp_path / "a.shelf")
    assert shelf is not None
    assert shelf.entity(PARTIES[0].entity_id) is None
    assert shelf.twice == {PARTIES[0].entity_id}
    assert shelf.entity(PARTIES[2].entity_id) is not None


@pytest.mark.parametrize("fault", ["signature", "refused by its taker"])
def test_what_is_refused_leaves_what_was_there_and_no_trace(tmp_path: Path, fault: str) -> None:
    path = tmp_path / "a.shelf"
    fill(path, aggregate())
    before = path.read_bytes()

    def refuse(_: SignedHead) -> None:
        raise SamlRefused(Refusal.TIME)

    octets = aggregate(key=key_of("evil")) if fault == "signature" else aggregate([])
    with pytest.raises(SamlRefused):
        fill_shelf(path, octets, (believed(),), refuse, now=NOW)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["a.shelf"]


@pytest.mark.parametrize("octets", [b"", b"x", b"\x00" * 8, b"{}" + (2).to_bytes(8), b"x" * 100 + b"\xff" * 8])
def test_a_file_that_is_none_of_ours_is_told_from_one_that_is_not_there(tmp_path: Path, octets: bytes) -> None:
    (tmp_path / "a.shelf").write_bytes(octets)
    with pytest.raises(ShelfUnreadable):
        open_shelf(tmp_path / "a.shelf")


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.shelf"
    fill(path, aggregate())
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ShelfUnreadable):
        open_shelf(path)
