"""Does the time tell whether there is somebody? Known against unknown, in pairs, on PostgreSQL.

    python -m bench.enumeration [--pairs 5000] [--dry]

Three questions: a login with a wrong passphrase against one that nobody has; a wrong code of a letter against one of no
letter; wrong digits for a number somebody has against those for a number nobody has. Each pair in random order; the
median of the differences is held against a bar. That the work is the same is counted in tests/attacks.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, text

from bench.import_aaf import postgresql_database
from bench.results import Row, append
from broker.accounts.activation import Activation, OwnSource, bound_of
from broker.accounts.hashing import HashCost, Hashing
from broker.accounts.letters import Addressee, Batch, issue_letters
from broker.accounts.own_login import OwnLogin
from broker.domain.credential_acts import IssueCodes
from broker.domain.credentials import Code, CodeKind, LetterCode, new_digits, new_letter_code
from broker.domain.errors import CodeRefused, CredentialsRefused
from broker.storage.engine import open_engine
from broker.storage.migrate import upgrade
from broker.storage.sql_audit import SqlAudit
from broker.storage.sql_codes import SqlCodes
from broker.storage.sql_credentials import SqlCredentials
from broker.storage.sql_family_facts import SqlFamilyFacts
from broker.storage.sql_people import SqlPeople
from policies import load_book

BAR_MS = 1.0
NOW = datetime.now(UTC)
PERSON, KNOWN, UNKNOWN = "prs_bench", "camille.martin", "camille.martim"
WRONG = "osier lagune tournevis"
BORN = date(2013, 2, 3)
Question = tuple[Callable[[], object], Callable[[], object]]


def main() -> None:
    """Ask, measure, append."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5000)
    parser.add_argument("--dry", action="store_true", help="print only")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder, _stand(Path(folder)) as questions:
        for name, question in questions.items():
            between = measured(question, options.pairs)
            print(f"{name}: {between:.3f} ms between known and unknown, over {options.pairs} pairs", flush=True)
            rows.append(Row(f"enumeration_{name}", between, BAR_MS, "lower", "ms"))
    if not options.dry:
        append(rows)


def measured(question: Question, pairs: int) -> float:
    """The median of the differences, milliseconds, without its sign."""
    differences = []
    for _ in range(pairs):
        order = [0, 1]
        random.shuffle(order)
        took = [0.0, 0.0]
        for place in order:
            began = time.perf_counter()
            question[place]()
            took[place] = time.perf_counter() - began
        differences.append((took[0] - took[1]) * 1e3)
    return abs(statistics.median(differences))


@contextmanager
def _stand(folder: Path) -> Iterator[dict[str, Question]]:
    hashing = Hashing(HashCost(workers=1))
    with postgresql_database(folder) as url:
        engine = open_engine(url)
        upgrade(engine)
        try:
            yield _questions(engine, hashing)
        finally:
            engine.dispose()
            hashing.close()


def _questions(engine: Engine, hashing: Hashing) -> dict[str, Question]:
    code = _people(engine, hashing)
    logins, codes = SqlCredentials(engine), SqlCodes(engine)
    source = OwnSource("maison", "bench", "https://preau.example")
    login = OwnLogin("maison", source.issuer, logins, hashing)
    audit = SqlAudit(engine, sign=lambda _: "", check=lambda *_: True)
    people, facts = SqlPeople(engine), SqlFamilyFacts(engine)
    activation = Activation(source, logins, codes, people, facts, audit, hashing)

    def sign_in(name: str) -> Callable[[], object]:
        def asked(password: str = WRONG) -> object:
            return login.authenticate(login=name, password=password, now=NOW, admit=lambda _: True)

        return lambda: _refused(asked, CredentialsRefused)

    def letter(locator: str) -> Callable[[], object]:
        typed = replace(new_letter_code(), locator=locator).written
        return lambda: _refused(lambda: activation.by_letter(typed, now=NOW, trace=""), CodeRefused)

    def digits(bound: str) -> Callable[[], object]:
        typed = new_digits()
        return lambda: _refused(lambda: activation.by_digits(bound, typed, BORN, now=NOW, trace=""), CodeRefused)

    free = next(each.locator for each in iter(new_letter_code, None) if each.locator != code.locator)
    return {
        "sign_in": (sign_in(KNOWN), sign_in(UNKNOWN)),
        "letter": (letter(code.locator), letter(free)),
        "digits": (digits("known"), digits("unknown")),
    }


def _refused(act: Callable[[], object], how: type[Exception]) -> None:
    try:
        act()
    except how:
        return
    raise AssertionError("somebody came in")


def _people(engine: Engine, hashing: Hashing) -> LetterCode:
    """One person with a passphrase, a letter and a short code, none of which is ever guessed at too often."""
    with engine.begin() as conn:
        conn.execute(text("INSERT INTO persons (id, created_at) VALUES (:id, now())"), {"id": PERSON})
        conn.execute(
            text(
                "INSERT INTO accounts (id, protocol, issuer, subject_format, subject, source_id, person_id, state,"
                " evidence, linked_at) VALUES ('acc', 'own', 'x', 'credential', 'acc', 'maison', :id, 'linked', '{}',"
                " now())"
            ),
            {"id": PERSON},
        )
        conn.execute(text("INSERT INTO own_logins VALUES (:name, 'acc', now())"), {"name": KNOWN})
        conn.execute(
            text(
                "INSERT INTO credentials (id, account_id, kind, secret, label, counter, since)"
                " VALUES ('crd', 'acc', 'passphrase', :hash, '', 0, now())"
            ),
            {"hash": hashing.hash("tournevis lagune osier")},
        )
    table, codes = load_book().installation.codes, SqlCodes(engine)
    batch, to = Batch("bat", "bench", "", NOW), Addressee(PERSON, "", "bench")
    (issued,) = issue_letters([to], codes=codes, hashing=hashing, table=table, batch=batch)
    sms = Code(
        "cod_sms", CodeKind.SMS, PERSON, hashing.hash("x"), "", NOW, NOW + timedelta(days=1), 0, 5,
        bound=bound_of("known", 0),
    )  # fmt: skip
    codes.issue(IssueCodes((sms,), "bench", "", (), ()))
    with engine.begin() as conn:
        conn.execute(text("UPDATE codes SET most_tries = 1000000000"))
    return issued.code


if __name__ == "__main__":
    main()
