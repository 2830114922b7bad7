"""What some services are told beyond the view of a person: read only when a service's claims ask for it.

No field holds an INE, another adult or a relation: what is not here cannot be released. Telephone number and address
are the guardian's own; on the record of a pupil they may be a parent's, and are told of nobody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from broker.domain.people import RecordKind
from broker.domain.trust import Disputed


@dataclass(frozen=True, slots=True)
class OwnPlace:
    """Where a record of the person puts them: a class, or (without class) a post. `structure_type` as the feed says."""

    uai: str
    structure_type: str = ""
    class_label: str = ""
    mef: str = ""


@dataclass(frozen=True, slots=True)
class OwnRecord:
    """What one live record says of the person. `number` is a pupil's number in the base of its school (SIECLE).

    `mobile` in E.164 where the feed can tell, `address` in one line: empty but for a guardian.
    `ranks` say how far its feed stands from the most trusted one, by attribute.
    """

    kind: RecordKind
    feed: str
    key: str
    birth_date: date | None = None
    mail: str = ""
    postal_code: str = ""
    number: str = ""
    teachings: tuple[str, ...] = ()
    places: tuple[OwnPlace, ...] = ()
    ranks: Mapping[Disputed, int] = field(default_factory=dict)
    mobile: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class ChildPlace:
    """A child the person may see now, at one school, and the child's number in that school's base (SIECLE)."""

    child_id: str
    uai: str
    structure_type: str = ""
    number: str = ""


@dataclass(frozen=True, slots=True)
class OwnLogin:
    """The name under which the person signs in at a source that recognises people by a login."""

    source_id: str
    login: str


@dataclass(frozen=True, slots=True)
class PersonDetails:
    """What was asked of the person's records (oldest first), of the children they may see, and of their logins."""

    records: tuple[OwnRecord, ...] = ()
    children: tuple[ChildPlace, ...] = ()
    logins: tuple[OwnLogin, ...] = ()


NO_DETAILS = PersonDetails()
