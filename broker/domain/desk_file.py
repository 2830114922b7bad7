"""What is read of one person for the desk: their children or adults, their schools, the classes of a school."""

from __future__ import annotations

from dataclasses import dataclass

from broker.domain.people import PersonName


@dataclass(frozen=True, slots=True)
class FiledChild:
    """A child beside whom an adult stands, at one school, whatever the adult may see of it."""

    child_id: str
    given: str
    uai: str
    school: str
    class_label: str


@dataclass(frozen=True, slots=True)
class FiledAdult:
    """An adult who stands beside a pupil."""

    person_id: str
    name: PersonName


@dataclass(frozen=True, slots=True)
class ClassPupil:
    """A pupil of a class, and the adults who may see the pupil: those whom letters go to."""

    person_id: str
    name: PersonName
    class_label: str
    adults: tuple[FiledAdult, ...] = ()
