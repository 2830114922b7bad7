"""National attribute names and authoritative references, once (SDET, AAF, EduConnect).

A reference that is not exactly well formed is no reference: it is dropped, never repaired, because what it finds is a
family.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from broker.domain.people import Reference

JOINTURE = "ENTPersonJointure"
"""Multi-valued `<numbering authority>$<key>` (SDET, class ENTPerson): one value per record of the same human."""
REF_ID = "FrEduCtRefId"
"""Multi-valued `{AAF}<academie>|<ignored>|<key>` (EduConnect, released to ENTs)."""
AFFILIATION = "FrEduCtPersonAffiliation"
AUTH_ORIGIN = "FrEduOrigAuth"
"""By which credential the EduConnect login was made; `ECT` is its own password."""

MOST_REFERENCES = 32
"""A human with more records than this is a release rule gone wrong."""

_AAF_TAG = "{AAF}"
_AAF_PARTS = 3
_NUMBER = re.compile(r"[0-9]{1,20}")
_AAF_KEY = re.compile(r"P?[0-9]{1,20}")

ACADEMIE_NUMBERS = frozenset(
    f"{number:02}"
    for number in (
        *range(29),  # 00 abroad, 01 Paris … 28 La Réunion
        *(31, 32, 33, 40, 41, 42, 43, 44, 54),
        *range(61, 68),
        *(70, 91, 98, 99),  # Normandie, EU, agriculture, not applicable
    )
)
"""Numbers in use. One digit is the same number as two: `1` and `01` are Paris."""

ACADEMIE_CODES: Mapping[str, str] = {
    "AIX": "02", "AMI": "20", "BES": "03", "BRD": "04", "CAE": "05", "CMF": "06", "CRE": "24", "CRS": "27",
    "DIJ": "07", "GRE": "08", "GUA": "32", "GUY": "33", "LIL": "09", "LIM": "22", "LYO": "10", "MAR": "31",
    "MAY": "43", "MON": "11", "NAN": "17", "NCL": "40", "NCY": "12", "NIC": "23", "ORL": "18", "PAR": "01",
    "POI": "13", "POL": "41", "REI": "19", "REN": "14", "REU": "28", "ROU": "21", "SPM": "44", "STR": "15",
    "TLS": "16", "VRS": "25", "WAF": "42",
}  # fmt: skip
"""The older three-letter codes of the same table, still met in `FrEduCtRefId`."""


def parse_academie(text: str) -> str | None:
    """Two-digit number of an académie written as a number or as its older code; None when it is neither."""
    if text in ACADEMIE_CODES:
        return ACADEMIE_CODES[text]
    if not _NUMBER.fullmatch(text) or len(text) > 2:  # noqa: PLR2004 - an académie has one or two digits
        return None
    number = text.zfill(2)
    return number if number in ACADEMIE_NUMBERS else None


def parse_ref_id(value: str) -> Reference | None:
    """Read one `FrEduCtRefId`: the AAF tag, exactly three parts, an académie, a numeric key. Anything else is None."""
    if not value.startswith(_AAF_TAG):
        return None
    parts = value.removeprefix(_AAF_TAG).split("|")
    if len(parts) != _AAF_PARTS or not _AAF_KEY.fullmatch(parts[2]):
        return None
    academie = parse_academie(parts[0])
    return Reference(academie, parts[2]) if academie else None


def parse_jointure(value: str, academies: Mapping[str, str]) -> Reference | None:
    """Read one `ENTPersonJointure` by the numbering authorities allotted to the source (`AC-TEST` → `99`).

    The authority's name is compared without case, as the schema does (caseIgnoreMatch); the key is a number.
    """
    authority, separator, key = value.partition("$")
    if not separator or not _AAF_KEY.fullmatch(key):
        return None
    known = {name.upper(): number for name, number in academies.items()}
    academie = parse_academie(known.get(authority.upper(), ""))
    return Reference(academie, key) if academie else None


def distinct(references: Iterable[Reference | None]) -> tuple[Reference, ...] | None:
    """The references that could be read, each once, in order; None when there are more than a human can have."""
    found = tuple(dict.fromkeys(reference for reference in references if reference is not None))
    return found if len(found) <= MOST_REFERENCES else None
