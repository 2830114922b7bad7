"""Invented people and the library of descriptors, for tests of what a service is told; prints the golden files.

`python -m tests.releases` writes `tests/golden/*.txt` anew: read the difference before it is kept.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

from broker.domain.details import ChildPlace, OwnLogin, OwnPlace, OwnRecord, PersonDetails
from broker.domain.errors import PreauError
from broker.domain.people import ChildCard, PersonName, PersonView, Post, Profil, RecordKind
from broker.domain.release_rules import ReleaseRules
from broker.domain.school import Level
from broker.domain.services import Protocol, Service
from broker.services.register import load_services
from broker.services.release import About, Asker, as_claims, release_for
from broker.wire.cas_answer import write_success
from policies import Policies, load

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "services" / "library"
GOLDEN = Path(__file__).parent / "golden"
NOW = datetime(2026, 9, 14, 8, 0, tzinfo=UTC)
COLLEGE, ECOLE = "0990002Y", "0990001X"

MAELYS = ChildCard(
    "prs_maelys", "Maëlys", "QUEMENEUR", COLLEGE, "Collège des Tilleuls", Level.COLLEGE, "6B", None, class_code="6B"
)
TITOUAN = ChildCard(
    "prs_titouan", "Titouan", "QUEMENEUR", ECOLE, "École du Port", Level.ECOLE, "CE1", None, class_code="30412"
)
TEACHES = Post(COLLEGE, "Collège des Tilleuls", Level.COLLEGE, Profil.ENSEIGNANT, "ENS")


@dataclass(frozen=True, slots=True)
class Somebody:
    """An invented person, the children they may see, and everything the details could say."""

    view: PersonView
    children: tuple[ChildCard, ...]
    details: PersonDetails

    def about(self, *, subject: str = "0123456789abcdef0123456789abcdef") -> About:
        """What a release is built from."""
        return About(
            self.view,
            self.children,
            subject=subject,
            child_subject=lambda child: f"subject-of-{child}",
            now=NOW,
            details=self.details,
        )


_AT_COLLEGE = OwnPlace(COLLEGE, "COLLEGE", "6B", "10110019110")
MOTHER = Somebody(
    PersonView("prs_aline", PersonName("QUEMENEUR", "Aline", "Mme"), frozenset({RecordKind.GUARDIAN})),
    (MAELYS, TITOUAN),
    PersonDetails(
        records=(
            OwnRecord(RecordKind.GUARDIAN, "99-2d", "500101", date(1984, 2, 3), "aline@example.org", "99100"),
            OwnRecord(RecordKind.GUARDIAN, "99-1d", "610777", None, "", "99100"),
        ),
        children=(
            ChildPlace("prs_maelys", COLLEGE, "COLLEGE", "771204"),
            ChildPlace("prs_titouan", ECOLE, "ECOLE DE NIVEAU ELEMENTAIRE", "30981"),
        ),
        logins=(OwnLogin("ent-1", "aline.quemeneur"), OwnLogin("ent-2", "a.quemeneur")),
    ),
)
PUPIL = Somebody(
    PersonView("prs_maelys", PersonName("QUEMENEUR", "Maëlys"), frozenset({RecordKind.PUPIL}), pupil_at=(MAELYS,)),
    (),
    PersonDetails(
        records=(
            OwnRecord(
                RecordKind.PUPIL, "99-2d", "200345", date(2015, 3, 14), "aline@example.org", "99100", "771204",
                ("020300", "030201"), (_AT_COLLEGE,),
            ),
        ),
        logins=(OwnLogin("ent-1", "maelys.quemeneur"),),
    ),
)  # fmt: skip
TEACHER = Somebody(
    PersonView("prs_camille", PersonName("BERNARD", "Camille"), frozenset({RecordKind.STAFF}), posts=(TEACHES,)),
    (),
    PersonDetails(
        records=(
            OwnRecord(
                RecordKind.STAFF, "99-2d", "300001", date(1979, 7, 8), "camille.bernard@ac-fictive.example", "99200",
                places=(OwnPlace(COLLEGE, "COLLEGE"),),
            ),
        ),
        logins=(OwnLogin("ent-1", "camille.bernard"),),
    ),
)  # fmt: skip
PEOPLE = {"guardian": MOTHER, "pupil": PUPIL, "teacher": TEACHER}


@cache
def shipped() -> Policies:
    """The shipped policies."""
    return load()


@cache
def library() -> dict[str, Service]:
    """Every descriptor of the library by its id, read by the strict reader from a copy with a secret beside it."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(LIBRARY, Path(folder) / "library")
        (Path(folder) / "secrets").mkdir()
        (Path(folder) / "secrets" / "modele").write_text("modele-" + "x" * 50, encoding="ascii")
        register = load_services(Path(folder) / "library")
    return {service.service_id: service for service in register.all()}


def render(service: Service) -> str:
    """Everything the service is told of everybody, by CAS and by OpenID Connect, to the byte."""
    return "".join(f"## {title}\n{told}\n" for title, told in _told(service))


def _told(service: Service) -> Iterator[tuple[str, str]]:
    rules = service.release or ReleaseRules()
    schools = ("", COLLEGE) if rules.school_parameter else ("",)
    for name, somebody in PEOPLE.items():
        for school in schools:
            title = f"{name}, school in play {school}" if school else name
            if Protocol.SAML in service.protocols:
                yield f"{title}: SAML", saml_of(service, somebody, school=school)
                continue
            yield f"{title}: CAS", cas_of(service, somebody, school=school)
            yield f"{title}: OpenID Connect", oidc_of(service, somebody, school=school)


def cas_of(service: Service, somebody: Somebody, *, school: str = "") -> str:
    """The CAS answer, or the code of the refusal."""
    rules = service.release or ReleaseRules()
    try:
        told = release_for(shipped(), Asker(service, Protocol.CAS, school), somebody.about())
    except PreauError as refusal:
        return f"refused: {refusal.code}"
    return write_success(told.principal, told.attributes, shape=rules.xml).body.decode()


def saml_of(service: Service, somebody: Somebody, *, school: str = "") -> str:
    """The NameID and the attributes, or the code of the refusal."""
    try:
        told = release_for(shipped(), Asker(service, Protocol.SAML, school), somebody.about())
    except PreauError as refusal:
        return f"refused: {refusal.code}"
    attributes = {each.name: list(each.texts) for each in told.attributes}
    return json.dumps({"NameID": told.principal, **attributes}, ensure_ascii=False)


def oidc_of(service: Service, somebody: Somebody, *, school: str = "") -> str:
    """The claims of userinfo beside `sub`, or the code of the refusal."""
    try:
        told = release_for(shipped(), Asker(service, Protocol.OIDC, school), somebody.about())
    except PreauError as refusal:
        return f"refused: {refusal.code}"
    return json.dumps(as_claims(told), ensure_ascii=False)


def with_rules(service: Service, rules: ReleaseRules | None, **changes: object) -> Service:
    """The service under other rules."""
    return replace(service, release=rules, **changes)  # type: ignore[arg-type]


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name, service in library().items():
        (GOLDEN / f"{name}.txt").write_text(render(service), encoding="utf-8")
