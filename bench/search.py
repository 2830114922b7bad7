"""The desk's search on a made-up country in PostgreSQL: what it takes at one large agent's schools, page after page.

    python -m bench.search [--persons 5000000] [--scope 400000] [--asked 400] [--dry]

Persons, records and keys are made in the database itself from invented names, common ones far oftener than rare ones.
Asked in turn: names as typed, misspelt ones, classes, ends of telephone numbers; then pages 1 and 100 of a common name.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from bench.import_aaf import postgresql_database
from bench.results import Row, append
from broker.domain.search import MOST_ROWS, name_keys, read_asked
from broker.storage.engine import open_engine
from broker.storage.migrate import upgrade
from broker.storage.sql_search import SqlSearch

BAR_MS = 50.0
BAR_PAGE = 1.25
"""The hundredth page against the first: the same, within what two measures of one thing differ by."""
OF_A_SCHOOL = 625
_FAMILY, _GIVEN = 20_000, 2_000
_HEADS = ["b", "ch", "d", "f", "g", "j", "l", "m", "n", "p", "r", "s", "t", "v", "br", "cl", "dr", "gr", "pl", "tr"]
_HEARTS = ["a", "e", "i", "o", "u", "ai", "an", "au", "eau", "en", "eu", "in", "oi", "on", "ou"]
_TAILS = ["", "l", "n", "r", "t", "rd", "nt", "ld", "ss", "lle"]
_SCALE = (
    "INSERT INTO persons (id, created_at) SELECT 'p' || i, now() FROM generate_series(0, {n} - 1) i",
    (
        "INSERT INTO schools (uai, name, kind, academie, commune, contract)"
        " SELECT lpad(i::text, 7, '0') || 'A', 'Etablissement ' || i, '', '', '', ''"
        " FROM generate_series(0, {schools} - 1) i"
    ),
    (
        "CREATE UNLOGGED TABLE drawn AS SELECT i, floor(power(random(), 2) * {families})::int AS f,"
        " floor(power(random(), 2) * {givens})::int AS g, lpad(floor(random() * 10000)::int::text, 4, '0') AS tel"
        " FROM generate_series(0, {n} - 1) i"
    ),
    (
        "INSERT INTO records (id, feed, key, kind, academie, family_name, given_name, civility, name_key, ine, content,"
        " content_hash, seen_in, first_seen_at) SELECT 'r' || d.i, 'f', d.i::text,"
        " CASE WHEN d.i < {pupils} THEN 'pupil' ELSE 'guardian' END, '99', fn.name, gn.name, '',"
        " fn.name || '|' || gn.name || '|', '', '{{}}', '', 'x', now()"
        " FROM drawn d JOIN family_names fn ON fn.i = f JOIN given_names gn ON gn.i = g"
    ),
    (
        "INSERT INTO attachments (id, record_id, person_id, state, evidence_kind, evidence, actor, at)"
        " SELECT 'a' || i, 'r' || i, 'p' || i, 'attached', 'own_record', '{{}}', 'bench', now() FROM drawn"
    ),
    (
        "INSERT INTO enrolments (record_id, uai, class_code, since, class_label, mef, level_code)"
        " SELECT 'r' || i, lpad((i % {schools})::text, 7, '0') || 'A', c, now(), c, '', '' FROM"
        " (SELECT i, (3 + i % 4) || 'e' || chr(65 + (i / 4) % 8) AS c FROM drawn WHERE i < {pupils}) o"
    ),
    (
        "INSERT INTO guardianships (adult_record, child_record, since, feed, link_code, quality, may_see, may_act,"
        " pays, contact_first) SELECT 'r' || i, 'r' || ((i * 7 + k) % {pupils}), now(), 'f', '1', 'legal_guardian',"
        " true, true, false, false"
        " FROM drawn CROSS JOIN generate_series(0, 1) k WHERE i >= {pupils} AND (k = 0 OR i % 3 = 0)"
    ),
)
_KEYS = (
    (
        "CREATE UNLOGGED TABLE places AS SELECT DISTINCT g.adult_record AS id, e.uai FROM guardianships g"
        " JOIN enrolments e ON e.record_id = g.child_record UNION ALL SELECT record_id, uai FROM enrolments"
    ),
    "ALTER TABLE search_keys DROP CONSTRAINT pk_search_keys",
    "DROP INDEX ix_search_keys_record_id",
    "DROP INDEX ix_search_keys_mobile",
    (
        "INSERT INTO search_keys (uai, key, record_id) SELECT p.uai, k.key, p.id FROM places p"
        " JOIN drawn d ON 'r' || d.i = p.id CROSS JOIN LATERAL ("
        " SELECT key FROM name_keys WHERE i = d.f AND family"
        " UNION SELECT key FROM name_keys WHERE i = d.g AND NOT family"
        " UNION SELECT 'p:' || d.tel WHERE d.i >= {pupils}"
        " UNION SELECT 'm:+3369900' || d.tel WHERE d.i >= {pupils}"
        " UNION SELECT 'c:' || lower((3 + d.i % 4) || 'e' || chr(65 + (d.i / 4) % 8)) WHERE d.i < {pupils}) k"
    ),
    "ALTER TABLE search_keys ADD CONSTRAINT pk_search_keys PRIMARY KEY (uai, key, record_id)",
    "CREATE INDEX ix_search_keys_record_id ON search_keys (record_id, key)",
    "CREATE INDEX ix_search_keys_mobile ON search_keys (key) WHERE key >= 'm:' AND key < 'm;'",
)


def main() -> None:
    """Make the country, ask, print, append."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--persons", type=int, default=5_000_000)
    parser.add_argument("--scope", type=int, default=400_000)
    parser.add_argument("--asked", type=int, default=400)
    parser.add_argument("--dry", action="store_true", help="print only")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="preau-bench-") as folder, postgresql_database(Path(folder)) as url:
        engine = open_engine(url)
        upgrade(engine)
        names = make_country(engine, options.persons)
        scope = frozenset(f"{i:07}A" for i in range(min(options.scope, options.persons) // OF_A_SCHOOL))
        rows = [*ask_all(SqlSearch(engine), scope, names, options.asked), turn_pages(SqlSearch(engine), scope, names)]
        engine.dispose()
    for row in rows:
        print(f"{row.bench:<32} {row.ours:8.2f} {row.unit}   bar {row.bar}")
    if not options.dry:
        append(rows)


def make_country(engine: Engine, persons: int) -> tuple[list[str], list[str]]:
    """Make everything; returns the invented family and given names, the commonest first."""
    draw = random.Random(7)
    families, givens = _invented(draw, _FAMILY), _invented(draw, _GIVEN)
    sizes = {
        "n": persons, "schools": persons // OF_A_SCHOOL, "pupils": persons * 2 // 5,
        "families": len(families), "givens": len(givens),
    }  # fmt: skip
    with engine.begin() as conn:
        conn.execute(text("SET LOCAL session_replication_role = replica"))  # made whole: no foreign key to look at
        _write_names(conn, families, givens)
        for statement in (*_SCALE, *_KEYS):
            began = time.monotonic()
            conn.execute(text(statement.format(**sizes)))
            print(f"{time.monotonic() - began:7.1f} s  {statement[:70]}", flush=True)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text("VACUUM ANALYZE"))
        print(conn.execute(text(_SIZES)).all())
    return families, givens


_SIZES = (
    "SELECT count(*), pg_size_pretty(pg_total_relation_size('search_keys')),"
    " count(*) FILTER (WHERE key LIKE 's:%'), (SELECT count(*) FROM records) FROM search_keys"
)


def _write_names(conn: Connection, families: list[str], givens: list[str]) -> None:
    conn.execute(text("CREATE TABLE name_keys (i int, family boolean, key text)"))
    for table, names in (("family_names", families), ("given_names", givens)):
        conn.execute(text(f"CREATE TABLE {table} (i int PRIMARY KEY, name text)"))
        conn.execute(
            text(f"INSERT INTO {table} VALUES (:i, :n)"),  # noqa: S608 - constants
            [{"i": i, "n": n} for i, n in enumerate(names)],
        )
        keys = [
            {"i": i, "f": table == "family_names", "k": key} for i, name in enumerate(names)
            for key in name_keys(name, "")
        ]  # fmt: skip
        conn.execute(text("INSERT INTO name_keys VALUES (:i, :f, :k)"), keys)
    conn.execute(text("CREATE INDEX ON name_keys (i, family)"))


def _invented(draw: random.Random, count: int) -> list[str]:
    names: dict[str, None] = {}
    while len(names) < count:
        syllables = draw.choice((2, 2, 3))
        word = "".join(draw.choice(_HEADS) + draw.choice(_HEARTS) for _ in range(syllables))
        names[word + draw.choice(_TAILS)] = None
    return list(names)


def ask_all(port: SqlSearch, scope: frozenset[str], names: tuple[list[str], list[str]], count: int) -> Iterator[Row]:
    """The 95th of a hundred answers of each sort, in milliseconds."""
    draw = random.Random(11)
    for sort, typed in _QUESTIONS.items():
        spent = sorted(_timed(port, typed(draw, names), scope) for _ in range(count))
        print(f"{sort:<12} median {statistics.median(spent):6.2f} ms, worst {spent[-1]:6.2f} ms", flush=True)
        yield Row(f"search_{sort}_p95", spent[int(len(spent) * 0.95)], BAR_MS, "lower", "ms")


def turn_pages(port: SqlSearch, scope: frozenset[str], names: tuple[list[str], list[str]]) -> Row:
    """The hundredth page of the commonest given name against its first."""
    asked, after, times = read_asked(names[1][0][:3]), "", []
    for _ in range(100):
        began = time.perf_counter()
        found = port.find(asked, scope, after=after, limit=MOST_ROWS)
        times.append((time.perf_counter() - began) * 1000)
        if not found.after:
            break
        after = found.after
    first, last = statistics.median(times[1:10]), statistics.median(times[-9:])
    print(f"{len(times)} pages: the first ones {first:.2f} ms, the last ones {last:.2f} ms")
    return Row("search_page_100", last, BAR_PAGE, "lower", "ms", peer="page 1", peer_value=first)


def _timed(port: SqlSearch, typed: str, scope: frozenset[str]) -> float:
    began = time.perf_counter()
    port.find(read_asked(typed), scope, after="", limit=MOST_ROWS)
    return (time.perf_counter() - began) * 1000


def _name(draw: random.Random, names: tuple[list[str], list[str]]) -> str:
    family = names[0][int(draw.random() ** 2 * _FAMILY)]
    given = names[1][int(draw.random() ** 2 * _GIVEN)]
    return draw.choice((family, f"{given} {family}", f"{family[:5]} {given[:3]}"))


def _misspelt(draw: random.Random, names: tuple[list[str], list[str]]) -> str:
    name = _name(draw, names)
    place = draw.randrange(1, len(name))
    return name[:place] + name[place - 1] + name[place:] if draw.random() < 0.5 else name[:place] + name[place + 1 :]


def _class(draw: random.Random, _names: tuple[list[str], list[str]]) -> str:
    return f"{draw.randrange(3, 7)}e{draw.choice('ABCDEFGH')}"


def _phone_end(draw: random.Random, _names: tuple[list[str], list[str]]) -> str:
    return f"{draw.randrange(10_000):04}"


_QUESTIONS: dict[str, Callable[[random.Random, tuple[list[str], list[str]]], str]] = {
    "name": _name, "misspelt": _misspelt, "class": _class, "phone": _phone_end,
}  # fmt: skip


if __name__ == "__main__":
    main()
