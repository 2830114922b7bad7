"""What an import waits for or refuses: mass changes, old deliveries, two imports at once; and the dry run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from broker.directory import ImportRules, Intent, Progress, import_feed
from broker.directory.lease import is_gone
from broker.domain.errors import FeedRefused, ImportBusy, ImportHeld, ImportStale
from broker.domain.feed import Feed
from broker.storage import schema
from broker.storage.sql_imports import SqlImports
from connectors.aaf import AafFeed
from tests import aaf
from tests.clock import FakeClock
from tests.imports import FATHER, FEED_1D, FEED_2D, MOTHER, Desk, export

STRICT = ImportRules(chunk=7)


@pytest.fixture
def desk(sql_engine: Engine, clock: FakeClock) -> Desk:
    return Desk(sql_engine, clock, rules=STRICT)


def town(folder: Path, pupils: int, *, day: str, mode: str = "Complet", without_father: int = 0) -> Path:
    """A set of so many pupils with two parents each; the first `without_father` of them have one."""
    return aaf.write_set(
        folder,
        mode=mode,
        day=day,
        EtabEducNat=[aaf.school()],
        Eleve=[
            aaf.pupil(str(number), MOTHER, *([] if number < without_father else [FATHER])) for number in range(pupils)
        ],
        PersRelEleve=[aaf.guardian("500101"), aaf.guardian("500102", title="M.")],
    )


def test_a_first_import_is_never_held(desk: Desk, tmp_path: Path) -> None:
    assert desk.run(town(tmp_path, 30, day="20260901")).state == "done"


def test_five_in_a_hundred_pass_and_six_wait(desk: Desk, tmp_path: Path) -> None:
    desk.run(town(tmp_path / "1", 100, day="20260901"))
    assert desk.run(town(tmp_path / "2", 95, day="20260902")).state == "done"
    before = export(desk.engine)
    with pytest.raises(ImportHeld) as held:
        desk.run(town(tmp_path / "3", 90, day="20260903"))
    assert held.value.code == "PRE-4002"
    assert held.value.difference is not None
    assert held.value.difference.kinds["pupil"].removed == 5
    after = export(desk.engine)
    for table in ("records", "guardianships", "attachments", "enrolments"):
        assert after[table] == before[table]


def test_a_held_import_applies_when_confirmed_and_holds_again_until_then(desk: Desk, tmp_path: Path) -> None:
    desk.run(town(tmp_path / "1", 20, day="20260901"))
    fewer = town(tmp_path / "2", 10, day="20260902")
    for _ in range(2):
        with pytest.raises(ImportHeld):
            desk.run(fewer)
    report = desk.run(fewer, intent=Intent.CONFIRM)
    assert report.counts is not None
    assert (report.state, report.resumed, report.counts["pupil_retired"]) == ("done", True, 10)
    held = [action for (action,) in desk.rows(schema.audit_events, "action") if action == "import_held"]
    assert len(held) == 1


def test_withdrawn_guardianships_beyond_the_limit_wait_although_nobody_leaves(desk: Desk, tmp_path: Path) -> None:
    desk.run(town(tmp_path / "1", 30, day="20260901"))
    with pytest.raises(ImportHeld, match="guardianships"):
        desk.run(town(tmp_path / "2", 30, day="20260902", without_father=4))
    assert desk.run(town(tmp_path / "3", 30, day="20260903", without_father=3)).state == "done"


def test_a_poisoned_set_that_widens_rights_waits(desk: Desk, tmp_path: Path) -> None:
    desk.run(town(tmp_path / "1", 30, day="20260901"))
    folder = town(tmp_path / "2", 30, day="20260902")
    stranger = "666666$50$0$1$0$0"
    aaf.write_set(folder, day="20260902", Eleve=[aaf.pupil(str(n), MOTHER, FATHER, stranger) for n in range(30)])
    with pytest.raises(ImportHeld, match="30 of 60 guardianships"):
        desk.run(folder)


def test_all_schools_vanishing_waits_although_they_are_few(desk: Desk, tmp_path: Path) -> None:
    desk.run(town(tmp_path / "1", 60, day="20260901"))
    folder = town(tmp_path / "2", 60, day="20260902")
    aaf.write_set(folder, day="20260902", EtabEducNat=[aaf.school("9003", "9990003Z", "LGT$X$Y", "LYCEE")])
    with pytest.raises(ImportHeld, match="school"):
        desk.run(folder)


def test_a_newer_complete_set_replaces_a_held_one_and_a_delta_does_not(desk: Desk, tmp_path: Path) -> None:
    desk.run(town(tmp_path / "1", 20, day="20260901"))
    with pytest.raises(ImportHeld):
        desk.run(town(tmp_path / "2", 10, day="20260902"))
    with pytest.raises(ImportHeld, match="waits for its confirmation"):
        desk.run(town(tmp_path / "3", 1, day="20260903", mode="Delta"))
    assert desk.run(town(tmp_path / "4", 21, day="20260904")).state == "done"
    assert sorted(state for (state,) in desk.rows(schema.imports, "state")) == ["done", "done", "superseded"]
    assert desk.rows(schema.staged_rows, "seq") == []


def leavers(folder: Path, first: int, last: int, *, day: str) -> Path:
    """A delta by which these pupils leave."""
    gone = [aaf.delete("Eleve", str(number)) for number in range(first, last)]
    return aaf.write_set(folder, mode="Delta", day=day, Eleve=gone)


def test_small_deltas_of_one_day_count_together(desk: Desk, tmp_path: Path) -> None:
    desk.run(town(tmp_path / "1", 100, day="20260901"))
    assert desk.run(leavers(tmp_path / "2", 0, 3, day="20260902")).state == "done"
    assert desk.run(leavers(tmp_path / "3", 3, 5, day="20260902")).state == "done"
    sixth = leavers(tmp_path / "4", 5, 6, day="20260902")
    with pytest.raises(ImportHeld, match=r"6 of 100 pupil records would be retired \(5 of them by the last runs\)"):
        desk.run(sixth)
    assert desk.run(sixth, intent=Intent.CONFIRM).state == "done"


def test_a_confirmed_delta_begins_the_count_anew(desk: Desk, tmp_path: Path) -> None:
    desk.run(town(tmp_path / "1", 100, day="20260901"))
    desk.run(leavers(tmp_path / "2", 0, 30, day="20260902"), intent=Intent.CONFIRM)
    assert desk.run(leavers(tmp_path / "3", 30, 33, day="20260902")).state == "done"
    with pytest.raises(ImportHeld, match="4 of 70 pupil records"):
        desk.run(leavers(tmp_path / "4", 33, 34, day="20260902"))


@pytest.mark.parametrize(("hours", "waits"), [(23, True), (24, False)])
def test_what_was_done_a_day_ago_counts_no_more(desk: Desk, tmp_path: Path, hours: int, waits: bool) -> None:
    desk.run(town(tmp_path / "1", 100, day="20260901"))
    desk.run(leavers(tmp_path / "2", 0, 5, day="20260902"))
    desk.clock.advance(timedelta(hours=hours - 1))  # and one more passes before an import
    again = leavers(tmp_path / "3", 5, 6, day="20260902")
    if waits:
        with pytest.raises(ImportHeld):
            desk.run(again)
    else:
        assert desk.run(again).state == "done"


def test_withdrawn_guardianships_of_one_day_count_together(desk: Desk, tmp_path: Path) -> None:
    desk.run(town(tmp_path / "1", 50, day="20260901"))

    def alone(name: str, *pupils: int) -> Path:
        change = [aaf.modify("Eleve", str(number), ENTElevePersRelEleve=MOTHER) for number in pupils]
        return aaf.write_set(tmp_path / name, mode="Delta", day="20260902", Eleve=change)

    assert desk.run(alone("2", 0, 1, 2)).state == "done"
    assert desk.run(alone("3", 3, 4)).state == "done"
    with pytest.raises(ImportHeld, match=r"6 of 100 guardianships would change \(5 of them"):
        desk.run(alone("4", 5))
    new = aaf.write_set(tmp_path / "5", day="20260903", EtabEducNat=[aaf.school()], Eleve=[
        aaf.pupil(str(n), MOTHER, *([] if n < 5 else [FATHER])) for n in range(51)
    ], PersRelEleve=[aaf.guardian("500101"), aaf.guardian("500102", title="M.")])  # fmt: skip
    assert desk.run(new).state == "done"


def test_an_older_delivery_is_stale_and_a_newer_one_is_not(desk: Desk, tmp_path: Path) -> None:
    old = town(tmp_path / "1", 20, day="20260901")
    desk.run(old)
    desk.run(town(tmp_path / "2", 20, day="20260908"))
    for folder in (old, town(tmp_path / "0", 20, day="20260825")):
        with pytest.raises(ImportStale) as stale:
            desk.run(folder)
        assert stale.value.code == "PRE-4004"
    assert desk.run(town(tmp_path / "3", 20, day="20260909")).state == "done"


def test_a_delivery_without_date_is_stale_once_a_later_one_was_applied(desk: Desk, tmp_path: Path) -> None:
    old = town(tmp_path / "1", 20, day="20260901")
    desk.run(old)
    with desk.engine.begin() as conn:
        conn.execute(update(schema.imports).values(made_on=None))
    desk.run(town(tmp_path / "2", 19, day="20260801"), intent=Intent.CONFIRM)
    with desk.engine.begin() as conn:
        conn.execute(update(schema.imports).values(made_on=None))
    with pytest.raises(ImportStale):
        desk.run(old)


@pytest.mark.parametrize("feed", [FEED_1D, replace(FEED_2D, academie="14")])
def test_files_of_another_academie_or_degree_are_refused(desk: Desk, tmp_path: Path, feed: object) -> None:
    folder = town(tmp_path, 3, day="20260901")
    with pytest.raises(FeedRefused) as refused:
        desk.run(folder, feed=feed)  # type: ignore[arg-type]
    assert refused.value.code == "PRE-4001"
    assert desk.rows(schema.imports, "id") == []
    assert desk.run(folder).state == "done"


def test_a_dry_run_tells_the_difference_and_leaves_nothing(desk: Desk, tmp_path: Path) -> None:
    desk.run(town(tmp_path / "1", 20, day="20260901"))
    before = export(desk.engine)
    folder = town(tmp_path / "2", 21, day="20260902", without_father=1)
    aaf.write_set(folder, day="20260902", PersRelEleve=[aaf.guardian("500101", given="Autre"), aaf.guardian("777")])
    report = desk.run(folder, intent=Intent.REHEARSE)
    assert (report.state, export(desk.engine)) == ("rehearsed", before)
    difference = report.difference
    assert difference is not None
    pupils, guardians = difference.kinds["pupil"], difference.kinds["guardian"]
    assert (pupils.added, pupils.changed, pupils.unchanged, pupils.removed, pupils.live_before) == (1, 1, 19, 0, 20)
    assert (guardians.added, guardians.changed, guardians.removed) == (1, 1, 1)
    assert (difference.guardianships_added, difference.guardianships_ended) == (2, 1)
    assert difference.live_before == 23


def test_a_dry_run_of_a_first_import_counts_everything(desk: Desk, tmp_path: Path) -> None:
    report = desk.run(town(tmp_path, 20, day="20260901"), intent=Intent.REHEARSE)
    assert report.difference is not None
    assert {name: kind.added for name, kind in report.difference.kinds.items()} == {
        "school": 1,
        "pupil": 20,
        "guardian": 2,
    }
    assert report.difference.guardianships_added == 40
    assert desk.rows(schema.imports, "id") == []


def test_what_a_killed_dry_run_left_goes_with_the_next_import(desk: Desk, tmp_path: Path) -> None:
    folder = town(tmp_path, 20, day="20260901")
    with pytest.raises(_Stop):
        desk.run(folder, intent=Intent.REHEARSE, progress=_stop_at("stage"))
    with desk.engine.begin() as conn:  # as if its process had been killed before it could clean up
        conn.execute(schema.imports.insert().values(**_run_row("imp_left", state="rehearsal")))
        conn.execute(schema.staged_rows.insert().values(**_staged_row("imp_left")))
    desk.run(folder)
    assert desk.rows(schema.staged_rows, "seq") == []


def test_two_imports_of_one_feed_keep_apart(desk: Desk, tmp_path: Path) -> None:
    folder = town(tmp_path, 30, day="20260901")
    caught: list[str] = []

    def second(_progress: Progress) -> None:
        if not caught:
            with pytest.raises(ImportBusy) as busy:
                _as_other_process(desk, folder, is_gone=lambda _holder: False)
            caught.append(busy.value.code)

    assert desk.run(folder, progress=second).state == "done"
    assert caught == ["PRE-4003"]
    assert _as_other_process(desk, folder, is_gone=lambda _holder: False) == "nothing_to_do"


def test_another_feed_waits_its_turn(desk: Desk, tmp_path: Path) -> None:
    """From the first row staged to the last person founded: two at once would each found a person for one child."""
    folder = town(tmp_path / "2d", 30, day="20260901")
    other = aaf.write_set(tmp_path / "1d", degree="1D", Eleve=[aaf.pupil_1d("1")])
    steps: set[str] = set()

    def second(progress: Progress) -> None:
        with pytest.raises(ImportBusy, match="of feed 99-2d is at work"):
            _as_other_process(desk, other, is_gone=lambda _holder: False, feed=FEED_1D)
        steps.add(progress.step)

    assert desk.run(folder, progress=second).state == "done"
    assert steps == {"stage", "apply", "found"}
    assert _as_other_process(desk, other, is_gone=lambda _holder: False, feed=FEED_1D) == "done"


def test_who_is_patient_gets_his_turn(desk: Desk, tmp_path: Path) -> None:
    other = aaf.write_set(tmp_path / "1d", degree="1D", Eleve=[aaf.pupil_1d("1")])
    with desk.engine.begin() as conn:
        living = {**_run_row("imp_busy", state="applying"), "lease_until": desk.clock() + timedelta(days=1)}
        conn.execute(schema.imports.insert().values(**living))
    met: list[str] = []

    def wait(busy: ImportBusy) -> None:
        met.append(busy.code)
        if len(met) == 3:
            with desk.engine.begin() as conn:
                conn.execute(schema.imports.update().values(state="done", holder="", lease_until=None))

    assert desk.run(other, feed=FEED_1D, rules=replace(STRICT, patience=wait)).state == "done"
    assert met == ["PRE-4003"] * 3


@pytest.mark.parametrize("why", ["the holder is dead", "the lease ran out"])
def test_a_stale_lease_is_taken_over_and_its_first_holder_writes_no_more(desk: Desk, tmp_path: Path, why: str) -> None:
    folder = town(tmp_path, 30, day="20260901")
    taken: list[str] = []

    def take_over(progress: Progress) -> None:
        if progress.step == "apply" and not taken:
            if why == "the lease ran out":
                desk.clock.advance(timedelta(seconds=91))
            taken.append("")
            taken[0] = _as_other_process(desk, folder, is_gone=lambda _holder: why == "the holder is dead")

    with pytest.raises(ImportBusy, match="taken over"):
        desk.run(folder, progress=take_over)
    assert taken == ["done"]
    assert len(desk.persons()) == 32


def _as_other_process(desk: Desk, folder: Path, *, is_gone: Callable[[str], bool], feed: Feed = FEED_2D) -> str:
    """Import as another process would: under another holder's name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("broker.directory.feed_import.own_holder", lambda: "another host|boot|1|1|1")
        imports = SqlImports(desk.engine, is_gone=is_gone)
        report = import_feed(
            feed=feed, paths=[folder], imports=imports, reader=AafFeed(), clock=desk.clock, rules=desk.rules
        )
    return report.state


class _Stop(Exception):
    """The operator pressed a key."""


def _stop_at(step: str) -> Callable[[Progress], None]:
    def stop(progress: Progress) -> None:
        if progress.step == step:
            raise _Stop

    return stop


def _run_row(import_id: str, *, state: str) -> dict[str, object]:
    return {
        "id": import_id,
        "feed": FEED_2D.id,
        "tenant": FEED_2D.tenant,
        "academie": "99",
        "complete": True,
        "checksum": "0" * 64,
        "covers": [],
        "state": state,
        "started_at": FakeClock()(),
        "holder": "another host|boot|1|1|1",
        "lease_until": FakeClock()(),
        "counts": {},
    }


def _staged_row(import_id: str) -> dict[str, object]:
    return {
        "import_id": import_id,
        "phase": 1,
        "seq": 1,
        "key": "1",
        "kind": "pupil",
        "op": "add",
        "content_hash": "",
        "relations": 0,
        "payload": "{}",
    }


def test_this_process_is_not_gone_and_a_pid_used_again_is() -> None:
    from broker.directory.lease import own_holder

    holder = own_holder()
    host, boot, pid, started, thread = holder.split("|")
    assert not is_gone(holder)
    assert is_gone(f"{host}|{boot}|{pid}|{started}0|{thread}")
    assert is_gone(f"{host}|otherboot|{pid}|{started}|{thread}")
    assert not is_gone(f"elsewhere|{boot}|{pid}|{started}0|{thread}")
    assert not is_gone("")
