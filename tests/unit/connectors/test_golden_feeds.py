"""Deliveries in the structure of real ones, with invented people, read to the last field.

What each gives stands beside it in `attendu.json`, in the order of the reader.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from broker.domain.feed import PERSON_FIELDS, FeedFault, FeedRow
from broker.domain.guardianship import Quality
from broker.domain.people import RecordKind
from broker.domain.ports import IdentityFeed
from broker.domain.school import Level
from connectors.aaf import AafFeed
from connectors.onde import OndeFeed
from connectors.siecle import SiecleFeed
from connectors.vendor_csv import VendorColumns, VendorCsvFeed
from tests.ldif import LdifFeed

GOLDEN = Path(__file__).parents[2] / "golden_feeds"
VENDOR_COLUMNS = VendorColumns(
    login="Identifiant", family="Nom", given="Prénom", civility="Civilité", mobile="Portable", mail="Courriel",
    school="UAI",
)  # fmt: skip
READERS: Mapping[str, IdentityFeed] = {
    "aaf/1d": AafFeed(),
    "aaf/2d": AafFeed(),
    "aaf/delta": AafFeed(),
    "ldap": LdifFeed(date(2026, 9, 7), "dc=ent-test,dc=fr"),
    "onde": OndeFeed("9990001X", date(2026, 9, 7), Quality.LEGAL_GUARDIAN),
    "siecle/niveau": SiecleFeed(Level.COLLEGE),
    "siecle/rang": SiecleFeed(Level.COLLEGE),
    "vendor_csv": VendorCsvFeed("9990002Y", date(2026, 9, 9), RecordKind.GUARDIAN, VENDOR_COLUMNS),
}


def spelt(value: Any) -> Any:
    """A record with the names of its fields, and theirs."""
    if hasattr(value, "_asdict"):
        return {name: spelt(one) for name, one in value._asdict().items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: spelt(getattr(value, field.name)) for field in fields(value)}
    return tuple(map(spelt, value)) if isinstance(value, tuple) else value


def told(item: FeedRow | FeedFault) -> dict[str, Any]:
    """An item with its fields that are not empty; every field being stated is left out."""
    if isinstance(item, FeedFault):
        return {"fault": asdict(item)}
    plain = {name: value for name, value in spelt(item.record).items() if value not in ("", (), None)}
    stated = plain.pop("stated", PERSON_FIELDS)
    if stated != PERSON_FIELDS:
        plain["unsaid"] = sorted(PERSON_FIELDS - stated)
    return {"file": item.file, "line": item.line, "addition": item.addition, **plain}


def transcript(reader: IdentityFeed, folder: Path) -> str:
    """What a delivery says of itself and gives, as text."""
    header = asdict(reader.open([folder]))
    header["covers"] = sorted(header["covers"])
    items = [told(item) for item in reader.read([folder])]
    return json.dumps({"header": header, "items": items}, ensure_ascii=False, indent=1, default=str) + "\n"


@pytest.mark.parametrize("place", READERS)
def test_a_delivery_in_the_real_structure_gives_exactly_what_is_written_beside_it(place: str) -> None:
    expected = (GOLDEN / place / "attendu.json").read_text(encoding="utf-8")
    assert json.loads(transcript(READERS[place], GOLDEN / place)) == json.loads(expected)


def test_both_generations_of_codes_say_the_same_of_rights() -> None:
    """The foster assistant is in charge in the newer one; the older one had no word for it but a rank."""
    rights = []
    for place in ("siecle/niveau", "siecle/rang"):
        rows = [item.record for item in READERS[place].read([GOLDEN / place]) if isinstance(item, FeedRow)]
        rights.append({(one.key, r.adult_key): r.quality for one in rows for r in getattr(one, "relations", ())})
    newer, older = rights
    assert newer.pop(("771205", "880104")) is Quality.IN_CHARGE
    assert older.pop(("771205", "880104")) is Quality.LEGAL_GUARDIAN
    assert newer == older
