"""`Quality` in SQL: the picture of one school, and the findings in it from the delivery that brought each to its end.

Every statement begins at the school: an index of places by school leads to its pupils, and keys from there on. An
import does nothing for all this but keep that index: a school is looked at when somebody asks for its findings, so
that an académie's delivery does not wait for eight thousand schools of which few are read.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from broker.domain.guardianship import Quality
from broker.domain.imports import ImportState
from broker.domain.people import PersonName, RecordKind
from broker.domain.quality import (
    Beside,
    Deliveries,
    Delivery,
    Finding,
    FindingKind,
    IneBearer,
    QualityCheck,
    SchoolAdult,
    SchoolPicture,
    SchoolPupil,
    TrackedFinding,
)
from broker.domain.school import ine_is_plausible
from broker.storage.engine import reading, transact
from broker.storage.schema import enrolments, guardianships, imports, quality_findings, records, schools
from broker.storage.sql_imports_bulk import among

_APPLIED = (ImportState.DONE.value, ImportState.APPLYING.value)
_SHOWN_OF_INE = 3
_MOST_BEARERS = 50_000
"""Records that bear the INEs of one school: a school has some thousands of pupils."""


class SqlQuality:
    """`Quality` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        dialect = postgresql if engine.dialect.name == "postgresql" else sqlite
        self._open = dialect.insert(quality_findings).on_conflict_do_nothing()

    def knows(self, uai: str) -> bool:
        """See `Quality.knows`."""
        with reading(self._engine) as conn:
            return conn.execute(select(schools.c.uai).where(schools.c.uai == uai)).one_or_none() is not None

    def deliveries(self, feeds: Sequence[str]) -> Deliveries:
        """See `Quality.deliveries`."""
        with reading(self._engine) as conn:
            return _deliveries(conn, feeds)

    def picture(self, uai: str, *, feeds: Sequence[str], own: Sequence[str]) -> SchoolPicture:
        """See `Quality.picture`."""
        with reading(self._engine) as conn:
            pupils = _pupils(conn, enrolled(conn, uai), feeds)
            beside = _beside(conn, pupils)
            return SchoolPicture(
                uai=uai,
                pupils=pupils,
                adults=_adults(conn, beside, own),
                beside=beside,
                bearers=_bearers(conn, pupils),
            )

    def track(self, check: QualityCheck) -> bool:
        """See `Quality.track`. What another reader of the same school opened meanwhile stays as that one wrote it."""

        def work(conn: Connection) -> bool:
            if _deliveries(conn, list(check.deliveries.last)) != check.deliveries:
                return False
            standing = {_finding(row): row for row in conn.execute(_standing(check.uai))}
            _close(conn, [row for found, row in standing.items() if found not in check.found], check)
            _confirm(conn, check)
            known = check.deliveries.last
            fresh = [_row(one, check) for one in sorted(check.found) if one not in standing and one.feed in known]
            if fresh:
                conn.execute(self._open, fresh)
            return True

        return transact(self._engine, work)

    def findings(self, uai: str) -> tuple[TrackedFinding, ...]:
        """See `Quality.findings`."""
        with reading(self._engine) as conn:
            found = [_tracked(row) for row in conn.execute(_findings_of(uai))]
        closed = sorted((one for one in found if one.closed_at), key=lambda one: one.closed_at or one.last_seen)
        return (*(one for one in found if not one.closed_at), *reversed(closed))


# ---- the picture of a school --------------------------------------------------------------------------------------


def enrolled(conn: Connection, uai: str) -> Mapping[str, tuple[str, str]]:
    """Records with a place at the school, with the code and the label of a class (the last of several; maybe none).

    What follows goes by these keys, handed over: right after an import no planner knows yet that a school is small.
    """
    code, label = func.max(enrolments.c.class_code), func.max(enrolments.c.class_label)
    query = (
        select(enrolments.c.record_id, code.label("code"), label.label("label"))
        .where(enrolments.c.uai == uai, enrolments.c.until.is_(None))
        .group_by(enrolments.c.record_id)
    )
    return {row.record_id: (row.code, row.label) for row in conn.execute(query)}


def _pupils(conn: Connection, places: Mapping[str, tuple[str, str]], feeds: Sequence[str]) -> tuple[SchoolPupil, ...]:
    columns = (records.c.id, records.c.feed, records.c.name_key, records.c.birth_date, records.c.ine)
    query = select(*columns).where(
        among(conn, records.c.id, places),
        records.c.kind == RecordKind.PUPIL.value,
        records.c.retired_at.is_(None),
    )
    return tuple(
        SchoolPupil(row.id, row.feed, row.name_key, row.birth_date, row.ine, in_class=places[row.id][0] != "")
        for row in conn.execute(query.order_by(records.c.id))
        if row.feed in feeds
    )


def _beside(conn: Connection, pupils: Sequence[SchoolPupil]) -> tuple[Beside, ...]:
    columns = ("adult_record", "child_record", "link_code", "quality")
    query = select(*(guardianships.c[name] for name in columns)).where(
        among(conn, guardianships.c.child_record, [pupil.record_id for pupil in pupils]),
        guardianships.c.until.is_(None),
    )
    return tuple(
        Beside(row.adult_record, row.child_record, row.link_code, row.quality == Quality.LEGAL_GUARDIAN.value)
        for row in conn.execute(query)
    )


def _adults(conn: Connection, beside: Sequence[Beside], own: Sequence[str]) -> tuple[SchoolAdult, ...]:
    """Those beside the school's pupils, and every adult of the feeds that speak of this school alone."""
    legal = select(guardianships.c.since).where(
        guardianships.c.adult_record == records.c.id, guardianships.c.until.is_(None),
        guardianships.c.quality == Quality.LEGAL_GUARDIAN.value,
    )  # fmt: skip
    columns = (records.c.id, records.c.feed, records.c.name_key, records.c.content, legal.exists().label("legal"))
    live = (records.c.kind == RecordKind.GUARDIAN.value, records.c.retired_at.is_(None))
    queries = [select(*columns).where(among(conn, records.c.id, {one.adult_record for one in beside}), *live)]
    if own:
        queries.append(select(*columns).where(records.c.feed.in_(own), *live))
    found = {row.id: _adult(row) for query in queries for row in conn.execute(query)}
    return tuple(found[record_id] for record_id in sorted(found))


def _adult(row: Row[Any]) -> SchoolAdult:
    told = json.loads(row.content)
    return SchoolAdult(
        row.id, row.feed, row.name_key, mobile=told.get("mobile", ""), mail=told.get("mail", ""), legal=bool(row.legal)
    )


def _bearers(conn: Connection, pupils: Sequence[SchoolPupil]) -> Mapping[str, tuple[IneBearer, ...]]:
    """Who bears the pupils' INEs. Dummies are not asked for: half an académie may bear one."""
    ines = {pupil.ine for pupil in pupils if ine_is_plausible(pupil.ine)}
    if not ines:
        return {}
    query = (
        select(records.c.ine, records.c.id, records.c.name_key, records.c.birth_date)
        .where(
            among(conn, records.c.ine, ines), records.c.ine != "",
            records.c.kind == RecordKind.PUPIL.value, records.c.retired_at.is_(None),
        )
        .order_by(records.c.id)
        .limit(_MOST_BEARERS)
    )  # fmt: skip
    found: dict[str, list[IneBearer]] = defaultdict(list)
    for row in conn.execute(query):
        found[row.ine].append(IneBearer(row.id, row.name_key, row.birth_date))
    return {ine: tuple(bearers) for ine, bearers in found.items()}


# ---- deliveries ---------------------------------------------------------------------------------------------------


def _deliveries(conn: Connection, feeds: Sequence[str]) -> Deliveries:
    """A run that is being applied has changed some of its records already: findings of that hour are of no state."""
    query = (
        select(imports.c.feed, imports.c.id, imports.c.state, imports.c.applied_at)
        .where(imports.c.feed.in_(feeds), imports.c.state.in_(_APPLIED), imports.c.applied_at.is_not(None))
        .order_by(imports.c.applied_at)
    )
    rows = conn.execute(query).fetchall()
    done = [row for row in rows if row.state == ImportState.DONE.value]
    return Deliveries({row.feed: Delivery(row.id, row.applied_at) for row in done}, at_work=len(done) < len(rows))


# ---- tracking -----------------------------------------------------------------------------------------------------


def _standing(uai: str) -> Select[Any]:
    return select(quality_findings).where(quality_findings.c.uai == uai, quality_findings.c.closed_at.is_(None))


def _close(conn: Connection, rows: Sequence[Row[Any]], check: QualityCheck) -> None:
    """Findings of a feed without a delivery are left alone: nothing can tell that they are mended."""
    last = check.deliveries.last
    closing = [
        {"row": row.id, "at": last[row.feed].at, "run": last[row.feed].import_id} for row in rows if row.feed in last
    ]
    if closing:
        statement = update(quality_findings).where(
            quality_findings.c.id == bindparam("row"), quality_findings.c.closed_at.is_(None)
        )
        conn.execute(statement.values(closed_at=bindparam("at"), closed_in=bindparam("run")), closing)


def _confirm(conn: Connection, check: QualityCheck) -> None:
    """What still stands open was seen in the last delivery of its feed."""
    for feed, delivery in check.deliveries.last.items():
        open_of_feed = (quality_findings.c.uai == check.uai, quality_findings.c.feed == feed)
        conn.execute(
            update(quality_findings)
            .where(
                *open_of_feed,
                quality_findings.c.closed_at.is_(None),
                quality_findings.c.last_seen < delivery.at,
            )
            .values(last_seen=delivery.at)
        )


def _row(finding: Finding, check: QualityCheck) -> dict[str, Any]:
    delivery = check.deliveries.last[finding.feed]
    return {
        "uai": check.uai,
        "feed": finding.feed,
        "record_id": finding.record_id,
        "finding": finding.kind.value,
        "other": finding.other,
        "first_seen": delivery.at,
        "first_seen_in": delivery.import_id,
        "last_seen": delivery.at,
    }


def _finding(row: Row[Any]) -> Finding:
    return Finding(FindingKind(row.finding), row.feed, row.record_id, row.other)


def _findings_of(uai: str) -> Select[Any]:
    other = records.alias("other_record")
    label = (
        select(func.max(enrolments.c.class_label))
        .where(
            enrolments.c.record_id == quality_findings.c.record_id,
            enrolments.c.uai == uai,
            enrolments.c.until.is_(None),
        )
        .scalar_subquery()
    )
    return (
        select(
            quality_findings, records.c.family_name, records.c.given_name, records.c.civility, records.c.ine,
            label.label("class_label"), other.c.family_name.label("other_family"),
            other.c.given_name.label("other_given"), other.c.civility.label("other_civility"),
        )
        .join(records, records.c.id == quality_findings.c.record_id)
        .outerjoin(other, other.c.id == quality_findings.c.other)
        .where(quality_findings.c.uai == uai)
        .order_by(quality_findings.c.finding, records.c.family_name, records.c.given_name, quality_findings.c.id)
    )  # fmt: skip


def _tracked(row: Row[Any]) -> TrackedFinding:
    return TrackedFinding(
        finding=_finding(row),
        name=PersonName(row.family_name, row.given_name, row.civility),
        class_label=row.class_label or "",
        ine_end=row.ine[-_SHOWN_OF_INE:],
        other_name=None
        if row.other_family is None
        else PersonName(row.other_family, row.other_given, row.other_civility),
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        closed_at=row.closed_at,
        closed_in=row.closed_in or "",
    )
